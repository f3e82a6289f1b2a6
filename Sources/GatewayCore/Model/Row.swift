/// What is stored and delivered: one raw reading, or the statistics of one window.
package struct Row: Equatable, Sendable {
  package enum Body: Equatable, Sendable {
    /// nil where the reading failed.
    case reading(Value?)
    case window(WindowSummary)
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
  package var timeError: Duration?
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

/// The statistics of the readings in one window that had a value; failed readings are only counted.
package struct WindowSummary: Equatable, BitwiseCopyable, Sendable {
  package var seconds: UInt32
  /// Readings that the statistics cover.
  package var count: UInt64
  /// Readings of the window that failed.
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

  package init(
    seconds: UInt32, count: UInt64, bad: UInt64, isPartial: Bool, mean: Double, min: Double, max: Double,
    sum: Double, standardDeviation: Double, last: Value
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
  }
}
