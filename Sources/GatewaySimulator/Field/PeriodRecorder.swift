internal import GatewayCore

/// How far the intervals between equal requests lie from the polling period.
package struct PeriodErrors: Equatable, Sendable {
  package var count: Int
  /// |interval - period|, microseconds.
  package var p50: Int
  package var p99: Int
  package var max: Int
  /// The intervals themselves, microseconds.
  package var period50: Int
  package var period99: Int

  /// `errors` (interval - period) in any order.
  init(_ errors: [Int32], period: Duration) {
    let distances = errors.map { Int($0.magnitude) }.sorted()
    let intervals = errors.sorted().map { Int($0) + Int(period.microseconds) }
    count = errors.count
    p50 = Self.rank(distances, 0.5)
    p99 = Self.rank(distances, 0.99)
    max = distances.last ?? 0
    period50 = Self.rank(intervals, 0.5)
    period99 = Self.rank(intervals, 0.99)
  }

  /// The nearest-rank percentile.
  private static func rank(_ sorted: [Int], _ share: Double) -> Int {
    guard !sorted.isEmpty else { return 0 }
    let place = Int((share * Double(sorted.count)).rounded(.up)) - 1
    return sorted[Swift.min(Swift.max(place, 0), sorted.count - 1)]
  }
}

/// Notes when each request (server, unit, function, address) that no fault struck came. Bounded: what is beyond is
/// not noted.
struct PeriodRecorder: Sendable {
  private static let maximumErrors = 8_000_000
  private static let maximumRequests = 1_000_000

  let period: Duration
  private var last: [UInt64: BootTime] = [:]
  /// Microseconds; a period of more than half an hour would not fit.
  private var errors: [Int32] = []

  init(period: Duration) { self.period = period }

  var result: PeriodErrors { PeriodErrors(errors, period: period) }

  mutating func note(server: Int, unit: UInt8, function: UInt8, address: Int, at time: BootTime) {
    let key = UInt64(server) << 32 | UInt64(unit) << 24 | UInt64(function) << 16 | UInt64(address)
    if let previous = last[key] {
      guard errors.count < Self.maximumErrors else { return }
      errors.append(Int32(clamping: (previous.duration(to: time) - period).microseconds))
    } else if last.count >= Self.maximumRequests {
      return
    }
    last[key] = time
  }

  mutating func removeAll() {
    last.removeAll()
    errors.removeAll()
  }
}
