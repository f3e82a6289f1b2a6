import Testing

@testable import GatewayCore

@Suite struct DeliveryPolicyTests {
  private let stream = StreamID(bits: 0x6b22_b4c8_d715_5218)
  private var request: DeliveryRequest { DeliveryRequest(rows: 1201...1202, stream: stream) }
  private let echo = #"{"stream":"6b22b4c8d7155218","first":1201,"last":1202}"#

  private func judge(
    _ status: Int, type: String? = nil, body: String = "", retryAfter: Int64 = 0, isWhole: Bool = true,
    _ acknowledgement: DestinationConfig.Acknowledgement = .status
  ) -> DeliveryVerdict {
    let answer = DeliveryAnswer(
      status: status, contentType: type, retryAfter: retryAfter, body: Array(body.utf8), isWhole: isWhole)
    return DeliveryPolicy.judge(
      .answer(answer), request, at: DestinationConfig(name: "p", url: "", acknowledgement: acknowledgement))
  }

  private func trouble(_ verdict: DeliveryVerdict) -> DeliveryTrouble? {
    if case .keep(let trouble, _, _) = verdict { trouble } else { nil }
  }

  private func wait(_ verdict: DeliveryVerdict) -> Duration? {
    if case .keep(_, _, let wait) = verdict { wait } else { nil }
  }

  @Test func every2xxIsAnAcknowledgement() {
    for status in 200...299 { #expect(judge(status, type: "application/json", body: "{}") == .accepted) }
    #expect(judge(204) == .accepted)
  }

  @Test("fault 36: a web page is no acknowledgement, labelled or not")
  func aWebPageIsNoAcknowledgement() {
    for type in ["text/html", "text/html; charset=utf-8", "Text/HTML;charset=x", "application/xhtml+xml"] {
      #expect(trouble(judge(200, type: type, body: "<p>Log in")) == .misconfigured)
    }
    for body in ["<!DOCTYPE html><html>", "\r\n <HTML><body>"] {
      #expect(trouble(judge(200, body: body)) == .misconfigured)
    }
    // A portal that answers with the type that was asked for, and one that begins with a byte order mark.
    for body in ["<!DOCTYPE html>", "<!-- x --><html>", "<?xml version='1.0'?><html>", " <html>"] {
      #expect(trouble(judge(200, type: "application/json", body: body)) == .misconfigured)
    }
    #expect(trouble(judge(200, type: "text/plain", body: "\u{FEFF}<!doctype html>")) == .misconfigured)
    #expect(judge(200, type: "text/html", body: "") == .accepted)
    #expect(judge(200, type: "text/plain", body: "<html is what this text is about>") == .accepted)
  }

  @Test("fault 47: an answer without end is no acknowledgement")
  func anAnswerWithoutEndIsNoAcknowledgement() {
    #expect(
      judge(200, body: "aaaa", isWhole: false)
        == .keep(.misconfigured, cause: "status 200, but the answer is too large", retryAfter: nil))
    #expect(trouble(judge(503, isWhole: false)) == .overloaded)
  }

  @Test("fault 36: an echo must repeat stream, first and last")
  func anEchoMustRepeatStreamFirstAndLast() {
    #expect(judge(200, type: "application/json", body: echo, .echo) == .accepted)
    let wrong = [
      "", "{}", "[]", "ok", "null", echo + "x",
      #"{"stream":"6b22b4c8d7155219","first":1201,"last":1202}"#,
      #"{"stream":"6b22b4c8d7155218","first":1200,"last":1202}"#,
      #"{"stream":"6b22b4c8d7155218","first":1201,"last":1203}"#,
      #"{"stream":"6b22b4c8d7155218","first":1201}"#,
      #"{"stream":"6b22b4c8d7155218","first":"1201","last":"1202"}"#,
      #"{"stream":1,"first":-1201,"last":1202.5}"#,
    ]
    for body in wrong {
      #expect(trouble(judge(200, type: "application/json", body: body, .echo)) == .misconfigured, "\(body)")
    }
    #expect(trouble(judge(204, .echo)) == .misconfigured)
    #expect(trouble(judge(200, type: "text/html", body: echo, .echo)) == .misconfigured)
  }

  /// The contract's table of statuses.
  @Test("fault 39, fault 40, fault 41, fault 42, fault 43: every status has its trouble")
  func everyStatusHasItsTrouble() {
    for status in [408, 425] + Array(500...502) + Array(504...599) {
      #expect(trouble(judge(status)) == .busy, "\(status)")
    }
    for status in [429, 503] { #expect(trouble(judge(status)) == .overloaded, "\(status)") }
    let others =
      Array(300...399) + Array(401...407) + Array(409...412) + Array(414...421) + [423, 424]
      + Array(430...499) + [0, 100, 600, 999]
    for status in others { #expect(trouble(judge(status)) == .misconfigured, "\(status)") }
    #expect(judge(413) == .tooLarge)
    for status in [400, 422] {
      #expect(judge(status) == .refused(cause: "status \(status)"))
      // A page is from somebody in between.
      #expect(trouble(judge(status, type: "text/html", body: "<html>")) == .misconfigured)
    }
  }

  @Test("fault 42: Retry-After is obeyed up to an hour")
  func retryAfterIsObeyedUpToAnHour() {
    #expect(wait(judge(503, retryAfter: 7)) == .seconds(7))
    #expect(wait(judge(429, retryAfter: 3600)) == .seconds(3600))
    #expect(wait(judge(429, retryAfter: 3601)) == .seconds(3600))
    #expect(wait(judge(401, retryAfter: 5)) == .seconds(5))
  }

  @Test("fault 42: an absurd Retry-After is ignored")
  func anAbsurdRetryAfterIsAnHourAtMost() {
    for seconds in [0, -1, -86_400, Int64.min] { #expect(wait(judge(503, retryAfter: seconds)) == nil) }
    for seconds in [86_401, 4_294_967_296, Int64.max] {
      #expect(wait(judge(503, retryAfter: seconds)) == .seconds(3600))
    }
  }

  @Test func theCauseQuotesThePlatformInOneLine() {
    #expect(
      judge(422, type: "application/json", body: "{\"error\":\n\"no such\u{1B}[31m field\"}")
        == .refused(cause: "status 422: {\"error\": \"no such [31m field\"}"))
    #expect(
      judge(502, type: "text/html", body: "<html>") == .keep(.busy, cause: "status 502", retryAfter: nil))
  }

  @Test func aFailureKeepsItsTrouble() {
    for trouble in [DeliveryTrouble.unreachable, .busy, .misconfigured] {
      let verdict = DeliveryPolicy.judge(
        .failure(trouble, cause: "so"), request, at: DestinationConfig(name: "p", url: ""))
      #expect(verdict == .keep(trouble, cause: "so", retryAfter: nil))
    }
  }
}
