internal import GatewayCore

/// How far the intervals between equal requests lie from the polling period.
package struct PeriodErrors: Equatable, Sendable {
  package var count: Int
  /// |interval - period|, microseconds.
  package var p50: Int
  package var p99: Int
  package var max: Int

  /// `errors` in any order.
  init(_ errors: [UInt32]) {
    let sorted = errors.sorted()
    count = sorted.count
    p50 = Self.rank(sorted, 0.5)
    p99 = Self.rank(sorted, 0.99)
    max = Int(sorted.last ?? 0)
  }

  /// The nearest-rank percentile.
  private static func rank(_ sorted: [UInt32], _ share: Double) -> Int {
    guard !sorted.isEmpty else { return 0 }
    let place = Int((share * Double(sorted.count)).rounded(.up)) - 1
    return Int(sorted[Swift.min(Swift.max(place, 0), sorted.count - 1)])
  }
}

/// Notes when each request (server, unit, function, address) came. Bounded: what is beyond is not noted.
struct PeriodRecorder: Sendable {
  private static let maximumErrors = 8_000_000
  private static let maximumRequests = 1_000_000

  let period: Duration
  private var last: [UInt64: BootTime] = [:]
  private(set) var errors: [UInt32] = []

  init(period: Duration) { self.period = period }

  mutating func note(server: Int, unit: UInt8, function: UInt8, address: Int, at time: BootTime) {
    let key = UInt64(server) << 32 | UInt64(unit) << 24 | UInt64(function) << 16 | UInt64(address)
    if let previous = last[key] {
      guard errors.count < Self.maximumErrors else { return }
      let error = (previous.duration(to: time) - period).microseconds.magnitude
      errors.append(UInt32(clamping: error))
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
