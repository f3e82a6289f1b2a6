package import GatewayCore
internal import Synchronization

/// Rows that are too old to be kept, delivered or not (`store: {retain: 30d}`).
extension DurableStore {
  /// Commits stamped earlier were written before the clock was set: a box without one wakes up in 1970. Their age
  /// is unknown, so they are kept.
  static let clockWasSet = Timestamp(microseconds: 1_577_836_800_000_000)  // 2020-01-01

  /// Evicts the segments in which every row was stored before `cutoff`, at every destination that lacks them, and
  /// counts them. The newest segment stays, so rows may outlive the cutoff by the time that 4 MiB take.
  package func evict(storedBefore cutoff: Timestamp) throws(StoreError) {
    // Where that fails, the next call tries it again.
    _ = quarantine.remove { Self.clockWasSet <= $0.row.row.time && $0.row.row.time < cutoff }
    try writer.withLock { (writer) throws(StoreError) in
      writer.cutoff = cutoff
      guard let last = shared.withLock({ Self.lastRow(storedBefore: cutoff, $0) }) else { return }
      var ledger = ledgerToWrite()
      ledger.evict(through: last)
      try writeDurably(ledger, &writer)
      shared.withLock { $0.ledger.evict(through: last) }
    }
  }

  /// nil when nothing that is too old is still needed.
  private static func lastRow(storedBefore cutoff: Timestamp, _ shared: Shared) -> UInt64? {
    let next = shared.map.segments.dropFirst().last { next in
      clockWasSet <= next.header.time && next.header.time < cutoff
    }
    guard let next, next.firstSeq > 1, !shared.ledger.isSettled(1...next.firstSeq - 1) else { return nil }
    return next.firstSeq - 1
  }
}
