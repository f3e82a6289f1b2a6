package import GatewayCore
package import GatewaySystem
internal import Synchronization

/// Lets any thread cut short what a bus's thread waits for: a stop must not wait for a device that is silent for
/// the whole of a long timeout. Once interrupted, it stays so.
package final class Interruption: Sendable {
  private let wasInterrupted = Atomic<Bool>(false)
  /// Never lowered once raised.
  private let signal: EventSignal

  package init() throws(SystemError) { signal = try EventSignal() }

  package func interrupt() {
    wasInterrupted.store(true, ordering: .releasing)
    signal.raise()
  }

  package var isInterrupted: Bool { wasInterrupted.load(ordering: .acquiring) }

  /// Waits until the time is there, or `descriptor` is readable or at its end; whether it was interrupted.
  package func wait(until end: BootTime, or descriptor: Int32?) -> Bool {
    if isInterrupted { return true }
    let rest = SystemClock.boot.duration(to: end)
    guard rest > .zero else { return false }
    _ = signal.poll(timeout: rest, or: descriptor)
    return isInterrupted
  }
}
