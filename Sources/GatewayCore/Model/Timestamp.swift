/// A point in UTC time, in microseconds since 1970-01-01T00:00:00Z (POSIX time: leap seconds are not counted).
package struct Timestamp: Hashable, Comparable, BitwiseCopyable, Sendable {
  package var microseconds: Int64

  package init(microseconds: Int64) { self.microseconds = microseconds }

  package static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }

  package func advanced(by duration: Duration) -> Timestamp {
    Timestamp(microseconds: microseconds + duration.microseconds)
  }
}

/// Time since this boot, suspend included (`CLOCK_BOOTTIME`), in microseconds. Never steps; only meaningful
/// beside the boot's id.
package struct BootTime: Hashable, Comparable, BitwiseCopyable, Sendable {
  package var microseconds: Int64

  package init(microseconds: Int64) { self.microseconds = microseconds }

  package static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }

  package func advanced(by duration: Duration) -> BootTime {
    BootTime(microseconds: microseconds + duration.microseconds)
  }

  package func duration(to later: BootTime) -> Duration {
    .microseconds(later.microseconds - microseconds)
  }
}

/// The two clocks read together; what each reading is stamped with.
package struct Moment: Equatable, BitwiseCopyable, Sendable {
  package var time: Timestamp
  package var boot: BootTime

  package init(time: Timestamp, boot: BootTime) {
    self.time = time
    self.boot = boot
  }
}

/// The clock of the kernel's own event times (`CLOCK_MONOTONIC`), in nanoseconds; it stands still in suspend.
package struct MonotonicTime: Hashable, Comparable, BitwiseCopyable, Sendable {
  package var nanoseconds: Int64

  package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  package static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

  package func advanced(by duration: Duration) -> MonotonicTime {
    MonotonicTime(nanoseconds: nanoseconds + duration.microseconds * 1000)
  }
}

/// All clocks read together, so that an event's time can be told on any of them.
package struct ClockReading: Equatable, BitwiseCopyable, Sendable {
  package var monotonic: MonotonicTime
  package var moment: Moment

  package init(monotonic: MonotonicTime, moment: Moment) {
    self.monotonic = monotonic
    self.moment = moment
  }

  /// The moment of a monotonic time of about now.
  package func moment(of time: MonotonicTime) -> Moment {
    let microseconds = (time.nanoseconds - monotonic.nanoseconds) / 1000
    return Moment(
      time: Timestamp(microseconds: moment.time.microseconds + microseconds),
      boot: BootTime(microseconds: moment.boot.microseconds + microseconds))
  }
}

/// The kernel's random id of one boot (`/proc/sys/kernel/random/boot_id`), which gives `BootTime` its meaning.
package struct BootID: Hashable, BitwiseCopyable, Sendable {
  package var high: UInt64
  package var low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Takes the kernel's text form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`; nil for anything else.
  package init?(text: some StringProtocol) {
    let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }
    guard digits.count == 32, let all = String(validating: digits, as: UTF8.self),
      let high = UInt64(all.prefix(16), radix: 16), let low = UInt64(all.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }
}

extension Duration {
  /// Whole microseconds, rounded towards zero.
  package var microseconds: Int64 {
    components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
  }

  /// Whole milliseconds, rounded up, so that a wait is never cut short; clamped to what `poll(2)` takes.
  package var millisecondsRoundedUp: Int32 {
    let milliseconds = (microseconds + 999) / 1000
    return Int32(clamping: milliseconds)
  }

  package var seconds: Double { Double(microseconds) / 1e6 }
}
