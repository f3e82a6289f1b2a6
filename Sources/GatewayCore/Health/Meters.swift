package import Synchronization

/// What one bus did; written by the bus's thread, read by anyone.
package final class BusMeter: Sendable {
  package let requests = Atomic<UInt64>(0)
  package let errors = Atomic<UInt64>(0)
  /// Readings pushed into the ring, and refused by it.
  package let acquired = Atomic<UInt64>(0)
  package let ringDropped = Atomic<UInt64>(0)
  /// Polls that began more than a period late and were left out.
  package let skippedTicks = Atomic<UInt64>(0)
  let diagnostics = BusDiagnostics()
  private let error = Mutex<String?>(nil)
  private let connected = Atomic<Bool>(false)

  package init() {}

  /// The last failure in one sentence, kept after recovery; nil while there was none.
  package var lastError: String? { error.withLock { $0 } }

  package var isConnected: Bool { connected.load(ordering: .relaxed) }

  package func record(error sentence: String) {
    errors.wrappingAdd(1, ordering: .relaxed)
    error.withLock { if $0 != sentence { $0 = sentence } }
  }

  package func record(connected isConnected: Bool) { connected.store(isConnected, ordering: .relaxed) }
}

/// How one device fares; written by its bus's thread, read by anyone.
package final class DeviceMeter: Sendable {
  package enum State: UInt8, AtomicRepresentable, Sendable {
    /// Not asked yet.
    case starting
    case ok
    /// Answers, but some of its points fail.
    case degraded
    case failed
  }

  private let current = Atomic<State>(.starting)

  package init() {}

  package var state: State { current.load(ordering: .relaxed) }
  package func record(_ state: State) { current.store(state, ordering: .relaxed) }
}
