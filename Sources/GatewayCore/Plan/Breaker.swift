/// What may be spent on a device that does not answer, so that its timeouts do not eat the time of its bus. A value
/// without clock or chance: the caller brings the time and the random number.
///
/// Closed, every poll goes through; but once a poll was not answered, the next waits only for as long as the
/// neighbours can bear (`trusts` is false). After `tolerance` failures in a row it opens: a long probe goes through
/// at intervals that double from 1 s to 60 s, and short ones in between as far as the bus has time for them
/// (`ProbeBudget`). One answer closes it.
package struct Breaker: Equatable, BitwiseCopyable, Sendable {
  package static let tolerance = 3
  package static let firstInterval = Duration.seconds(1)
  package static let longestInterval = Duration.seconds(60)
  /// The interval varies by this share either way, so that dead devices do not probe in step.
  package static let jitter = 0.2

  private var failures = 0
  private var nextProbe = BootTime(microseconds: .min)
  /// Nobody knows yet whether the device is there.
  private var isUnknown = true
  private var wasHeard = false

  package init() {}

  package var isOpen: Bool { failures >= Self.tolerance }

  /// Whether the device is known to answer, so that the bus's whole timeout may be spent on it.
  package var trusts: Bool { failures == 0 && !isUnknown || wasHeard }

  /// Whether the device may be asked now whatever the budget says.
  package func permits(at now: BootTime) -> Bool { !isOpen || wasHeard || now >= nextProbe }

  /// The device answered, be it with an exception.
  package mutating func answered() {
    failures = 0
    isUnknown = false
    wasHeard = false
  }

  /// The device's answer came too late to be of use: it lives, and needs more time than it was given.
  package mutating func heard() { wasHeard = !trusts }

  /// The device did not answer. `random` is in 0 ..< 1.
  package mutating func failed(at now: BootTime, random: Double) {
    let wasPermitted = permits(at: now)
    wasHeard = false
    // A short probe in between is no reason to wait longer for the next long one.
    guard wasPermitted else { return }
    failures += 1
    guard isOpen else { return }
    // 2^6 s is beyond the cap; the shift must not grow with a device that is dead for a year.
    let doublings = min(failures - Self.tolerance, 6)
    let interval = min(Self.firstInterval * (1 << doublings), Self.longestInterval)
    nextProbe = now.advanced(by: interval * (1 + Self.jitter * (2 * random - 1)))
  }
}
