import Testing

@testable import GatewayCore

/// What each answer of an NGSI-LD broker means for the rows of each entity.
@Suite struct NGSIAnswerTests {
  private let request = DeliveryRequest(
    rows: 1...6, stream: StreamID(bits: 1),
    items: [
      BatchItem(name: "urn:a", rows: [1, 3]), BatchItem(name: "urn:b", rows: [2]),
      BatchItem(name: "urn:c", rows: [5]),
    ])

  private func judge(
    _ status: Int, _ body: String = "", type: String = "application/json", _ request: DeliveryRequest? = nil
  ) -> DeliveryVerdict {
    DeliveryPolicy.judge(
      .answer(DeliveryAnswer(status: status, contentType: type, body: Array(body.utf8))),
      request ?? self.request,
      at: DestinationConfig(name: "broker", url: "", format: .ngsi(NGSIConfig())))
  }

  private func trouble(_ verdict: DeliveryVerdict) -> DeliveryTrouble? {
    if case .keep(let trouble, _, _) = verdict { trouble } else { nil }
  }

  private func parts(_ verdict: DeliveryVerdict) -> (refused: [UInt64], again: [UInt64])? {
    if case .partly(let refused, let again, _) = verdict { (refused.map(\.seq), again) } else { nil }
  }

  private func error(_ id: String, _ type: String, _ status: Int? = nil) -> String {
    let tail = status.map { #","status":\#($0)"# } ?? ""
    return
      #"{"entityId":"\#(id)","error":{"type":"https://uri.etsi.org/ngsi-ld/errors/\#(type)","title":"t"\#(tail)}}"#
  }

  private func result(_ success: [String], _ errors: [String]) -> String {
    let names = success.map { "\"\($0)\"" }.joined(separator: ",")
    return "{\"success\":[\(names)],\"errors\":[\(errors.joined(separator: ","))]}"
  }

  @Test func createdAndUpdatedIsAccepted() {
    // 201 lists only what is new.
    #expect(judge(201, #"["urn:a"]"#) == .accepted)
    #expect(judge(201, "[]") == .accepted)
    #expect(judge(204) == .accepted)
    #expect(trouble(judge(200, "<html>log in</html>", type: "text/html")) == .misconfigured)
  }

  @Test func historyIsConfirmedBy201And204Alone() {
    let history = DeliveryRequest(rows: 1...6, stream: StreamID(bits: 1), isHistory: true)
    func judge(_ status: Int, _ body: String = "", type: String = "application/json") -> DeliveryVerdict {
      self.judge(status, body, type: type, history)
    }
    #expect(judge(201) == .accepted && judge(204) == .accepted)
    for status in [200, 202, 207] { #expect(trouble(judge(status, "{}")) == .misconfigured) }
    #expect(trouble(judge(201, "<html>log in</html>", type: "text/html")) == .misconfigured)
    #expect(judge(400, #"{"type":"https://uri.etsi.org/ngsi-ld/errors/BadRequestData"}"#).isRefused)
    #expect(trouble(judge(503)) == .overloaded && trouble(judge(500)) == .busy && judge(413) == .tooLarge)
  }

  @Test func aBrokerWithoutATemporalAPIHoldsTheHistoryAndSaysWhatWouldBeRight() {
    let history = DeliveryRequest(rows: 1...6, stream: StreamID(bits: 1), isHistory: true)
    let troe =
      #"{"type":"https://uri.etsi.org/ngsi-ld/errors/OperationNotSupported","title":"TRoE Not Enabled"}"#
    let answers = [
      (404, "", "text/plain"), (404, "<html>no</html>", "text/html"), (405, "", ""), (501, "{}", ""),
      (503, troe, "application/json"),
    ]
    for (status, body, type) in answers {
      guard case .keep(.misconfigured, let cause, nil) = judge(status, body, type: type, history) else {
        #expect(Bool(false), "\(status)")
        continue
      }
      #expect(cause.hasPrefix("status \(status)") && cause.contains("history: temporal"))
    }
    // What is wrong then is the tenant.
    let tenant = judge(
      404, #"{"type":"https://uri.etsi.org/ngsi-ld/errors/NonexistentTenant"}"#, type: "application/json",
      history)
    guard case .keep(.misconfigured, let cause, _) = tenant else { return #expect(Bool(false)) }
    #expect(!cause.contains("history"))
  }

  @Test func onlyWhatTheAnswerConfirmsIsAcknowledged() throws {
    #expect(judge(207, result(["urn:a", "urn:b", "urn:c"], [])) == .accepted)
    // Not mentioned at all, and a passing trouble.
    let some = try #require(parts(judge(207, result(["urn:a"], [error("urn:c", "InternalError", 500)]))))
    #expect(some.refused == [] && some.again == [2, 5])
    // Nothing stored: all stays as it is.
    #expect(trouble(judge(207, result([], [error("urn:a", "LdContextNotAvailable")]))) == .busy)
    #expect(
      trouble(judge(207, "")) == .misconfigured && trouble(judge(207, #"{"ok":true}"#)) == .misconfigured)
  }

  @Test func whatIsRefusedForEverGoesAside() throws {
    let bad = result(["urn:a", "urn:c"], [error("urn:b", "BadRequestData", 400)])
    let aside = try #require(parts(judge(207, bad)))
    #expect(aside.refused == [2] && aside.again == [])
    guard case .partly(let refused, _, _) = judge(207, bad) else { return }
    #expect(refused[0].cause == "urn:b: BadRequestData, t")
    // Stellio gives no status; another's status is enough.
    #expect(
      parts(judge(207, result(["urn:a", "urn:c"], [error("urn:b", "BadRequestData")])))?.refused == [2])
    #expect(parts(judge(207, result(["urn:a", "urn:c"], [error("urn:b", "Whatever", 409)])))?.refused == [2])
    #expect(parts(judge(207, result(["urn:a", "urn:c"], [error("urn:b", "Whatever", 403)])))?.again == [2])
  }

  @Test func anEntityOfSeveralRowsIsHalved() {
    // Which of its attributes is to blame shows in smaller requests; a row alone is the one.
    guard case .refused = judge(207, result(["urn:b", "urn:c"], [error("urn:a", "BadRequestData", 400)]))
    else {
      Issue.record("not halved")
      return
    }
    let one = DeliveryRequest(
      rows: 7...7, stream: StreamID(bits: 1), items: [BatchItem(name: "urn:a", rows: [7])])
    let verdict = judge(207, result([], [error("urn:a", "BadRequestData", 400)]), one)
    #expect(verdict == .refused(cause: "status 207, urn:a: BadRequestData, t"))
  }

  @Test func orionSaysStoredAndMergedAtOnce() {
    let merged = result(["urn:a", "urn:b", "urn:c"], [error("urn:a", "BadRequestData", 400)])
    #expect(judge(207, merged) == .accepted)
    // An error that names no entity confirms none.
    let nobody = result(["urn:a", "urn:c"], [error("No Entity::id", "BadRequestData", 400)])
    #expect(parts(judge(207, nobody))?.again == [2])
  }

  @Test func scorpioAnswersInItsOwnWords() throws {
    func own(_ id: String, _ type: String, _ status: Int) -> String {
      #"{"type":"Upsert","id":"\#(id)","ProblemDetails":{"type":"https://uri.etsi.org/ngsi-ld/errors/\#(type)","title":"t","status":\#(status)}}"#
    }
    let all = ["urn:a", "urn:b", "urn:c"].map { own($0, "InternalError", 503) }.joined(separator: ",")
    #expect(trouble(judge(503, #"{"errors":[\#(all)]}"#)) == .busy)
    let mixed =
      #"{"success":["urn:a"],"errors":[\#(own("urn:b", "BadRequestData", 400)),\#(own("urn:c", "InternalError", 500))]}"#
    let some = try #require(parts(judge(207, mixed)))
    #expect(some.refused == [2] && some.again == [5])
    let bad = ["urn:a", "urn:b", "urn:c"].map { own($0, "BadRequestData", 400) }.joined(separator: ",")
    guard case .refused = judge(400, #"{"errors":[\#(bad)]}"#) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func anAnswerForAllCountsByItsStatus() {
    func problem(_ type: String, _ title: String = "t") -> String {
      #"{"type":"https://uri.etsi.org/ngsi-ld/errors/\#(type)","title":"\#(title)"}"#
    }
    guard case .refused = judge(400, problem("BadRequestData")) else {
      Issue.record("not refused")
      return
    }
    // The settings are wrong, not the rows.
    #expect(trouble(judge(400, problem("BadRequestData", "Tenants not supported"))) == .misconfigured)
    #expect(trouble(judge(400, problem("NoMultiTenantSupport"))) == .misconfigured)
    #expect(trouble(judge(404, problem("NonexistentTenant"))) == .misconfigured)
    #expect(trouble(judge(415)) == .misconfigured && trouble(judge(401)) == .misconfigured)
    #expect(trouble(judge(400, problem("LdContextNotAvailable"))) == .busy)
    #expect(trouble(judge(503, problem("LdContextNotAvailable"))) == .busy)
    #expect(judge(413, problem("TooLarge")) == .tooLarge)
    #expect(trouble(judge(500, "<html>", type: "text/html")) == .busy)
  }
}

extension DeliveryVerdict {
  fileprivate var isRefused: Bool { if case .refused = self { true } else { false } }
}
