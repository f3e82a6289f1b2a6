extension WindowAggregator {
  /// What is known of one open window.
  package struct Accumulator: Equatable, BitwiseCopyable, Sendable {
    package var point: PointIndex
    package var start: Timestamp
    package var isPartial: Bool
    package var count: UInt64 = 0
    package var bad: UInt64 = 0
    /// Those of `count` that were not good.
    package var uncertain: UInt64 = 0
    package var mean = 0.0
    /// The sum of the squared distances from the mean (Welford 1962).
    package var squares = 0.0
    package var min = 0.0
    package var max = 0.0
    /// The sum and what it lost to rounding (Neumaier 1974), so that a mean of 1e9 values is right to the last bits.
    package var sum = 0.0
    package var compensation = 0.0
    package var last = Value.double(0)
    /// time - boot of the latest reading, microseconds.
    package var offset: Int64 = 0
    /// The worst of the readings that had a value.
    package var quality = Quality.good
    package var reason = QualityReason.none
    package var timeQuality = TimeQuality.synced

    package init(point: PointIndex, start: Timestamp, isPartial: Bool) {
      self.point = point
      self.start = start
      self.isPartial = isPartial
    }
  }
}

extension WindowAggregator.Accumulator {
  /// What was added up, without what rounding cost.
  var total: Double { sum + compensation }

  @inline(__always)
  package mutating func add(_ reading: Reading) {
    offset = reading.time.microseconds &- reading.boot.microseconds
    if reading.timeQuality != .synced { timeQuality = reading.timeQuality }
    guard let value = reading.value, reading.quality != .bad else {
      bad &+= 1
      if count == 0 { reason = reading.reason }
      return
    }
    if reading.quality != .good { uncertain &+= 1 }
    if reading.quality.rawValue > quality.rawValue || count == 0 {
      quality = reading.quality
      reason = reading.reason
    }
    last = value
    add(value.asDouble)
  }

  @inline(__always)
  private mutating func add(_ number: Double) {
    count &+= 1
    if count == 1 {
      (mean, min, max, sum) = (number, number, number, number)
      return
    }
    let distance = number - mean
    mean += distance / Double(count)
    squares += distance * (number - mean)
    if number < min { min = number }
    if number > max { max = number }
    addUp(number)
  }

  @inline(__always)
  mutating func addUp(_ number: Double) {
    let next = sum + number
    compensation += sum.magnitude >= number.magnitude ? (sum - next) + number : (number - next) + sum
    sum = next
  }

  /// Adds a part of the same window, of later readings (Chan, Golub and LeVeque 1979).
  mutating func add(_ part: Self) {
    offset = part.offset
    if part.timeQuality != .synced { timeQuality = part.timeQuality }
    isPartial = isPartial || part.isPartial
    if count == 0 || part.count > 0 && part.quality.rawValue > quality.rawValue {
      (quality, reason) = (part.quality, part.reason)
    }
    bad = Self.sum(bad, part.bad)
    guard part.count > 0 else { return }
    last = part.last
    uncertain = Self.sum(uncertain, part.uncertain)
    let (mine, theirs) = (Double(count), Double(part.count))
    if count == 0 {
      (mean, min, max, sum, compensation) = (part.mean, part.min, part.max, part.sum, part.compensation)
      squares = part.squares
    } else {
      let distance = part.mean - mean
      mean += distance * (theirs / (mine + theirs))
      squares += part.squares + distance * distance * (mine * theirs / (mine + theirs))
      min = Swift.min(min, part.min)
      max = Swift.max(max, part.max)
      addUp(part.sum)
      addUp(part.compensation)
    }
    count = Self.sum(count, part.count)
  }

  /// The numbers may come from a medium: they may be anything.
  static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }
}
