// What `gatewayctl store` shows: written by the daemon as JSON, read back by `gatewayctl`, which takes what
// it knows and ignores the rest.

package struct StoreReport: Equatable, Sendable {
  /// Slots of the file, of `slotBytes` each. Free ones hold nothing that somebody needs.
  package struct Segments: Equatable, Sendable {
    package var slotBytes: Int
    /// That the capacity allows.
    package var total: Int
    package var used: Int
    package var free: Int
    /// A write to them failed; they are tried again when no other is left.
    package var failed: Int

    package init(slotBytes: Int, total: Int, used: Int, free: Int, failed: Int) {
      self.slotBytes = slotBytes
      self.total = total
      self.used = used
      self.free = free
      self.failed = failed
    }
  }

  package struct Destination: Equatable, Sendable {
    package var name: String
    /// Undelivered rows.
    package var queued: UInt64
    /// When the oldest of them was stored, or its segment was begun.
    package var oldest: Timestamp?
    /// Undelivered rows, in order.
    package var runs: [ClosedRange<UInt64>]

    package init(name: String, queued: UInt64, oldest: Timestamp?, runs: [ClosedRange<UInt64>]) {
      self.name = name
      self.queued = queued
      self.oldest = oldest
      self.runs = runs
    }
  }

  /// The store of alarms.
  package struct Alarms: Equatable, Sendable {
    package var capacity: Int
    package var used: Int
    /// Undelivered rows, at the destination that lacks the most.
    package var queued: UInt64
    package var oldest: Timestamp?

    package init(capacity: Int, used: Int, queued: UInt64, oldest: Timestamp?) {
      (self.capacity, self.used, self.queued, self.oldest) = (capacity, used, queued, oldest)
    }
  }

  /// nil is what is not known yet.
  package struct Rate: Equatable, Sendable {
    /// Seconds.
    package var measured: Double
    package var writtenPerDay: Double?
    package var rowsPerDay: Double?
    package var growthPerDay: Double?

    package init(measured: Double, writtenPerDay: Double?, rowsPerDay: Double?, growthPerDay: Double?) {
      self.measured = measured
      self.writtenPerDay = writtenPerDay
      self.rowsPerDay = rowsPerDay
      self.growthPerDay = growthPerDay
    }

    package init(_ rate: WriteRate) {
      self.init(
        measured: rate.measured.seconds, writtenPerDay: rate.writtenPerDay, rowsPerDay: rate.rowsPerDay,
        growthPerDay: rate.growthPerDay)
    }
  }

  package var capacity: Int
  package var used: Int
  package var oldest: Timestamp?
  /// The instant that ages are counted from.
  package var now: Timestamp
  package var commits: UInt64
  package var bytesWritten: UInt64
  package var fault: String?
  package var segments: Segments
  package var destinations: [Destination]
  package var rate: Rate
  /// The configured budget.
  package var budget: FlashConfig?
  package var life: FlashLife?
  /// The longest time between a reading and its commit, seconds; longer than configured when the flash is to
  /// be saved.
  package var commitInterval: Double
  /// nil where there are no alarms.
  package var alarms: Alarms?

  package init(
    capacity: Int, used: Int, oldest: Timestamp?, now: Timestamp, commits: UInt64, bytesWritten: UInt64,
    fault: String?, segments: Segments, destinations: [Destination], rate: Rate, budget: FlashConfig?,
    life: FlashLife?, commitInterval: Double
  ) {
    self.capacity = capacity
    self.used = used
    self.oldest = oldest
    self.now = now
    self.commits = commits
    self.bytesWritten = bytesWritten
    self.fault = fault
    self.segments = segments
    self.destinations = destinations
    self.rate = rate
    self.budget = budget
    self.life = life
    self.commitInterval = commitInterval
  }
}

// MARK: - What follows from it

extension StoreReport {
  /// Bytes that the flash programs for each that is written to it. Measured by nobody here: what small
  /// synchronous writes to eMMC are reckoned with.
  package static let writeAmplification = 4.0
  private static let secondsPerDay = 86_400.0
  /// What lasts longer than this is not a forecast any more.
  private static let longest = 3650 * secondsPerDay

  package enum Forecast: Equatable, Sendable {
    /// Not measured for long enough.
    case unknown
    case never
    /// Seconds.
    case after(Double)
  }

  /// When the store is full if everything goes on as in the last hour.
  package var full: Forecast { forecast(rate.growthPerDay) }

  /// When it is full if nothing is delivered from now on.
  package var fullWithoutDelivery: Forecast { forecast(rate.rowsPerDay) }

  private func forecast(_ perDay: Double?) -> Forecast {
    guard let perDay else { return .unknown }
    let free = Double(max(capacity - used, 0))
    guard perDay > 0, case let seconds = free / perDay * Self.secondsPerDay, seconds <= Self.longest else {
      return .never
    }
    return .after(seconds)
  }

  /// The flash's life at the present rate; nil without a budget or while the rate is not known.
  package var years: Double? {
    guard let budget, let perDay = rate.writtenPerDay, perDay > 0 else { return nil }
    return Double(budget.capacity) * Double(budget.cycles) / Self.writeAmplification / perDay / 365.25
  }
}
