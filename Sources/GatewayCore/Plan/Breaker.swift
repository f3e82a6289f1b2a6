/// When to stop asking a device that does not answer, so that its timeouts do not eat the time of its bus.
/// A value without clock or chance: the caller brings the time and the random number.
///
/// Closed, it lets every poll through. After `tolerance` failures in a row it opens: one poll per interval
/// goes through as a probe, the interval doubling from 1 s to 60 s. One answer closes it.
package struct Breaker: Equatable, BitwiseCopyable, Sendable {
  package static let tolerance = 3
  package static let firstInterval = Duration.seconds(1)
  package static let longestInterval = Duration.seconds(60)
  /// The interval varies by this share either way, so that dead devices do not probe in step.
  package static let jitter = 0.2

  private var failures = 0
  private var nextProbe = BootTime(microseconds: .min)

  package init() {}

  package var isOpen: Bool { failures >= Self.tolerance }

  /// Whether the device may be asked now.
  package func permits(at now: BootTime) -> Bool { !isOpen || now >= nextProbe }

  /// The device answered, be it with an exception.
  package mutating func answered() {
    failures = 0
  }

  /// The device did not answer. `random` is in 0 ..< 1.
  package mutating func failed(at now: BootTime, random: Double) {
    failures += 1
    guard isOpen else { return }
    // 2^6 s is beyond the cap; the shift must not grow with a device that is dead for a year.
    let doublings = min(failures - Self.tolerance, 6)
    let interval = min(Self.firstInterval * (1 << doublings), Self.longestInterval)
    nextProbe = now.advanced(by: interval * (1 + Self.jitter * (2 * random - 1)))
  }
}
