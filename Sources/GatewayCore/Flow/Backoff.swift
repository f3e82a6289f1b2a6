/// How long to wait before the next attempt: capped exponential with full jitter ("Exponential Backoff And
/// Jitter", AWS architecture blog 2015), so that ten thousand gateways do not come back in the same second.
/// Pure: the caller brings the random number.
package struct Backoff: Equatable, Sendable {
  /// A connect that nobody answers costs the platform nothing, and live rows are to be in time again soon after an
  /// outage: such attempts are never further apart than this, or than three linger times, in which all cabinets
  /// come back hardly faster than they send anyway.
  package static let unreachableCeiling = 2.0
  /// What only a person can mend is tried slowly from the first failure on.
  package static let misconfiguredFloor = 30.0

  /// Seconds.
  private let initial: Double
  private let maximum: Double
  /// The time in which all cabinets may come back together.
  private let fleetTime: Double
  /// Failures in a row.
  package private(set) var failures = 0

  package init(initial: Duration, maximum: Duration, linger: Duration = .zero) {
    self.initial = initial.seconds
    self.maximum = maximum.seconds
    fleetTime = 3 * linger.seconds
  }

  /// Counts a failure and says how long to wait after it. `random` lies in 0 ..< 1. `retryAfter` is a floor.
  package mutating func next(
    after trouble: DeliveryTrouble, retryAfter: Duration? = nil, random: Double
  ) -> Duration {
    let ceiling = min(initial * Double(1 << min(failures, 32)), maximum)
    failures += 1
    let wait =
      switch trouble {
      case .unreachable: random * min(ceiling, max(Self.unreachableCeiling, fleetTime))
      case .busy: random * ceiling
      case .overloaded: random * min(max(ceiling, fleetTime), maximum)
      // Slow, so jitter only over the upper half.
      case .misconfigured: (0.5 + random / 2) * min(max(ceiling, Self.misconfiguredFloor), maximum)
      }
    // Everyone was told the same number of seconds: they come back over half as many more.
    let floor = retryAfter.map { $0.seconds + random * max(initial, $0.seconds / 2) } ?? 0
    return .microseconds(Int64(max(wait, floor) * 1e6))
  }

  package mutating func reset() { failures = 0 }
}
