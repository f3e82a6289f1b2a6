/// How long to wait before the next attempt: capped exponential with full jitter ("Exponential Backoff And
/// Jitter", AWS architecture blog 2015), so that ten thousand gateways do not come back in the same second.
/// Pure: the caller brings the random number.
package struct Backoff: Equatable, Sendable {
  /// A connect that nobody answers costs the platform nothing, and the queue is to be normal again within two
  /// seconds after an outage: such attempts are never further apart.
  package static let unreachableCeiling = 2.0
  /// What only a person can mend is tried slowly from the first failure on.
  package static let misconfiguredFloor = 30.0

  /// Seconds.
  private let initial: Double
  private let maximum: Double
  /// Failures in a row.
  package private(set) var failures = 0

  package init(initial: Duration, maximum: Duration) {
    self.initial = initial.seconds
    self.maximum = maximum.seconds
  }

  /// Counts a failure and says how long to wait after it. `random` lies in 0 ..< 1. `retryAfter` is a floor.
  package mutating func next(
    after trouble: DeliveryTrouble, retryAfter: Duration? = nil, random: Double
  ) -> Duration {
    let ceiling = min(initial * Double(1 << min(failures, 32)), maximum)
    failures += 1
    let wait =
      switch trouble {
      case .unreachable: random * min(ceiling, Self.unreachableCeiling)
      case .busy: random * ceiling
      // Slow, so jitter only over the upper half.
      case .misconfigured: (0.5 + random / 2) * min(max(ceiling, Self.misconfiguredFloor), maximum)
      }
    // Everyone was told the same number of seconds: jitter on top of it.
    let floor = retryAfter.map { $0.seconds + random * initial } ?? 0
    return .microseconds(Int64(max(wait, floor) * 1e6))
  }

  package mutating func reset() { failures = 0 }
}
