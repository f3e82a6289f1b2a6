import GatewayCore
import Testing

@Suite struct ClockWatchTests {
  private static let start: Int64 = 1_790_000_000_000_000
  private static let year: Int64 = 365 * 86_400_000_000

  /// `boot` and `slept` in microseconds since the start.
  private func look(
    boot: Int64, offset: Int64, slept: Int64 = 0, isSynchronized: Bool = false, pending: Int64 = 0,
    isLeap: Bool = false
  ) -> ClockLook {
    ClockLook(
      reading: ClockReading(
        monotonic: MonotonicTime(nanoseconds: (boot - slept) * 1000),
        moment: Moment(
          time: Timestamp(microseconds: boot + offset), boot: BootTime(microseconds: boot))),
      isSynchronized: isSynchronized, pending: pending, isLeap: isLeap)
  }

  @Test("fault 18: each step is seen once, forward and back, by an hour and by ten years")
  func eachStepIsSeenOnce() {
    var watch = ClockWatch(look(boot: 0, offset: 0))
    var (boot, offset): (Int64, Int64) = (0, 0)
    for (number, step) in [3_600_000_000, -3_600_000_000, 10 * Self.year, -10 * Self.year].enumerated() {
      boot += 1_000_000
      #expect(watch.take(look(boot: boot, offset: offset)) == [])
      offset += step
      boot += 1_000_000
      #expect(watch.take(look(boot: boot, offset: offset)) == [.stepped(by: .microseconds(step))])
      #expect(watch.steps == UInt64(number + 1))
      #expect(watch.lastStep?.by == .microseconds(step))
    }
  }

  @Test("fault 19: slewing is no step, however long it lasts, and the offset follows it")
  func slewingIsNoStep() {
    var watch = ClockWatch(look(boot: 0, offset: Self.start, isSynchronized: true))
    for second in 1...10_000 as ClosedRange<Int64> {
      let next = look(boot: second * 1_000_000, offset: Self.start + second * 500, isSynchronized: true)
      #expect(watch.take(next) == [])
      #expect(watch.rightOffset == Self.start + second * 500)
    }
  }

  @Test(
    "fault 19: what was still to be slewed when the clock was first right is added to what was read before it"
  )
  func whatIsPendingIsAdded() {
    var watch = ClockWatch(look(boot: 0, offset: Self.start))
    #expect(watch.rightOffset == nil)
    let first = look(boot: 10, offset: Self.start, isSynchronized: true, pending: 300_000)
    #expect(watch.take(first) == [.synchronized])
    #expect(watch.rightOffset == Self.start + 300_000)
    // Boot time is stretched along, so that the difference of the clocks stays, and so does what is right.
    _ = watch.take(look(boot: 20, offset: Self.start, isSynchronized: true, pending: 100))
    #expect(watch.rightOffset == Self.start + 300_000)
    let record = BootRecord(
      id: BootClockTests.id(1), notBefore: Timestamp(microseconds: 0), last: BootTime(microseconds: 20),
      offset: Self.start + 300_000, correction: watch.correction)
    let again = ClockWatch(look(boot: 30, offset: Self.start, isSynchronized: true), known: record)
    #expect(again.rightOffset == Self.start + 300_000, "the daemon was restarted")
  }

  @Test("fault 19: a leap second moves the clock, and not what was read before it")
  func aLeapSecondMovesNothing() {
    var watch = ClockWatch(look(boot: 0, offset: Self.start))
    _ = watch.take(look(boot: 1_000_000, offset: Self.start, isSynchronized: true))
    let leap = look(boot: 2_000_000, offset: Self.start - 1_000_000, isSynchronized: true, isLeap: true)
    #expect(watch.take(leap) == [.stepped(by: .seconds(-1))])
    #expect(watch.rightOffset == Self.start)
    // A step by a second without a leap second corrects the clock.
    _ = watch.take(look(boot: 3_000_000, offset: Self.start - 2_000_000, isSynchronized: true))
    #expect(watch.rightOffset == Self.start - 1_000_000)
  }

  @Test("fault 20: sleep is seen, and it is no step")
  func sleepIsSeen() {
    var watch = ClockWatch(look(boot: 0, offset: 0))
    #expect(watch.take(look(boot: 601_000_000, offset: 0, slept: 600_000_000)) == [.slept(.seconds(600))])
    #expect(watch.take(look(boot: 602_000_000, offset: 0, slept: 600_000_000)) == [])
    #expect(watch.steps == 0)
  }

  @Test(
    "nothing is known of a clock that is not synchronised any more, and what it says by then is not taken over"
  )
  func aLostClockSaysNothing() {
    var watch = ClockWatch(look(boot: 0, offset: Self.start, isSynchronized: true))
    _ = watch.take(look(boot: 1, offset: Self.start + Self.year))
    #expect(watch.rightOffset == nil)
    #expect(!watch.isSynchronized)
  }

  @Test(
    "fault 18: nothing is too old by a clock that was set by much within the hour, or is not synchronised")
  func agesWait() {
    var watch = ClockWatch(look(boot: 0, offset: Self.start, isSynchronized: true))
    #expect(watch.mayJudgeAges(at: BootTime(microseconds: 5)))
    _ = watch.take(look(boot: 10, offset: Self.start + 2_000_000, isSynchronized: true))
    #expect(watch.mayJudgeAges(at: BootTime(microseconds: 10)))
    _ = watch.take(look(boot: 20, offset: Self.start + 10 * Self.year, isSynchronized: true))
    #expect(!watch.mayJudgeAges(at: BootTime(microseconds: 20)))
    #expect(!watch.mayJudgeAges(at: BootTime(microseconds: 3_599_000_000)))
    #expect(watch.mayJudgeAges(at: BootTime(microseconds: 3_600_000_020)))
    _ = watch.take(look(boot: 3_600_000_020, offset: Self.start + 10 * Self.year))
    #expect(!watch.mayJudgeAges(at: BootTime(microseconds: 3_600_000_020)))
  }
}
