import GatewayCore
import Testing

/// A batch that is refused is halved until the row stands alone; the limit goes when all of it is settled.
@Suite struct NarrowingTests {
  private func state() -> ForwarderState {
    ForwarderState(DestinationConfig(name: "platform", url: "http://127.0.0.1/", maximumReadings: 100))
  }

  private func judge(
    _ state: inout ForwarderState, _ rows: ClosedRange<UInt64>, _ verdict: DeliveryVerdict
  ) {
    let now = BootTime(microseconds: 0)
    let sent = state.handle(.drafted(rows: rows, isComplete: true), at: now)
    #expect(sent == [.send(.live)])
    _ = state.handle(.judged(verdict, random: 0), at: now)
  }

  @Test func aHalfThatIsRefusedInPartNarrowsTheRest() {
    var state = state()
    judge(&state, 1...16, .refused(cause: "no"))
    #expect(state.rowLimit == 8)
    judge(&state, 1...8, .partly(refused: [RowRefusal(seq: 3, cause: "no")], again: [], cause: "no"))
    #expect(state.rowLimit == 4)
    judge(&state, 9...12, .accepted)
    #expect(state.rowLimit == 2)
    judge(&state, 13...16, .partly(refused: [RowRefusal(seq: 16, cause: "no")], again: [], cause: "no"))
    #expect(state.rowLimit == 100)
  }
}
