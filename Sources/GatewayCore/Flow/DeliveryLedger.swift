/// Who has got which rows: one entry for each destination, pure. The books balance at every instant by
/// construction: what is queued and what was evicted are derived, never counted beside the rest.
///
/// Relies on its owner to store rows before they are acknowledged, and to write it to the medium late rather
/// than early: an old ledger sends rows again, one from the future would lose them.
package struct DeliveryLedger: Equatable, Sendable {
  package struct Entry: Equatable, Sendable {
    /// All rows up to this one are delivered, quarantined or evicted.
    package var settledThrough: UInt64 = 0
    package var delivered: UInt64 = 0
    package var quarantined: UInt64 = 0
    /// The part of `evicted` that damage to the medium cost.
    package var damaged: UInt64 = 0

    package init() {}

    package init(settledThrough: UInt64, delivered: UInt64, quarantined: UInt64, damaged: UInt64) {
      self.settledThrough = settledThrough
      self.delivered = delivered
      self.quarantined = quarantined
      self.damaged = damaged
    }

    package var evicted: UInt64 { settledThrough - delivered - quarantined }

    /// What a block from the medium must fulfil before its numbers are subtracted from each other.
    package var isConsistent: Bool {
      let (sum, overflow) = delivered.addingReportingOverflow(quarantined)
      return !overflow && sum <= settledThrough && damaged <= settledThrough - sum
    }
  }

  /// While no destination is configured, rows are kept for one to come until there is no room: an entry of
  /// this name counts them.
  package static let nobody = ""

  /// The number of the last row on the medium; 0 when there is none.
  package private(set) var storedThrough: UInt64
  /// By destination's name; never empty.
  package private(set) var entries: [String: Entry]

  package init(storedThrough: UInt64 = 0, entries: [String: Entry] = [:]) {
    self.storedThrough = storedThrough
    self.entries = entries.isEmpty ? [Self.nobody: Entry()] : entries
  }

  /// No destination needs rows up to this one any more.
  package var settledThrough: UInt64 { entries.values.reduce(storedThrough) { min($0, $1.settledThrough) } }

  package mutating func store(through seq: UInt64) {
    precondition(seq >= storedThrough, "BUG: the store went backwards")
    storedThrough = seq
  }

  /// Settles the part of `rows` that is not settled yet; whether there was any. A destination that the
  /// configuration no longer has is ignored: its forwarder may still be ending.
  @discardableResult
  package mutating func acknowledge(
    _ rows: ClosedRange<UInt64>, as settlement: Settlement, at destination: String
  ) -> Bool {
    guard var entry = entries[destination], rows.upperBound > entry.settledThrough else { return false }
    precondition(rows.upperBound <= storedThrough, "BUG: a row was acknowledged before it was stored")
    precondition(rows.lowerBound <= entry.settledThrough + 1, "BUG: an acknowledgement skipped rows")
    let count = rows.upperBound - entry.settledThrough
    entry.settledThrough = rows.upperBound
    switch settlement {
    case .delivered: entry.delivered += count
    case .quarantined: entry.quarantined += count
    case .lost: entry.damaged += count
    }
    entries[destination] = entry
    return true
  }

  /// Rows up to `seq` are gone. `byDamage`: the medium cannot give them back, rather than room being needed.
  package mutating func evict(through seq: UInt64, byDamage: Bool = false) {
    precondition(seq <= storedThrough, "BUG: evicting rows that were never stored")
    for (name, var entry) in entries where entry.settledThrough < seq {
      if byDamage { entry.damaged += seq - entry.settledThrough }
      entry.settledThrough = seq
      entries[name] = entry
    }
  }

  /// Keeps the entries of `names`, forgets all others. A new destination starts at row `oldest`, the first
  /// that is still stored.
  package mutating func setDestinations(_ names: [String], oldest: UInt64) {
    var kept: [String: Entry] = [:]
    for name in names.isEmpty ? [Self.nobody] : names {
      var fresh = Entry()
      fresh.settledThrough = min(oldest - 1, storedThrough)
      kept[name] = entries[name] ?? fresh
    }
    entries = kept
  }

  /// nil for a destination that is not configured.
  package func books(of destination: String) -> DeliveryBooks? {
    entries[destination].map { DeliveryBooks(stored: storedThrough, entry: $0) }
  }

  /// The books of the destination that is furthest behind.
  package var overallBooks: DeliveryBooks {
    let furthestBehind = entries.min { ($0.value.settledThrough, $0.key) < ($1.value.settledThrough, $1.key) }
    return DeliveryBooks(stored: storedThrough, entry: furthestBehind?.value ?? Entry())
  }
}

/// `stored = delivered + queued + evicted + quarantined`, in rows.
package struct DeliveryBooks: Equatable, Sendable {
  package var stored: UInt64
  package var delivered: UInt64
  package var queued: UInt64
  /// Gone without delivery, for whatever reason.
  package var evicted: UInt64
  /// The part of `evicted` that damage to the medium cost.
  package var damaged: UInt64
  package var quarantined: UInt64

  package init(stored: UInt64, entry: DeliveryLedger.Entry) {
    self.stored = stored
    delivered = entry.delivered
    queued = stored - entry.settledThrough
    evicted = entry.evicted
    damaged = entry.damaged
    quarantined = entry.quarantined
  }
}
