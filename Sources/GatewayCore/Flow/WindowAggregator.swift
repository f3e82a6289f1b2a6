/// The windows of all points of one configuration: readings in, rows out.
///
/// Promises: each reading counts in exactly one window; a window's row comes once, when a later reading of its
/// point arrives or when its end is `grace` past; failed readings are counted, never averaged. Pure: what time it
/// is, the caller says. Relies on: one point's readings arrive in the order in which they were taken, so a time
/// that goes back means that the clock stepped; then the open window closes early, as partial.
package struct WindowAggregator: Sendable {
  /// What is known of one open window.
  package struct Accumulator: Equatable, BitwiseCopyable, Sendable {
    package var point: PointIndex
    package var start: Timestamp
    package var isPartial: Bool
    package var count: UInt64 = 0
    package var bad: UInt64 = 0
    package var mean = 0.0
    /// The sum of the squared distances from the mean (Welford 1962).
    package var squares = 0.0
    package var min = 0.0
    package var max = 0.0
    package var sum = 0.0
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

  /// How long after its end a window waits for readings that are still on their way through the ring.
  package static let grace = Duration.seconds(2)

  /// Per point, its window's length in microseconds; 0 for raw points.
  private let lengths: [Int64]
  private var open: [Accumulator?]
  /// Windows that began before this are partial.
  private var startedAt: Timestamp
  /// No open window ends earlier.
  private var earliestEnd = Int64.max

  package init(points: [PointDescription], startedAt: Timestamp) {
    lengths = points.map { point in
      if case .tumbling(let seconds) = point.window { Int64(seconds) * 1_000_000 } else { 0 }
    }
    open = Array(repeating: nil, count: points.count)
    self.startedAt = startedAt
  }

  package func isWindowed(_ point: PointIndex) -> Bool { lengths[Int(point)] != 0 }

  /// Adds a reading of a windowed point; hands the row of the window that it ends to `emit`.
  package mutating func add(_ reading: Reading, _ emit: (Row) -> Void) {
    let place = Int(reading.point)
    let length = lengths[place]
    let start = Self.start(of: reading.time.microseconds, length: length)
    if let current = open[place], current.start.microseconds != start {
      var closing = current
      if start < current.start.microseconds { closing.isPartial = true }
      emit(row(closing))
      open[place] = nil
      // The rest of a window that a step of the clock entered again is not the whole of it either.
      if start < current.start.microseconds { begin(reading.point, start, length, isPartial: true) }
    }
    if open[place] == nil {
      begin(reading.point, start, length, isPartial: start < startedAt.microseconds)
    }
    open[place]!.add(reading)
  }

  private mutating func begin(_ point: PointIndex, _ start: Int64, _ length: Int64, isPartial: Bool) {
    open[Int(point)] = Accumulator(
      point: point, start: Timestamp(microseconds: start), isPartial: isPartial)
    earliestEnd = Swift.min(earliestEnd, start + length)
  }

  /// Closes the windows whose end is `grace` past, in the order of their points.
  package mutating func closeDue(at now: Timestamp, _ emit: (Row) -> Void) {
    let limit = now.microseconds - Self.grace.microseconds
    guard earliestEnd <= limit else { return }
    earliestEnd = .max
    for place in open.indices {
      guard let accumulator = open[place] else { continue }
      let end = accumulator.start.microseconds + lengths[place]
      if end <= limit {
        emit(row(accumulator))
        open[place] = nil
      } else {
        earliestEnd = Swift.min(earliestEnd, end)
      }
    }
  }

  /// The open windows, in the order of their points.
  package var openWindows: [Accumulator] { open.compactMap { $0 } }

  /// Takes back an open window of an earlier run; what it lacks since then makes it partial.
  package mutating func restore(_ accumulator: Accumulator) {
    let place = Int(accumulator.point)
    let length = lengths[place]
    guard length > 0, accumulator.start.microseconds % length == 0,
      accumulator.start.microseconds.magnitude < 1 << 62, accumulator.offset.magnitude < 1 << 61
    else { return }
    open[place] = accumulator
    open[place]!.isPartial = true
    earliestEnd = Swift.min(earliestEnd, accumulator.start.microseconds + length)
  }

  /// Forgets the window of which `row` is already stored (while restoring).
  package mutating func drop(closedBy row: Row) {
    let place = Int(row.point)
    guard place < open.count, let accumulator = open[place] else { return }
    if accumulator.start.microseconds + lengths[place] == row.time.microseconds { open[place] = nil }
  }

  static func start(of time: Int64, length: Int64) -> Int64 {
    let remainder = time % length
    return time - (remainder < 0 ? remainder + length : remainder)
  }

  private func row(_ window: Accumulator) -> Row {
    Self.row(window, length: lengths[Int(window.point)])
  }

  /// The row of a window that ends now, whatever it has seen. `length` in microseconds.
  package static func row(_ window: Accumulator, length: Int64) -> Row {
    let end = window.start.microseconds + length
    let variance = window.count > 1 ? window.squares / Double(window.count - 1) : 0
    return Row(
      point: window.point, time: Timestamp(microseconds: end),
      boot: BootTime(microseconds: end &- window.offset),
      quality: window.count == 0 ? .bad : window.bad > 0 ? .uncertain : window.quality,
      reason: window.count == 0 || window.bad == 0 ? window.reason : .someBad,
      timeQuality: window.timeQuality,
      body: .window(
        WindowSummary(
          seconds: UInt32(length / 1_000_000), count: window.count, bad: window.bad,
          isPartial: window.isPartial, mean: window.mean, min: window.min, max: window.max, sum: window.sum,
          standardDeviation: variance.squareRoot(), last: window.last)))
  }
}

extension WindowAggregator.Accumulator {
  mutating func add(_ reading: Reading) {
    offset = reading.time.microseconds &- reading.boot.microseconds
    if reading.timeQuality != .synced { timeQuality = reading.timeQuality }
    guard let value = reading.value else {
      bad &+= 1
      if count == 0 { reason = reading.reason }
      return
    }
    if reading.quality.rawValue > quality.rawValue || count == 0 {
      quality = reading.quality
      reason = reading.reason
    }
    let number = value.asDouble
    count &+= 1
    last = value
    if count == 1 {
      (mean, min, max, sum) = (number, number, number, number)
      return
    }
    let distance = number - mean
    mean += distance / Double(count)
    squares += distance * (number - mean)
    if number < min { min = number }
    if number > max { max = number }
    sum += number
  }
}
