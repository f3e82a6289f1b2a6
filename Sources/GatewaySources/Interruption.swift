internal import Glibc
internal import Synchronization

/// Lets any thread cut short what a bus's thread waits for on its socket: a stop must not wait for a device
/// that is silent for the whole of a long timeout. Once interrupted, it stays so.
///
/// The lock makes sure that a descriptor is never shut down after its owner closed it (the number may then
/// be another's); the owner therefore withdraws it before closing.
package final class Interruption: Sendable {
  private let gate = Mutex(())
  // The gate guards them; atomics all the same, because ThreadSanitizer does not see into the slow path of a
  // contended Mutex, and would cry at each stop.
  private let descriptor = Atomic<Int32>(-1)
  private let wasInterrupted = Atomic<Bool>(false)

  package init() {}

  package func interrupt() {
    gate.withLock { _ in
      wasInterrupted.store(true, ordering: .releasing)
      cut()
    }
  }

  package var isInterrupted: Bool { wasInterrupted.load(ordering: .acquiring) }

  /// The owner waits on this socket from now on.
  func publish(_ descriptor: Int32) {
    gate.withLock { _ in
      self.descriptor.store(descriptor, ordering: .relaxed)
      if isInterrupted { cut() }
    }
  }

  /// To be called before the descriptor is closed.
  func withdraw() {
    gate.withLock { _ in descriptor.store(-1, ordering: .relaxed) }
  }

  private func cut() {
    let number = descriptor.load(ordering: .relaxed)
    if number >= 0 { _ = shutdown(number, Int32(SHUT_RDWR)) }
  }
}
