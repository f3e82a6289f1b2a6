/// What was summarised once is summarised again: the statistics of neighbouring windows as those of one.
extension WindowAggregator.Accumulator {
  /// Adds the readings of a window that lies in this one. Count, bad, min, max and last are exact; sum, mean and
  /// deviation to the last bits. `row` is where `summary` is from.
  mutating func add(_ summary: WindowSummary, of row: Row) {
    var part = Self(point: point, start: start, isPartial: summary.isPartial)
    part.offset = row.time.microseconds &- row.boot.microseconds
    part.timeQuality = row.timeQuality
    (part.count, part.bad) = (summary.count, summary.bad)
    // Bad readings are counted and speak for themselves: how good the others were is not known any more.
    let isUnknown = summary.count > 0 && row.reason == .someBad
    part.reason = isUnknown ? .none : row.reason
    part.quality = isUnknown || summary.count == 0 ? .good : row.quality
    (part.min, part.max, part.sum, part.last) = (summary.min, summary.max, summary.sum, summary.last)
    part.mean = summary.mean
    part.squares =
      summary.count > 1
      ? summary.standardDeviation * summary.standardDeviation * Double(summary.count - 1) : 0
    add(part)
  }
}

/// Extras of neighbouring windows as those of one. Percentiles, vector means and means over time are given up: their
/// windows do not say enough for it.
struct ExtrasMerger {
  private(set) var merged: [ExtraStatistic] = []
  /// Readings so far, and the good ones among them.
  private var readings = 0.0
  private var good = 0.0

  /// `summary` is later than what came before.
  mutating func add(_ summary: WindowSummary) {
    let count = Double(summary.count) + Double(summary.bad)
    // Before shares were told, those that failed were not good.
    var share = count > 0 ? Double(summary.count) / count : 1
    for extra in summary.extras {
      switch extra.function {
      case .good: share = extra.value.asDouble
      case .transitions, .increase, .durations: addUp(extra)
      case .first where !merged.contains { $0.function == .first }: merged.insert(extra, at: 0)
      default: break
      }
    }
    (readings, good) = (readings + count, good + share * count)
  }

  mutating func add(isGood: Bool) {
    readings += 1
    if isGood { good += 1 }
  }

  /// With the share of good readings, where that is below 1.
  var result: [ExtraStatistic] {
    good < readings ? merged + [ExtraStatistic(.good, .double(good / readings))] : merged
  }

  private mutating func addUp(_ extra: ExtraStatistic) {
    var extra = extra
    func place() -> Int? {
      merged.firstIndex { $0.function == extra.function && $0.state == extra.state }
    }
    // A row has room for so many states; the time in others is added up, as in a window.
    let states = merged.count { $0.function == .durations && $0.state.isFinite }
    if extra.function == .durations, states >= WindowAggregator.Extras.mostStates, place() == nil {
      extra.state = .infinity
    }
    guard let place = place() else {
      let next = merged.firstIndex {
        ($0.function.rawValue, $0.state) > (extra.function.rawValue, extra.state)
      }
      return merged.insert(extra, at: next ?? merged.endIndex)
    }
    switch (merged[place].value, extra.value) {
    case (.unsigned(let mine), .unsigned(let theirs)):
      merged[place].value = .unsigned(WindowAggregator.Accumulator.sum(mine, theirs))
    case (let mine, let theirs): merged[place].value = .double(mine.asDouble + theirs.asDouble)
    }
  }
}
