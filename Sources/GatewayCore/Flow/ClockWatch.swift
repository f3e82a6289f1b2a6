/// What the kernel says of its clocks at one moment.
package struct ClockLook: Equatable, Sendable {
  package var reading: ClockReading
  /// Disciplined by NTP or PTP.
  package var isSynchronized: Bool
  /// What is still to be added to the clock little by little, microseconds. Boot time is stretched along.
  package var pending: Int64
  /// A leap second is due, or has just been: the clock is set by a second without having been wrong.
  package var isLeap: Bool

  package init(reading: ClockReading, isSynchronized: Bool, pending: Int64 = 0, isLeap: Bool = false) {
    self.reading = reading
    self.isSynchronized = isSynchronized
    self.pending = pending
    self.isLeap = isLeap
  }

  var offset: Int64 { reading.moment.offset }
  /// How long the machine has slept since it started, microseconds.
  var slept: Int64 { reading.moment.boot.microseconds &- reading.monotonic.nanoseconds / 1000 }
}

extension Moment {
  /// Time less boot time, microseconds.
  package var offset: Int64 { time.microseconds &- boot.microseconds }
}

/// What happens to the clock of one boot, look by look: steps, sleep, and what time less boot time is when it is right.
/// Pure.
package struct ClockWatch: Equatable, Sendable {
  package enum Event: Equatable, Sendable {
    case stepped(by: Duration)
    case slept(Duration)
    case synchronized
  }

  package struct Step: Equatable, Sendable {
    /// By the new clock.
    package var time: Timestamp
    package var boot: BootTime
    package var by: Duration

    package init(time: Timestamp, boot: BootTime, by: Duration) {
      self.time = time
      self.boot = boot
      self.by = by
    }
  }

  /// What counts as a step, microseconds: slewing makes less between two looks, and a leap second is one, however the
  /// clocks were read.
  package static let leastStep: Int64 = 900_000
  /// Sleep that is worth a line.
  private static let leastSleep: Int64 = 1_000_000
  /// How far a leap second moves the clock, microseconds.
  private static let leapSecond: ClosedRange<Int64> = 900_000...1_100_000

  private var last: ClockLook
  package private(set) var steps: UInt64 = 0
  package private(set) var lastStep: Step?
  /// What rows of this boot need beside time less boot time, microseconds: what the kernel had still to slew when the
  /// clock was first called right, as the rows before it had all of that error; and leap seconds since, which are no
  /// error of these rows.
  package private(set) var correction: Int64
  private var wasEverSynchronized: Bool

  /// `known`: what an earlier run found out of this boot.
  package init(_ look: ClockLook, known: BootRecord? = nil) {
    last = look
    wasEverSynchronized = known?.offset != nil || look.isSynchronized
    correction = known?.offset != nil ? known?.correction ?? 0 : look.isSynchronized ? look.pending : 0
  }

  package var isSynchronized: Bool { last.isSynchronized }

  /// Time less boot time as of the last look, microseconds.
  package var offset: Int64 { last.offset }

  /// What to add to the boot time of rows that were taken under a clock that was not right; nil while it is not.
  package var rightOffset: Int64? { last.isSynchronized ? last.offset &+ correction : nil }

  /// After a clock was set by so much, microseconds, it may yet turn out to have been a mistake for so long.
  private static let doubtfulStep: Int64 = 60_000_000
  private static let doubt = Duration.seconds(3600)

  /// Whether rows may be thrown away for their age: by a clock that jumped ahead that would be all of them.
  package func mayJudgeAges(at now: BootTime) -> Bool {
    guard isSynchronized else { return false }
    guard let step = lastStep, step.by.microseconds.magnitude > Self.doubtfulStep.magnitude else {
      return true
    }
    return step.boot.duration(to: now) >= Self.doubt
  }

  package mutating func take(_ look: ClockLook) -> [Event] {
    var events: [Event] = []
    let change = look.offset &- last.offset
    if look.isSynchronized, !wasEverSynchronized {
      wasEverSynchronized = true
      correction = look.pending
      events.append(.synchronized)
    } else if look.isLeap, last.isSynchronized,
      Self.leapSecond ~= Int64(change.magnitude)
    {
      correction &-= change
    }
    if change.magnitude >= Self.leastStep.magnitude {
      steps += 1
      let step = Step(
        time: look.reading.moment.time, boot: look.reading.moment.boot, by: .microseconds(change))
      lastStep = step
      events.append(.stepped(by: step.by))
    }
    let slept = look.slept &- last.slept
    if slept >= Self.leastSleep { events.append(.slept(.microseconds(slept))) }
    last = look
    return events
  }
}
