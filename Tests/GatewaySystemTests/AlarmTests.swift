import GatewayCore
import GatewaySystem
import Testing

@Suite struct AlarmTests {
  /// An alarm in a poll; a class, so that an expectation may ask it.
  private final class Clock {
    let alarm: Alarm
    let poll: EventPoll

    init() throws {
      alarm = try Alarm()
      poll = try EventPoll()
      poll.add(alarm.descriptor, token: 7)
    }

    func rings(within time: Duration) -> Bool {
      var events: [EventPoll.Event] = []
      poll.wait(into: &events, timeout: time)
      return events.map(\.token) == [7]
    }
  }

  @Test func anAlarmRingsAtItsTimeAndUntilItIsSetAgain() throws {
    let clock = try Clock()
    #expect(!clock.rings(within: .zero))
    let time = SystemClock.monotonic.advanced(by: .milliseconds(50))
    clock.alarm.set(time)
    #expect(clock.rings(within: .seconds(60)))
    #expect(SystemClock.monotonic >= time)
    #expect(clock.rings(within: .zero))
    clock.alarm.set(SystemClock.monotonic.advanced(by: .seconds(3600)))
    #expect(!clock.rings(within: .zero))
    clock.alarm.set(MonotonicTime(nanoseconds: -5))
    #expect(clock.rings(within: .seconds(60)), "what has passed rings at once")
    clock.alarm.set(nil)
    #expect(!clock.rings(within: .zero))
  }

  @Test func anEventsMonotonicTimeIsTheSameInstantOnTheOtherClocks() {
    let moment = Moment(time: Timestamp(microseconds: 5_000_000), boot: BootTime(microseconds: 9_000_000))
    let reading = ClockReading(monotonic: MonotonicTime(nanoseconds: 7_000_000_000), moment: moment)
    let before = reading.moment(of: MonotonicTime(nanoseconds: 6_999_000_000))
    #expect(before.time.microseconds == 4_999_000 && before.boot.microseconds == 8_999_000)
    #expect(reading.moment(of: reading.monotonic) == moment)
    let now = SystemClock.reading
    let again = SystemClock.reading
    let told = now.moment(of: again.monotonic)
    // The clocks are read one after the other; some of that is lost here.
    #expect(abs(told.boot.microseconds - again.moment.boot.microseconds) < 1_000_000)
  }
}
