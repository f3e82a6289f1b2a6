internal import GatewayCore

// Questions that the lanes put to the queue. Each is answered from a few runs.
extension DeliveryQueue {
  /// Whether more than two full batches are stored from `seq` on.
  func isFar(from seq: UInt64, by rowLimit: Int) -> Bool {
    let stored = storedThrough
    return stored >= seq && stored - seq >= 2 * UInt64(rowLimit)
  }

  /// Where the newest batch of rows begins, when that is far from `seq` and one more run may be left behind.
  func farAhead(of seq: UInt64, by rowLimit: Int) -> UInt64? {
    guard isFar(from: seq, by: rowLimit), hasFewRuns else { return nil }
    return storedThrough - UInt64(rowLimit) + 1
  }

  private var hasFewRuns: Bool {
    var seq: UInt64 = 1
    for _ in 0..<Outbox.mostRuns {
      guard let run = pending(from: seq) else { return true }
      seq = run.upperBound + 1
    }
    return pending(from: seq) == nil
  }

  /// The first pending run below `limit` without the rows of `busy`.
  func firstFree(below limit: UInt64, busy: [ClosedRange<UInt64>]) -> ClosedRange<UInt64>? {
    var seq: UInt64 = 1
    while let run = pending(from: seq), run.lowerBound < limit {
      guard let taken = busy.first(where: { $0.contains(run.lowerBound) }) else {
        let next = busy.map(\.lowerBound).filter { $0 > run.lowerBound }.min() ?? limit
        return run.lowerBound...min(run.upperBound, min(next, limit) - 1)
      }
      seq = taken.upperBound + 1
    }
    return nil
  }

  /// The last one.
  func lastFree(below limit: UInt64, busy: [ClosedRange<UInt64>]) -> ClosedRange<UInt64>? {
    var seq = limit - 1
    while let run = pending(through: seq) {
      guard let taken = busy.first(where: { $0.contains(run.upperBound) }) else {
        let before = busy.map(\.upperBound).filter { $0 < run.upperBound }.max() ?? 0
        return max(run.lowerBound, before + 1)...run.upperBound
      }
      seq = taken.lowerBound - 1
    }
    return nil
  }
}

extension ClosedRange<UInt64> {
  /// Its last `count` rows, or all.
  func last(_ count: Int) -> ClosedRange {
    upperBound - lowerBound < UInt64(count) ? self : upperBound - UInt64(count) + 1...upperBound
  }
}

extension ClosedRange<UInt64>? {
  func holds(_ rows: ClosedRange<UInt64>) -> Bool {
    self.map { $0.lowerBound <= rows.lowerBound && rows.upperBound <= $0.upperBound } ?? false
  }
}
