package import GatewayCore
internal import Synchronization

/// Rows that are too old to be kept, delivered or not (`store: {retain: 30d}`).
extension DurableStore {
  /// Commits stamped earlier were written before the clock was set: a box without one wakes up in 1970. Their age
  /// is unknown, so they are kept.
  static let clockWasSet = Timestamp(microseconds: 1_577_836_800_000_000)  // 2020-01-01

  /// Evicts the segments in which every row was stored before `cutoff`, at every destination that lacks them, and
  /// counts them. The newest segment stays, so rows may outlive the cutoff by the time that 4 MiB take; so do rows whose
  /// time is not known, until one behind them has one.
  package func evict(storedBefore cutoff: Timestamp) throws(StoreError) {
    // Where that fails, the next call tries it again.
    _ = quarantine.remove { isOld(healing(of: $0.row.boot).healed($0.row.row), cutoff) }
    try writer.withLock { (writer) throws(StoreError) in
      writer.cutoff = cutoff
      guard let last = lastRow(storedBefore: cutoff) else { return }
      var ledger = ledgerToWrite()
      ledger.evict(through: last)
      try writeDurably(ledger, &writer)
      shared.withLock { $0.ledger.evict(through: last) }
    }
  }

  private func isOld(_ row: Row, _ cutoff: Timestamp) -> Bool {
    row.timeQuality == .synced && Self.clockWasSet <= row.time && row.time < cutoff
  }

  /// nil when nothing that is too old is still needed.
  private func lastRow(storedBefore cutoff: Timestamp) -> UInt64? {
    let (map, ledger) = shared.withLock { ($0.map, $0.ledger) }
    let candidates = map.segments.dropFirst().reversed().filter { next in
      Self.clockWasSet <= next.header.time && next.header.time < cutoff && next.firstSeq > 1
        && !ledger.isSettled(1...next.firstSeq - 1)
    }
    return candidates.first { isOld($0, cutoff) }.map { $0.firstSeq - 1 }
  }

  /// By the first of its rows: the header has the time of the clock of then, right or not.
  private func isOld(_ segment: SegmentMap.Segment, _ cutoff: Timestamp) -> Bool {
    guard let commit = firstCommit(of: segment) else { return false }
    let row = commit.payload.withUnsafeBytes { payload in
      var decoder = RowDecoder(payload, rowCount: commit.rowCount)
      return try? decoder.next()
    }
    return row.map { isOld(healing(of: commit.boot).healed($0), cutoff) } ?? false
  }
}
