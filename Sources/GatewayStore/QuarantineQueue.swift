package import GatewayCore

/// One destination's queue, and the quarantine of the rows that its platform refuses. Rows that a person sends again
/// are pending like any other, and are read from the quarantine, as the store may have given them up by now.
package final class QuarantineQueue: DeliveryQueue, Quarantine {
  private let store: DurableStore
  private let queue: any DeliveryQueue
  private let file: QuarantineFile
  private let destination: String

  init(_ store: DurableStore, destination: String) {
    self.store = store
    file = store.quarantine
    self.destination = destination
    queue = store.queue(for: destination)
  }

  private var retried: [QuarantinedRow] {
    file.entries.filter { $0.isRetried && $0.destination == destination }.map(\.row)
  }

  package var storedThrough: UInt64 { queue.storedThrough }
  package var settledThrough: UInt64 { queue.settledThrough }
  package func pending(from seq: UInt64) -> ClosedRange<UInt64>? { queue.pending(from: seq) }
  package func pending(through seq: UInt64) -> ClosedRange<UInt64>? { queue.pending(through: seq) }
  package func onStored(_ raise: @escaping @Sendable () -> Void) { queue.onStored(raise) }

  package func read(at seq: UInt64) -> DeliveryRead {
    let found = queue.read(at: seq)
    if case .commit(let commit) = found, commit.firstSeq <= seq { return found }
    let rows = retried
    if let row = rows.first(where: { $0.seq == seq }) { return .commit(row.commit) }
    // A gap ends where a row of the quarantine lies.
    guard let next = rows.map(\.seq).filter({ $0 > seq }).min(),
      queue.pending(from: next)?.lowerBound == next
    else { return found }
    switch found {
    case .gap(let through): return .gap(through: min(through, next - 1))
    case .commit(let commit) where commit.firstSeq > next: return .gap(through: next - 1)
    case .commit, .end: return found
    }
  }

  package var clocks: BootClocks? { store.clocks }

  package func catalogue(_ id: UInt32) -> Catalogue? {
    queue.catalogue(id) ?? retried.first { $0.catalogue.id == id }?.catalogue
  }

  package func acknowledge(_ rows: ClosedRange<UInt64>, as settlement: Settlement) {
    queue.acknowledge(rows, as: settlement)
    guard settlement == .delivered else { return }
    let sent = retried.filter { rows.contains($0.seq) }
    // Otherwise a power cut would leave a ledger that calls the row queued or quarantined, and no row.
    guard !sent.isEmpty, (try? store.recordLedger()) != nil else { return }
    _ = file.remove { entry in entry.destination == destination && sent.contains { $0.isSame(as: entry.row) }
    }
  }

  package func keep(_ row: QuarantinedRow) -> String? { file.keep(row, from: destination) }

  /// Queues a row of the quarantine again. What is wrong where that is not possible.
  package func retry(_ row: QuarantinedRow) -> String? {
    if let trouble = file.retry(row, at: destination) { return trouble }
    return store.requeue(row.seq, at: destination)
      ? nil : "row \(row.seq) of stream \(row.stream) is not this store's any more: show it, or drop it"
  }
}

extension DurableStore {
  /// Makes ledger and quarantine agree: the file says at once what is set aside or sent again, the ledger on the medium
  /// some seconds later, and a kill may come between. To be called before anybody sends.
  func agreeWithQuarantine() {
    for entry in quarantine.entries {
      let queue = queue(for: entry.destination)
      let seq = entry.row.seq
      guard let books = books(of: entry.destination), seq <= storedThrough else { continue }
      if queue.pending(from: seq)?.lowerBound == seq {
        // It was set aside, and is this store's.
        if !entry.isRetried, case .commit(let commit) = queue.read(at: seq), commit.firstSeq <= seq,
          commit.stream == entry.row.stream
        {
          queue.acknowledge(seq...seq, as: .quarantined)
        }
      } else if entry.isRetried, books.quarantined > waiting(at: entry.destination) {
        // It was to be sent again. Where that had been done, the platform knows it by its number.
        _ = requeue(seq, at: entry.destination)
      }
    }
  }

  /// How many rows wait for a person.
  private func waiting(at destination: String) -> UInt64 {
    UInt64(quarantine.entries.count { $0.destination == destination && !$0.isRetried })
  }
}
