import GatewayCore
import Testing

/// How a forwarder spares a platform to which a whole city's cabinets come back at once.
@Suite struct PaceTests {
  private static func at(_ seconds: Double) -> BootTime { BootTime(microseconds: Int64(seconds * 1e6)) }
  private static let away = DeliveryVerdict.keep(.unreachable, cause: "refused", retryAfter: nil)
  private static let overloaded = DeliveryVerdict.keep(.overloaded, cause: "status 503", retryAfter: nil)

  private static func state(
    _ format: DestinationConfig.Format = .json, startPhase: Double = 0
  ) -> ForwarderState {
    var destination = DestinationConfig(name: "platform", url: "http://127.0.0.1/", linger: .seconds(1))
    destination.format = format
    return ForwarderState(destination, startPhase: startPhase)
  }

  /// Sends backlog batches until `end`, with an answer to each at once; when they left.
  private func departures(
    _ state: inout ForwarderState, from start: Double, count: Int, verdict: DeliveryVerdict = .accepted
  ) -> [Double] {
    var (times, now) = ([Double](), start)
    while times.count < count {
      var actions = state.handle(.sealedBacklog(rows: 1...10, bytes: 100), at: Self.at(now))
      if actions.isEmpty, let wake = state.wakeTime {
        now = max(now, Double(wake.microseconds) / 1e6)
        actions = state.handle(.timePassed, at: Self.at(now))
      }
      guard actions.contains(.send(.backlog)) || actions.contains(.resend(.backlog)) else { break }
      times.append(now)
      _ = state.handle(.judged(verdict, random: 0.5), at: Self.at(now))
    }
    return times
  }

  private func gaps(_ times: [Double]) -> [Double] { zip(times.dropFirst(), times).map { $0 - $1 } }

  @Test func aStartWaitsAPartOfTheLingerTimeThatIsTheCabinetsOwn() {
    var state = Self.state(startPhase: 0.25)
    #expect(state.handle(.drafted(rows: 1...10, isComplete: true), at: Self.at(5)) == [])
    #expect(state.wakeTime == Self.at(5.25))
    #expect(state.handle(.timePassed, at: Self.at(5.25)) == [.send(.live)])
    var other = Self.state(startPhase: 0.5)
    #expect(other.handle(.drafted(rows: 1...10, isComplete: false), at: Self.at(5)) == [])
    #expect(other.handle(.timePassed, at: Self.at(6.4)) == [])
    #expect(other.handle(.timePassed, at: Self.at(6.5)) == [.send(.live)])
    var flushed = Self.state(startPhase: 0.9)
    #expect(flushed.handle(.drafted(rows: 1...10, isComplete: true), at: Self.at(5)) == [])
    #expect(flushed.handle(.flush(through: 10), at: Self.at(5)) == [.send(.live)])
  }

  @Test func theBacklogBeginsSlowlyAndHurriesWhileThePlatformTakesIt() {
    var state = Self.state()
    let gaps = gaps(departures(&state, from: 0, count: 60))
    #expect(gaps[0] == 2)
    #expect(zip(gaps, gaps.dropFirst()).allSatisfy { $0 >= $1 } && gaps.last == 0)
    #expect(gaps.reduce(0, +) < 15)
  }

  @Test func anOutageMakesItSlowAgainAndALostAnswerDoesNot() {
    for (failures, isSlow) in [(2, false), (3, true)] {
      var state = Self.state()
      _ = departures(&state, from: 0, count: 60)
      var now = 1000.0
      #expect(state.handle(.drafted(rows: 20...29, isComplete: true), at: Self.at(now)) == [.send(.live)])
      for _ in 0..<failures {
        _ = state.handle(.judged(Self.away, random: 0.5), at: Self.at(now))
        now += 10
        #expect(state.handle(.timePassed, at: Self.at(now)) == [.resend(.live)])
      }
      _ = state.handle(.judged(.accepted, random: 0.5), at: Self.at(now))
      let times = departures(&state, from: now, count: 2)
      #expect((times[0] > now) == isSlow && (times[1] > times[0]) == isSlow)
    }
  }

  @Test func whoHasTooMuchToDoGetsLessAndThenMoreCautiously() {
    var state = Self.state()
    _ = departures(&state, from: 0, count: 60)
    #expect(departures(&state, from: 1000, count: 1, verdict: Self.overloaded) == [1000])
    let gaps = gaps(departures(&state, from: 2000, count: 40))
    #expect(gaps[0] > 1 && gaps.last ?? 0 > 0.3)
  }

  @Test func aLaneThatKeepsTheOrderIsPacedItself() {
    var state = Self.state(.ngsi(NGSIConfig(entities: [])))
    #expect(state.handle(.drafted(rows: 1...10, isComplete: true), at: Self.at(0)) == [.send(.live)])
    _ = state.handle(.judged(.accepted, random: 0.5), at: Self.at(0))
    #expect(state.handle(.drafted(rows: 11...20, isComplete: true), at: Self.at(0.1)) == [])
    let wake = state.wakeTime ?? Self.at(0)
    #expect(wake > Self.at(1) && wake < Self.at(3))
    #expect(state.handle(.timePassed, at: wake) == [.send(.live)])
    // What does not fill a batch leaves when it has lingered, as ever.
    _ = state.handle(.judged(.accepted, random: 0.5), at: wake)
    let next = wake.advanced(by: .milliseconds(1))
    #expect(state.handle(.drafted(rows: 21...22, isComplete: false), at: next) == [])
    #expect(state.wakeTime == next.advanced(by: .seconds(1)))
  }
}
