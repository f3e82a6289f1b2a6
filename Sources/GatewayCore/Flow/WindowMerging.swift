/// What was summarised once is summarised again: the statistics of neighbouring windows as those of one.
extension WindowAggregator.Accumulator {
  /// Adds the readings of a window that lies in this one. Count, bad, min, max and last are exact; sum and
  /// mean to the last bits; the deviation by Chan, Golub and LeVeque 1979. `row` is where `summary` is from.
  mutating func add(_ summary: WindowSummary, of row: Row) {
    offset = row.time.microseconds &- row.boot.microseconds
    if row.timeQuality != .synced { timeQuality = row.timeQuality }
    if summary.isPartial { isPartial = true }
    bad = Self.sum(bad, summary.bad)
    guard summary.count > 0 else {
      if count == 0 { reason = row.reason }
      return
    }
    // Bad readings are counted and speak for themselves: how good the others were is not known any more.
    let said = row.reason == .someBad ? (Quality.good, QualityReason.none) : (row.quality, row.reason)
    if said.0.rawValue > quality.rawValue || count == 0 { (quality, reason) = said }
    combine(summary)
  }

  private mutating func combine(_ summary: WindowSummary) {
    last = summary.last
    let (mine, theirs) = (Double(count), Double(summary.count))
    let theirSquares = summary.standardDeviation * summary.standardDeviation * (theirs - 1)
    if count == 0 {
      (mean, min, max, sum) = (summary.mean, summary.min, summary.max, summary.sum)
      squares = theirSquares
    } else {
      let distance = summary.mean - mean
      mean += distance * (theirs / (mine + theirs))
      squares += theirSquares + distance * distance * (mine * theirs / (mine + theirs))
      if summary.min < min { min = summary.min }
      if summary.max > max { max = summary.max }
      sum += summary.sum
    }
    count = Self.sum(count, summary.count)
  }

  /// The numbers come from a medium: they may be anything.
  private static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }
}
