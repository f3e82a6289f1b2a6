internal import Glibc
internal import Synchronization

/// Lets any thread cut short what a bus's thread waits for on its socket: a stop must not wait for a device
/// that is silent for the whole of a long timeout. Once interrupted, it stays so.
///
/// The lock makes sure that a descriptor is never shut down after its owner closed it (the number may then
/// be another's); the owner therefore withdraws it before closing.
package final class Interruption: Sendable {
  private struct State {
    var descriptor: Int32?
    var isInterrupted = false
  }

  private let state = Mutex(State())

  package init() {}

  package func interrupt() {
    state.withLock {
      $0.isInterrupted = true
      if let descriptor = $0.descriptor { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
  }

  package var isInterrupted: Bool { state.withLock { $0.isInterrupted } }

  /// The owner waits on this socket from now on.
  func publish(_ descriptor: Int32) {
    state.withLock {
      $0.descriptor = descriptor
      if $0.isInterrupted { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
  }

  /// To be called before the descriptor is closed.
  func withdraw() {
    state.withLock { $0.descriptor = nil }
  }
}
