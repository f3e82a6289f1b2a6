/// Which numbers of a stream were seen, as disjoint, non-adjacent, ascending ranges: small while the numbers come
/// nearly in order, however many there are.
struct IntervalSet: Equatable, Sendable {
  private(set) var ranges: [ClosedRange<UInt64>] = []
  private(set) var count: UInt64 = 0

  /// Numbers between the lowest and the highest that are not in the set.
  var holes: UInt64 {
    guard let first = ranges.first, let last = ranges.last else { return 0 }
    return last.upperBound - first.lowerBound + 1 - count
  }

  /// Adds a range; returns the parts of it that were not in the set, ascending.
  mutating func insert(_ range: ClosedRange<UInt64>) -> [ClosedRange<UInt64>] {
    var start = firstIndex(endingAtOrAfter: range.lowerBound == 0 ? 0 : range.lowerBound - 1)
    let replaced = start
    var merged = range
    var added: [ClosedRange<UInt64>] = []
    var next = range.lowerBound
    var isFull = false
    while start < ranges.count,
      ranges[start].lowerBound <= range.upperBound
        || ranges[start].lowerBound - 1 == range.upperBound
    {
      let old = ranges[start]
      merged = min(merged.lowerBound, old.lowerBound)...max(merged.upperBound, old.upperBound)
      if !isFull, old.lowerBound > next { added.append(next...min(old.lowerBound - 1, range.upperBound)) }
      if old.upperBound >= range.upperBound { isFull = true } else { next = max(next, old.upperBound + 1) }
      start += 1
    }
    if !isFull, next <= range.upperBound { added.append(next...range.upperBound) }
    ranges.replaceSubrange(replaced..<start, with: CollectionOfOne(merged))
    count += added.reduce(0) { $0 + ($1.upperBound - $1.lowerBound + 1) }
    return added
  }

  private func firstIndex(endingAtOrAfter number: UInt64) -> Int {
    // Nearly always the end: look there before searching.
    guard let last = ranges.last, last.upperBound >= number else { return ranges.count }
    var low = 0
    var high = ranges.count - 1
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound >= number { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
