/// What was sent last of a point that reports by exception.
package struct ReportState: BitwiseCopyable, Sendable {
  /// nil: it had failed.
  private var value: Value?
  private var boot = BootTime(microseconds: 0)
  private var quality = Quality.good
  private var isFresh = true

  package init() {}

  /// Whether the reading is to be sent: the first; one that differs enough from the last that was sent, in value or
  /// quality; one as long as the heartbeat behind it, by the boot's time, or of a later boot. Of failures in a row the
  /// first counts as a change.
  package mutating func isDue(_ reading: Reading, by config: ReportConfig) -> Bool {
    guard isFresh || isBeat(reading, config) || isChange(reading, config) else { return false }
    (value, boot, quality, isFresh) = (reading.value, reading.boot, reading.quality, false)
    return true
  }

  private func isBeat(_ reading: Reading, _ config: ReportConfig) -> Bool {
    if reading.boot < boot { return true }
    guard let heartbeat = config.heartbeat else { return false }
    // Readings are a little early now and then; the next one would be a whole period late.
    let grace = min(heartbeat / 20, 500_000)
    return reading.boot.microseconds - boot.microseconds >= heartbeat - grace
  }

  private func isChange(_ reading: Reading, _ config: ReportConfig) -> Bool {
    guard let value, let now = reading.value else { return (value == nil) != (reading.value == nil) }
    if reading.quality != quality { return true }
    return switch config.change {
    case .any: now != value
    case .absolute(let limit): value.distance(to: now) > limit
    case .relative(let part): value.distance(to: now) > part * abs(value.asDouble)
    }
  }
}

extension Value {
  /// Of whole numbers exact where it is below 2^53.
  fileprivate func distance(to other: Value) -> Double {
    switch (self, other) {
    case (.signed(let one), .signed(let other)):
      Double(one > other ? UInt64(bitPattern: one &- other) : UInt64(bitPattern: other &- one))
    case (.unsigned(let one), .unsigned(let other)): Double(one > other ? one - other : other - one)
    default: abs(asDouble - other.asDouble)
    }
  }
}
