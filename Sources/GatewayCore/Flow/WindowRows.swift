// What a window says when it ends.
extension WindowAggregator {
  /// The row of a window that ends now, whatever it has seen. `length` in microseconds.
  package static func row(_ window: Accumulator, length: Int64, extras: [ExtraStatistic] = []) -> Row {
    let end = window.start.microseconds + length
    let variance = window.count > 1 ? window.squares / Double(window.count - 1) : 0
    let sum = window.total
    // Infinities do not add up.
    let mean = sum.isFinite && window.count > 0 ? sum / Double(window.count) : window.mean
    return Row(
      point: window.point, time: Timestamp(microseconds: end),
      boot: BootTime(microseconds: end &- window.offset),
      quality: window.count == 0 ? .bad : window.bad > 0 ? .uncertain : window.quality,
      reason: window.count == 0 || window.bad == 0 ? window.reason : .someBad,
      timeQuality: window.timeQuality,
      body: .window(
        WindowSummary(
          seconds: UInt32(length / 1_000_000), count: window.count, bad: window.bad,
          isPartial: window.isPartial, mean: mean, min: window.min, max: window.max,
          sum: sum.isFinite ? sum : window.sum, standardDeviation: variance.squareRoot(), last: window.last,
          extras: extras)))
  }

  /// Where the pane begins that a reading lies in; `window` is not raw.
  package static func start(of reading: Reading, in window: Window) -> Timestamp {
    Timestamp(microseconds: start(of: reading.time.microseconds, length: window.step))
  }

  /// The row of a reading that comes alone: of a windowed point a window that knows no other.
  package static func row(of reading: Reading, _ point: PointDescription) -> Row {
    guard point.window != .raw else { return Row(reading) }
    var base = Accumulator(
      point: reading.point, start: start(of: reading, in: point.window), isPartial: true)
    base.add(reading)
    return row(Pane(base), length: point.window.step, point.functions)
  }

  /// The same of a point whose readings stay in memory: what is a reading itself gives way to the mean.
  static func rowWithoutReadings(_ pane: Pane, length: Int64, _ functions: WindowFunctions) -> Row {
    var row = row(pane, length: length, functions)
    guard case .window(var summary) = row.body, summary.count > 0 else { return row }
    (summary.last, summary.min, summary.max) = (.double(summary.mean), summary.mean, summary.mean)
    row.body = .window(summary)
    return row
  }

  package static func row(_ pane: Pane, length: Int64, _ functions: WindowFunctions) -> Row {
    var found = pane.base.count > 0 ? pane.extras?.statistics(functions) ?? [] : []
    for (function, quantile) in [(WindowFunctions.p50, 0.5), (.p90, 0.9), (.p99, 0.99)]
    where functions.contains(function) {
      if let value = pane.sketch?.value(at: quantile) {
        // A bin is wider than a window of equal readings.
        let inside = min(max(value, pane.base.min), pane.base.max)
        found.append(ExtraStatistic(function, .double(inside)))
      }
    }
    let all = pane.base.count &+ pane.base.bad
    let good = pane.base.count &- pane.base.uncertain
    if all > 0, good < all || functions.contains(.good) {
      found.append(ExtraStatistic(.good, .double(Double(good) / Double(all))))
    }
    // In the order of the functions; durations keep theirs.
    let ordered = found.enumerated().sorted {
      ($0.element.function.rawValue, $0.offset) < ($1.element.function.rawValue, $1.offset)
    }
    return row(pane.base, length: length, extras: ordered.map(\.element))
  }
}
