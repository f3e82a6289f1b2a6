/// What is stored and delivered: one raw reading, the statistics of one window, or what became of an alarm.
package struct Row: Equatable, Sendable {
  package enum Body: Equatable, Sendable {
    /// nil where the reading failed.
    case reading(Value?)
    case window(WindowSummary)
    case alarm(AlarmEvent)
  }

  /// The place in the catalogue that the row's commit names.
  package var point: PointIndex
  /// The reading's time, or the end of the window.
  package var time: Timestamp
  /// The reading's boot time, or that of the end of the window, so that `time - boot` is what the clocks said.
  package var boot: BootTime
  package var quality: Quality
  package var reason: QualityReason
  package var timeQuality: TimeQuality
  /// How far `time` may be off at most, where it is estimated. Never stored: what is known of the past changes.
  package var timeError: Duration? {
    get { errorMicroseconds < 0 ? nil : .microseconds(errorMicroseconds) }
    set { errorMicroseconds = newValue?.microseconds ?? -1 }
  }
  /// Half of what an optional `Duration` takes: many rows are in memory at once while an outage is summarised.
  private var errorMicroseconds: Int64 = -1
  package var body: Body

  package init(
    point: PointIndex, time: Timestamp, boot: BootTime, quality: Quality, reason: QualityReason,
    timeQuality: TimeQuality, body: Body
  ) {
    self.point = point
    self.time = time
    self.boot = boot
    self.quality = quality
    self.reason = reason
    self.timeQuality = timeQuality
    self.body = body
  }

  package init(_ reading: Reading) {
    self.init(
      point: reading.point, time: reading.time, boot: reading.boot, quality: reading.quality,
      reason: reading.reason, timeQuality: reading.timeQuality, body: .reading(reading.value))
  }
}

/// One of the statistics that only some points ask for.
package struct ExtraStatistic: Equatable, BitwiseCopyable, Sendable {
  /// Exactly one.
  package var function: WindowFunctions
  package var value: Value
  /// The state that `.durations` is of; infinity: all others.
  package var state: Double

  package init(_ function: WindowFunctions, _ value: Value, state: Double = 0) {
    (self.function, self.value, self.state) = (function, value, state)
  }
}

/// An alarm was raised or cleared.
package struct AlarmEvent: Equatable, BitwiseCopyable, Sendable {
  package var isRaised: Bool
  /// What did it; nil where silence did, or where it is nobody's business.
  package var value: Value?

  package init(isRaised: Bool, value: Value?) { (self.isRaised, self.value) = (isRaised, value) }

  /// The contract's word.
  package var word: StaticString { isRaised ? "raised" : "cleared" }
}

/// The statistics of the readings in one window that had a value and were not bad; the others are only counted.
package struct WindowSummary: Equatable, Sendable {
  package var seconds: UInt32
  /// Readings that the statistics cover.
  package var count: UInt64
  /// Readings of the window that failed or were found bad.
  package var bad: UInt64
  /// The daemon was not running, or the clock stepped, for a part of the window.
  package var isPartial: Bool
  // The following are meaningless (zero) while `count` is 0.
  package var mean: Double
  package var min: Double
  package var max: Double
  package var sum: Double
  /// Of the sample (divided by n - 1); 0 for fewer than two readings.
  package var standardDeviation: Double
  package var last: Value
  /// Of `WindowFunctions.extras`, in their order.
  package var extras: [ExtraStatistic]

  package init(
    seconds: UInt32, count: UInt64, bad: UInt64, isPartial: Bool, mean: Double, min: Double, max: Double,
    sum: Double, standardDeviation: Double, last: Value, extras: [ExtraStatistic] = []
  ) {
    self.seconds = seconds
    self.count = count
    self.bad = bad
    self.isPartial = isPartial
    self.mean = mean
    self.min = min
    self.max = max
    self.sum = sum
    self.standardDeviation = standardDeviation
    self.last = last
    self.extras = extras
  }
}

extension WindowSummary {
  /// One statistic; nil where the window has none, of `.durations`, and of an extra that was not asked for.
  package func value(of function: WindowFunctions) -> Value? {
    if function == .count { return .unsigned(count) }
    if function == .good { return extras.first { $0.function == .good }?.value }
    guard count > 0 else { return nil }
    switch function {
    case .mean: return .double(mean)
    case .min: return .double(min)
    case .max: return .double(max)
    case .sum: return .double(sum)
    case .standardDeviation: return .double(standardDeviation)
    case .last: return last
    case .range: return .double(max - min)
    case .durations: return nil
    default: return extras.first { $0.function == function }?.value
    }
  }
}

extension Reading {
  /// nil of a window and an alarm.
  package init?(_ row: Row) {
    guard case .reading(let value) = row.body else { return nil }
    self.init(
      point: row.point, at: Moment(time: row.time, boot: row.boot), value: value, quality: row.quality,
      reason: row.reason, timeQuality: row.timeQuality)
  }
}
