import Testing

@testable import GatewayCore

/// What the answers of line protocol's and ThingsBoard's platforms mean.
@Suite struct FormatAnswerTests {
  private func judge(_ status: Int, _ format: DestinationConfig.Format, body: String = "") -> DeliveryVerdict
  {
    DeliveryPolicy.judge(
      .answer(DeliveryAnswer(status: status, body: Array(body.utf8))),
      DeliveryRequest(rows: 1...9, stream: StreamID(bits: 1)),
      at: DestinationConfig(name: "p", url: "", format: format))
  }

  private func trouble(_ verdict: DeliveryVerdict) -> DeliveryTrouble? {
    if case .keep(let trouble, _, _) = verdict { trouble } else { nil }
  }

  private let influx = DestinationConfig.Format.influx(
    InfluxConfig(place: .database("city", retentionPolicy: nil)))
  private let things = DestinationConfig.Format.thingsboard(ThingsBoardConfig(tokenFile: "t"))

  @Test func onlyThePlatformsOwnSuccessIsOne() {
    #expect(judge(204, influx) == .accepted)
    #expect(
      judge(200, influx, body: #"{"results":[]}"#)
        == .keep(
          .misconfigured, cause: #"status 200: {"results":[]}, but InfluxDB confirms a write with 204"#,
          retryAfter: nil))
    #expect(judge(200, things) == .accepted)
    #expect(trouble(judge(204, things)) == .misconfigured)
    #expect(trouble(judge(200, things, body: "<html>")) == .misconfigured)
  }

  @Test func aPartialWriteIsLookedIntoRowByRow() {
    let said = #"{"error":"partial write: unable to parse 'x': missing fields dropped=0"}"#
    #expect(judge(400, influx, body: said) == .refused(cause: "status 400: \(said)"))
    #expect(judge(422, influx, body: "{}") == .refused(cause: "status 422: {}"))
    #expect(judge(413, influx) == .tooLarge)
    #expect(trouble(judge(404, influx, body: #"{"error":"database not found: \"city\""}"#)) == .misconfigured)
    // A device that sends too much (ThingsBoard issue 9559).
    #expect(trouble(judge(500, things, body: "DEVICE rate limit reached")) == .busy)
    #expect(trouble(judge(401, things)) == .misconfigured)
  }
}
