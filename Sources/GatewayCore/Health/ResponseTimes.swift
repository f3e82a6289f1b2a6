// How long devices take to answer, as a histogram: counters that anyone may read while one thread writes.
internal import Synchronization

/// The counters. Buckets in the series 1-2-5 from 100 us to 10 s, and one for what took longer: a person reads
/// the bounds at a glance, and a percentile is at most 2.5 times too high.
final class ResponseHistogram: Sendable {
  private let counts = InlineArray<17, Atomic<UInt64>> { _ in Atomic(0) }

  init() {
    precondition(counts.count == ResponseTimes.bounds.count + 1, "BUG: a response time has no counter")
  }

  func record(_ time: Duration) {
    counts[ResponseTimes.bucket(of: time)].wrappingAdd(1, ordering: .relaxed)
  }

  var snapshot: ResponseTimes {
    ResponseTimes(counts: counts.indices.map { counts[$0].load(ordering: .relaxed) })
  }
}

/// The histogram at one instant.
package struct ResponseTimes: Equatable, Sendable {
  /// Upper bounds in microseconds, inclusive.
  package static let bounds: [Int64] = [
    100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
    5_000_000, 10_000_000,
  ]

  /// One for each bound, and the last for what lies above them all.
  package let counts: [UInt64]

  /// Takes as many counts as there are buckets; missing ones are 0, further ones are left out.
  package init(counts: [UInt64]) {
    let buckets = Self.bounds.count + 1
    self.counts = Array(counts.prefix(buckets)) + Array(repeating: 0, count: max(0, buckets - counts.count))
  }

  package var total: UInt64 { counts.reduce(0, &+) }

  static func bucket(of time: Duration) -> Int {
    let microseconds = time.microseconds
    return bounds.firstIndex { microseconds <= $0 } ?? bounds.count
  }

  /// The bound below which this share (0 … 1) of the answers came, in microseconds; nil without answers, or
  /// where it lies beyond the last bound.
  package func bound(below share: Double) -> Int64? {
    let needed = (Double(total) * share).rounded(.up)
    var sum: UInt64 = 0
    for (bound, count) in zip(Self.bounds, counts) {
      sum &+= count
      if count > 0, Double(sum) >= needed { return bound }
    }
    return nil
  }
}
