import GatewayCore
import Testing

@Suite struct ForwarderStateTests {
  private static func at(_ seconds: Double) -> BootTime { BootTime(microseconds: Int64(seconds * 1e6)) }
  private let busy = DeliveryVerdict.keep(.busy, cause: "status 503", retryAfter: nil)

  private func state(linger: Duration = .seconds(1), rows: Int = 1000) -> ForwarderState {
    ForwarderState(
      DestinationConfig(name: "platform", url: "http://127.0.0.1/", maximumReadings: rows, linger: linger))
  }

  /// A state whose batch 1...10 is in flight.
  private func sending() -> ForwarderState {
    var state = state()
    #expect(state.handle(.drafted(rows: 1...10, isComplete: true), at: Self.at(0)) == [.send(.live)])
    #expect(state.phase == .sending && state.wakeTime == nil)
    return state
  }

  @Test func nothingToDoIsIdle() {
    var state = state()
    #expect(state.handle(.timePassed, at: Self.at(0)) == [])
    #expect(state.withdraw { _ in false } == [])
    #expect(state.phase == .idle && state.wakeTime == nil)
  }

  @Test func aFullDraftLeavesAtOnce() { _ = sending() }

  @Test func aDraftLingersFromItsFirstRowOn() {
    var state = state()
    #expect(state.handle(.drafted(rows: 1...10, isComplete: false), at: Self.at(5)) == [])
    #expect(state.phase == .lingering(until: Self.at(6)) && state.wakeTime == Self.at(6))
    #expect(state.handle(.drafted(rows: 1...20, isComplete: false), at: Self.at(5.9)) == [])
    #expect(state.handle(.timePassed, at: Self.at(5.999)) == [])
    #expect(state.handle(.timePassed, at: Self.at(6)) == [.send(.live)])
    #expect(state.handle(.judged(.accepted, random: 0), at: Self.at(6)) == [.acknowledge(1...20)])
    #expect(state.phase == .idle)
  }

  @Test func flushEndsTheLingering() {
    var state = state()
    _ = state.handle(.drafted(rows: 1...10, isComplete: false), at: Self.at(0))
    #expect(state.handle(.flush(through: 30), at: Self.at(0)) == [.send(.live)])
    // What was stored when the flush was asked for leaves without lingering too; later rows linger again.
    #expect(state.handle(.drafted(rows: 11...30, isComplete: false), at: Self.at(0)) == [])
    #expect(
      state.handle(.judged(.accepted, random: 0), at: Self.at(0)) == [.acknowledge(1...10), .send(.live)])
    _ = state.handle(.judged(.accepted, random: 0), at: Self.at(0))
    #expect(state.handle(.drafted(rows: 31...31, isComplete: false), at: Self.at(0)) == [])
  }

  @Test func oneBatchIsInFlightAndTheNextFollowsAtOnce() {
    var state = sending()
    #expect(state.handle(.drafted(rows: 11...20, isComplete: true), at: Self.at(9)) == [])
    #expect(state.handle(.timePassed, at: Self.at(99)) == [])
    #expect(
      state.handle(.judged(.accepted, random: 0), at: Self.at(99)) == [.acknowledge(1...10), .send(.live)])
    #expect(state.handle(.judged(.accepted, random: 0), at: Self.at(99)) == [.acknowledge(11...20)])
  }

  @Test func aFailedBatchIsSentAgainAfterItsWait() {
    var state = sending()
    #expect(state.handle(.judged(busy, random: 0.5), at: Self.at(10)) == [])
    #expect(state.phase == .waiting(until: Self.at(10.5)))
    #expect(state.handle(.drafted(rows: 11...20, isComplete: true), at: Self.at(10.4)) == [])
    #expect(state.handle(.timePassed, at: Self.at(10.5)) == [.resend(.live)])
    #expect(state.handle(.judged(busy, random: 0.5), at: Self.at(11)) == [])
    #expect(state.phase == .waiting(until: Self.at(12)))
    #expect(state.handle(.timePassed, at: Self.at(12)) == [.resend(.live)])
    #expect(
      state.handle(.judged(.accepted, random: 0), at: Self.at(12)) == [.acknowledge(1...10), .send(.live)])
    // Success starts the backoff over.
    #expect(state.handle(.judged(busy, random: 0.5), at: Self.at(13)) == [])
    #expect(state.phase == .waiting(until: Self.at(13.5)))
  }

  @Test func aBacklogThatNeedsAPersonHoldsNoLiveRow() {
    var state = state()
    let held = DeliveryVerdict.keep(.misconfigured, cause: "status 404", retryAfter: nil)
    #expect(state.handle(.sealedBacklog(rows: 1...50, bytes: 9), at: Self.at(0)) == [.send(.backlog)])
    #expect(state.handle(.judged(held, random: 0), at: Self.at(1)) == [])
    // Half of the least wait, 30 s.
    #expect(state.isBacklogHeld && state.phase == .idle && state.wakeTime == Self.at(16))
    #expect(state.handle(.drafted(rows: 60...60, isComplete: true), at: Self.at(2)) == [.send(.live)])
    #expect(state.handle(.judged(.accepted, random: 0), at: Self.at(3)) == [.acknowledge(60...60)])
    #expect(state.handle(.timePassed, at: Self.at(15.9)) == [] && state.isBacklogHeld)
    #expect(state.handle(.timePassed, at: Self.at(16)) == [.resend(.backlog)])
    #expect(state.isBacklogHeld)
    _ = state.handle(.judged(held, random: 0), at: Self.at(17))
    #expect(state.handle(.flush(through: 60), at: Self.at(18)) == [.resend(.backlog)])
    #expect(state.handle(.judged(.accepted, random: 0), at: Self.at(19)) == [.acknowledge(1...50)])
    #expect(!state.isBacklogHeld)
    // What concerns live rows concerns all.
    #expect(state.handle(.sealedBacklog(rows: 51...59, bytes: 9), at: Self.at(20)) == [.send(.backlog)])
    _ = state.handle(.drafted(rows: 61...61, isComplete: true), at: Self.at(20))
    #expect(state.handle(.judged(held, random: 0), at: Self.at(20)) == [.send(.live)])
    #expect(state.handle(.judged(held, random: 0), at: Self.at(20)) == [])
    #expect(state.phase == .waiting(until: Self.at(35)) && state.wakeTime == Self.at(35))
  }

  @Test func flushEndsTheWait() {
    var state = sending()
    _ = state.handle(.judged(.keep(.busy, cause: "", retryAfter: .seconds(600)), random: 0), at: Self.at(0))
    #expect(state.phase == .waiting(until: Self.at(600)))
    #expect(state.handle(.flush(through: 10), at: Self.at(1)) == [.resend(.live)])
  }

  @Test func aBatchTooLargeIsHalvedAndTheLimitRemembered() {
    var state = sending()
    _ = state.handle(.drafted(rows: 11...20, isComplete: true), at: Self.at(0))
    #expect(state.handle(.judged(.tooLarge, random: 0), at: Self.at(0)) == [.rebuild(.live, from: 1)])
    #expect(state.rowLimit == 5 && state.batch(of: .live) == nil)
    #expect(state.handle(.drafted(rows: 1...5, isComplete: true), at: Self.at(0)) == [.send(.live)])
    #expect(state.handle(.judged(.accepted, random: 0), at: Self.at(0)) == [.acknowledge(1...5)])
    #expect(state.rowLimit == 5)
  }

  @Test func halvingEndsAtOneRowAndBatchesAreAsLargeAsBefore() {
    var state = sending()
    var sizes: [Int] = []
    repeat {
      #expect(state.handle(.judged(.tooLarge, random: 0), at: Self.at(0)) == [.rebuild(.live, from: 1)])
      sizes.append(state.rowLimit)
      _ = state.handle(.drafted(rows: 1...UInt64(min(state.rowLimit, 10)), isComplete: true), at: Self.at(0))
    } while sizes.count < 4
    #expect(sizes == [5, 2, 1, 1000])
  }

  @Test func rowsSettledElsewhereAreNotSentAgain() {
    var state = sending()
    _ = state.handle(.judged(busy, random: 0.5), at: Self.at(0))
    _ = state.handle(.drafted(rows: 11...20, isComplete: true), at: Self.at(0))
    #expect(state.withdraw { $0.lowerBound > 4 } == [.rebuild(.live, from: 1)])
    // The wait is the platform's, not the batch's: it goes on.
    #expect(state.handle(.drafted(rows: 5...14, isComplete: true), at: Self.at(0.1)) == [])
    #expect(state.handle(.timePassed, at: Self.at(0.5)) == [.send(.live)])
  }

  @Test func aBatchInFlightOutlivesTheEvictionOfItsRows() {
    var state = sending()
    _ = state.handle(.drafted(rows: 11...20, isComplete: true), at: Self.at(0))
    #expect(state.withdraw { $0.lowerBound > 4 } == [])
    #expect(state.withdraw { $0.lowerBound > 15 } == [.rebuild(.live, from: 11)])
    #expect(state.handle(.judged(.accepted, random: 0), at: Self.at(0)) == [.acknowledge(1...10)])
  }

  // MARK: - The backlog beside the live rows

  /// A state with a budget of 1000 bytes a second, whose backlog batch 1...10 of 2000 bytes is in flight.
  private func sendingBacklog() -> ForwarderState {
    var state = ForwarderState(
      DestinationConfig(name: "platform", url: "http://127.0.0.1/", maximumReadings: 1000, backfill: 8000))
    #expect(state.handle(.sealedBacklog(rows: 1...10, bytes: 2000), at: Self.at(0)) == [.send(.backlog)])
    return state
  }

  @Test func theBacklogWaitsUntilItsBatchesArePaidFor() {
    var state = sendingBacklog()
    #expect(state.handle(.sealedBacklog(rows: 11...20, bytes: 2000), at: Self.at(0)) == [])
    #expect(state.handle(.judged(.accepted, random: 0), at: Self.at(1)) == [.acknowledge(1...10)])
    #expect(state.wakeTime == Self.at(2) && state.phase == .idle)
    #expect(state.handle(.timePassed, at: Self.at(1.999)) == [])
    #expect(state.handle(.timePassed, at: Self.at(2)) == [.send(.backlog)])
  }

  @Test func aFlushDoesNotBreakTheBudget() {
    var state = sendingBacklog()
    _ = state.handle(.sealedBacklog(rows: 11...20, bytes: 2000), at: Self.at(0))
    _ = state.handle(.judged(.accepted, random: 0), at: Self.at(1))
    #expect(state.handle(.flush(through: 20), at: Self.at(1)) == [])
  }

  @Test func liveRowsGoBeforeTheBacklog() {
    var state = sendingBacklog()
    _ = state.handle(.sealedBacklog(rows: 11...20, bytes: 2000), at: Self.at(0))
    _ = state.handle(.drafted(rows: 90...99, isComplete: true), at: Self.at(1))
    #expect(
      state.handle(.judged(.accepted, random: 0), at: Self.at(5)) == [.acknowledge(1...10), .send(.live)])
    #expect(
      state.handle(.judged(.accepted, random: 0), at: Self.at(6)) == [.acknowledge(90...99), .send(.backlog)])
  }

  @Test func afterAFailureOfTheBacklogBothLanesWaitAndLiveRowsGoFirst() {
    var state = sendingBacklog()
    #expect(state.handle(.judged(busy, random: 0.5), at: Self.at(10)) == [] && state.mayBeBehind)
    #expect(state.handle(.drafted(rows: 90...99, isComplete: true), at: Self.at(10.1)) == [])
    #expect(state.handle(.timePassed, at: Self.at(10.5)) == [.send(.live)])
    #expect(
      state.handle(.judged(.accepted, random: 0), at: Self.at(11)) == [
        .acknowledge(90...99), .resend(.backlog),
      ]
    )
  }

  @Test func aBatchTooLargeInOneLaneShrinksTheOthersDraft() {
    var state = sendingBacklog()
    _ = state.handle(.drafted(rows: 90...99, isComplete: true), at: Self.at(0))
    #expect(
      state.handle(.judged(.tooLarge, random: 0), at: Self.at(0))
        == [.rebuild(.backlog, from: 1), .rebuild(.live, from: 90)])
    #expect(state.rowLimit == 5)
  }
}
