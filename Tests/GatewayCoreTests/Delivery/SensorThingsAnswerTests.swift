import Testing

@testable import GatewayCore

/// What servers answer to `CreateObservations`, and what that means for the rows.
@Suite struct SensorThingsAnswerTests {
  private let link = #""https://frost.example/v1.1/Observations(991)""#

  /// Rows 1 to 5 in two groups: 1, 3, 5 and 2, 4.
  private func judge(_ body: String, status: Int = 201) -> DeliveryVerdict {
    let request = DeliveryRequest(
      rows: 1...5, stream: StreamID(bits: 1),
      items: [BatchItem(name: "42", rows: [1, 3, 5]), BatchItem(name: "43", rows: [2, 4])])
    return DeliveryPolicy.judge(
      .answer(DeliveryAnswer(status: status, contentType: "application/json", body: Array(body.utf8))),
      request,
      at: DestinationConfig(name: "p", url: "", format: .sensorThings(SensorThingsOptions())))
  }

  private func list(_ texts: String...) -> String { "[\(texts.joined(separator: ","))]" }

  @Test func rowsWithLinksOrWithoutTextAreThere() {
    #expect(judge(list(link, link, link, link, link)) == .accepted)
    let texts = #""https://x/v1.1/Observations('01a2-b')""#
    #expect(judge(list(texts, texts, texts, texts, texts), status: 200) == .accepted)
    #expect(judge(#"["","","","",""]"#) == .accepted)
  }

  @Test func aRowWithAnErrorIsRefusedAlone() {
    // The fourth text is the second group's first row.
    let error = #""error time could not be parsed""#
    let cause = "error time could not be parsed"
    #expect(
      judge(list(link, link, link, error, link))
        == .partly(refused: [RowRefusal(seq: 2, cause: cause)], again: [], cause: cause))
    // GOST has no word for it; a link within an error's text is none.
    #expect(
      judge(list(link, #""time could not be parsed""#, link, link, link))
        == .partly(
          refused: [RowRefusal(seq: 3, cause: "time could not be parsed")], again: [],
          cause: "time could not be parsed"))
    let trap = #""error in Observations(7)""#
    #expect(
      judge(list(link, link, trap, link, link))
        == .partly(
          refused: [RowRefusal(seq: 5, cause: "error in Observations(7)")], again: [],
          cause: "error in Observations(7)"))
  }

  @Test func aGroupThatFailsWholeIsSentAgain() {
    let error = #""error""#
    #expect(
      judge(list(error, error, error, link, link)) == .partly(refused: [], again: [1, 3, 5], cause: "error"))
    #expect(judge(list(error, error, error, error, error)) == .refused(cause: "error"))
  }

  @Test(arguments: ["", "{}", "[]", #"["","","",""]"#, #"["","","","","",""]"#, "[\"\",", "Created"])
  func anAnswerThatDoesNotSpeakOfEachRowIsNone(body: String) {
    guard case .keep(.misconfigured, _, nil) = judge(body) else {
      Issue.record("\(body): \(judge(body))")
      return
    }
  }

  @Test func onlyWhatMayHaveArrivedIsInDoubt() {
    func leavesDoubt(_ status: Int, _ body: String = "") -> Bool {
      judge(body, status: status).leavesDoubt(after: .answer(DeliveryAnswer(status: status)))
    }
    for status in [201, 408, 500, 502, 504] { #expect(leavesDoubt(status), "\(status)") }
    for status in [400, 401, 403, 404, 413, 422, 429, 302] { #expect(!leavesDoubt(status), "\(status)") }
    #expect(!leavesDoubt(201, list(link, link, link, link, link)))
    for (trouble, isDoubt) in [(DeliveryTrouble.busy, true), (.unreachable, false), (.misconfigured, false)] {
      let verdict = DeliveryVerdict.keep(trouble, cause: "", retryAfter: nil)
      #expect(verdict.leavesDoubt(after: .failure(trouble, cause: "")) == isDoubt)
    }
  }

  @Test func rowsThatAreFoundAreDelivered() {
    let request = DeliveryRequest(rows: 1...3, stream: StreamID(bits: 1))
    let destination = DestinationConfig(name: "p", url: "")
    #expect(DeliveryPolicy.judge(.found([1, 2, 3]), request, at: destination) == .accepted)
    guard case .partly([], [2], _) = DeliveryPolicy.judge(.found([1, 3]), request, at: destination) else {
      Issue.record("not the rows that are missing")
      return
    }
  }
}
