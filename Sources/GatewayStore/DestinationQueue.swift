internal import GatewayCore
internal import Synchronization

/// One destination's view of a store. It outlives its destination's place in the configuration: then
/// everything counts as settled.
final class DestinationQueue: DeliveryQueue {
  private let store: DurableStore
  private let destination: String

  init(store: DurableStore, destination: String) {
    self.store = store
    self.destination = destination
  }

  var storedThrough: UInt64 { store.storedThrough }

  var settledThrough: UInt64 {
    store.shared.withLock { shared in
      shared.ledger.entries[destination]?.settledThrough ?? shared.ledger.storedThrough
    }
  }

  func pending(from seq: UInt64) -> ClosedRange<UInt64>? {
    store.shared.withLock { shared in
      shared.ledger.entries[destination]?.settled.gap(from: max(seq, 1), through: shared.ledger.storedThrough)
    }
  }

  func pending(through seq: UInt64) -> ClosedRange<UInt64>? {
    store.shared.withLock { shared in
      shared.ledger.entries[destination]?.settled.gap(through: min(seq, shared.ledger.storedThrough))
    }
  }

  func read(at seq: UInt64) -> DeliveryRead { store.read(at: seq) }

  var clocks: BootClocks? { store.clocks }

  func catalogue(_ id: UInt32) -> Catalogue? { store.catalogue(id) }

  func acknowledge(_ rows: ClosedRange<UInt64>, as settlement: Settlement) {
    store.shared.withLock { shared in
      if shared.ledger.acknowledge(rows, as: settlement, at: destination) { shared.ledgerIsDirty = true }
    }
  }

  func onStored(_ raise: @escaping @Sendable () -> Void) {
    store.shared.withLock { $0.listeners[destination] = raise }
  }
}

extension DurableStore {
  /// A quarantined row is queued again, so that whoever waits for rows looks; false where it is not quarantined.
  package func requeue(_ seq: UInt64, at destination: String) -> Bool {
    let listener = shared.withLock { shared -> (@Sendable () -> Void)?? in
      guard shared.ledger.requeue(seq, at: destination) else { return nil }
      shared.ledgerIsDirty = true
      return .some(shared.listeners[destination])
    }
    guard let listener else { return false }
    listener?()
    return true
  }
}
