/// Who has got which rows: one entry for each destination, pure. The books balance at every instant by
/// construction: what is queued and what was evicted are derived, never counted beside the rest.
///
/// Relies on its owner to store rows before they are acknowledged, and to write it to the medium late rather
/// than early: an old ledger sends rows again, one from the future would lose them.
package struct DeliveryLedger: Equatable, Sendable {
  package struct Entry: Equatable, Sendable {
    /// The rows that are delivered, quarantined or evicted, as half-open runs of numbers. In the order of their
    /// numbers mostly, so that there is one run from row 1 on; after an outage new rows may overtake old ones.
    package private(set) var settled = RangeSet<UInt64>()
    package private(set) var delivered: UInt64 = 0
    package private(set) var quarantined: UInt64 = 0
    /// The part of `evicted` that damage to the medium cost.
    package private(set) var damaged: UInt64 = 0
    /// The part of `evicted` that lives on in summaries, which are rows themselves.
    package fileprivate(set) var thinned: UInt64 = 0
    /// How many rows are settled.
    package private(set) var count: UInt64 = 0

    package init() {}

    /// nil where the numbers contradict each other.
    package init?(
      settled: RangeSet<UInt64>, delivered: UInt64, quarantined: UInt64, damaged: UInt64, thinned: UInt64 = 0
    ) {
      self.settled = settled
      self.delivered = delivered
      self.quarantined = quarantined
      self.damaged = damaged
      self.thinned = thinned
      count = settled.rowCount
      let (sum, overflow) = delivered.addingReportingOverflow(quarantined)
      guard !overflow, sum <= count, damaged <= count - sum, thinned <= count - sum - damaged,
        settled.ranges.first?.lowerBound != 0
      else {
        return nil
      }
    }

    /// All rows up to this one are settled.
    package var settledThrough: UInt64 {
      guard let first = settled.ranges.first, first.lowerBound == 1 else { return 0 }
      return first.upperBound - 1
    }

    package var evicted: UInt64 { count - delivered - quarantined }

    /// Settles what of `rows` is not yet; returns how many that were. `settlement` nil: evicted for room or age.
    @discardableResult
    fileprivate mutating func settle(_ rows: ClosedRange<UInt64>, as settlement: Settlement?) -> UInt64 {
      let range = Range(rows)
      let fresh = range.rowCount - settled.intersection(RangeSet(range)).rowCount
      guard fresh > 0 else { return 0 }
      settled.insert(contentsOf: range)
      count += fresh
      switch settlement {
      case .delivered: delivered += fresh
      case .quarantined: quarantined += fresh
      case .lost: damaged += fresh
      case nil: break
      }
      return fresh
    }

    fileprivate mutating func requeue(_ seq: UInt64) -> Bool {
      guard quarantined > 0, seq > 0, seq < .max, settled.contains(seq) else { return false }
      settled.remove(contentsOf: seq..<seq + 1)
      count -= 1
      quarantined -= 1
      return true
    }

    /// The entry with at most `limit` runs: those that hold one of `kept`, as far as that goes, then the first and the
    /// longest. Rows that are forgotten are sent again; they are taken for delivered ones, as far as there are any.
    package func limited(toRuns limit: Int, keeping kept: RangeSet<UInt64> = RangeSet()) -> Entry {
      guard settled.ranges.count > limit else { return self }
      func rank(_ run: Range<UInt64>) -> (Int, UInt64) {
        if kept.ranges.contains(where: { $0.overlaps(run) }) { return (2, run.rowCount) }
        return run.lowerBound == 1 ? (1, run.rowCount) : (0, run.rowCount)
      }
      var result = self
      for run in settled.ranges.map({ ($0, rank($0)) }).sorted(by: { $0.1 > $1.1 }).dropFirst(limit) {
        result.forget(run.0)
      }
      return result
    }

    private mutating func forget(_ run: Range<UInt64>) {
      settled.remove(contentsOf: run)
      count -= run.rowCount
      delivered -= min(delivered, run.rowCount)
      var excess = delivered + quarantined + damaged + thinned
      excess -= min(excess, count)
      for part in [\Entry.thinned, \.damaged, \.quarantined] {
        let taken = min(self[keyPath: part], excess)
        self[keyPath: part] -= taken
        excess -= taken
      }
    }
  }

  /// While no destination is configured, rows are kept for one to come until there is no room: an entry of
  /// this name counts them.
  package static let nobody = ""

  /// The entries that a ledger for these destinations has.
  package static func entryNames(for destinations: [String]) -> [String] {
    destinations.isEmpty ? [nobody] : destinations
  }

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

  /// Whether no destination needs any of `rows` any more.
  package func isSettled(_ rows: ClosedRange<UInt64>) -> Bool {
    entries.values.allSatisfy { $0.settled.holds(rows) }
  }

  /// How many of `rows` some destination still needs: as many as the one that needs the most.
  package func needed(of rows: ClosedRange<UInt64>) -> UInt64 {
    let all = RangeSet(Range(rows))
    return entries.values.reduce(0) { max($0, all.subtracting($1.settled).rowCount) }
  }

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
    precondition(rows.lowerBound >= 1, "BUG: rows are numbered from 1")
    precondition(rows.upperBound <= storedThrough, "BUG: a row was acknowledged before it was stored")
    // In place: a copy of the runs would be made for each batch.
    return (entries[destination]?.settle(rows, as: settlement) ?? 0) > 0
  }

  /// A quarantined row is to be sent again; false where there is none of that number.
  package mutating func requeue(_ seq: UInt64, at destination: String) -> Bool {
    entries[destination]?.requeue(seq) ?? false
  }

  /// `rows` are gone. `byDamage`: the medium cannot give them back, rather than room being needed.
  package mutating func evict(_ rows: ClosedRange<UInt64>, byDamage: Bool = false) {
    precondition(rows.upperBound <= storedThrough, "BUG: evicting rows that were never stored")
    for name in entries.keys { entries[name]!.settle(rows, as: byDamage ? .lost : nil) }
  }

  /// `rows` are gone, and `summary`, which was just stored, stands for them. Whoever had all of them has the summary
  /// too; everybody else gets it instead of what he lacked.
  package mutating func supersede(_ rows: RangeSet<UInt64>, by summary: ClosedRange<UInt64>) {
    precondition(summary.upperBound <= storedThrough, "BUG: a summary counts before it is stored")
    for name in entries.keys {
      guard !rows.isSubset(of: entries[name]!.settled) else {
        entries[name]!.settle(summary, as: .delivered)
        continue
      }
      for run in rows.ranges {
        entries[name]!.thinned += entries[name]!.settle(ClosedRange(run), as: nil)
      }
    }
  }

  /// The parts of `rows` that some destination needs: in each, every destination has either all rows or none.
  package func groups(of rows: RangeSet<UInt64>) -> [RangeSet<UInt64>] {
    var groups = [rows]
    var settled = rows
    for entry in entries.values {
      groups = groups.flatMap { [$0.intersection(entry.settled), $0.subtracting(entry.settled)] }
        .filter { !$0.isEmpty }
      settled.formIntersection(entry.settled)
    }
    return groups.filter { !$0.isSubset(of: settled) }
      .sorted { $0.ranges[0].lowerBound < $1.ranges[0].lowerBound }
  }

  /// Rows up to `seq` are gone; 0: none.
  package mutating func evict(through seq: UInt64, byDamage: Bool = false) {
    if seq > 0 { evict(1...seq, byDamage: byDamage) }
  }

  /// The ledger with at most so many runs for each destination; see `Entry.limited`. `durable`: the one that the
  /// medium holds. What it calls settled may be gone by now and has to stay settled.
  package func limited(toRuns limit: Int, keeping durable: DeliveryLedger) -> DeliveryLedger {
    guard entries.values.contains(where: { $0.settled.ranges.count > limit }) else { return self }
    var result = self
    for (name, entry) in entries {
      let kept = durable.entries[name]?.settled ?? RangeSet()
      result.entries[name] = entry.limited(toRuns: limit, keeping: kept)
    }
    return result
  }

  /// Keeps the entries of `names`, forgets all others. A new destination gets every row that is still stored: all
  /// but `gone`.
  package mutating func setDestinations(_ names: [String], gone: RangeSet<UInt64>) {
    var kept: [String: Entry] = [:]
    for name in Self.entryNames(for: names) {
      kept[name] = entries[name] ?? Entry(settled: gone, delivered: 0, quarantined: 0, damaged: 0) ?? Entry()
    }
    entries = kept
  }

  /// nil for a destination that is not configured.
  package func books(of destination: String) -> DeliveryBooks? {
    entries[destination].map { DeliveryBooks(stored: storedThrough, entry: $0) }
  }

  /// Rows more than in `before` that damage cost, at the destination that lost the most.
  package func damaged(since before: DeliveryLedger) -> UInt64 {
    entries.reduce(0) { most, entry in
      let known = before.entries[entry.key]?.damaged ?? entry.value.damaged
      return max(most, entry.value.damaged - min(known, entry.value.damaged))
    }
  }

  /// The books of the destination that is furthest behind.
  package var overallBooks: DeliveryBooks {
    let furthestBehind = entries.min { ($0.value.count, $0.key) < ($1.value.count, $1.key) }
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
  /// The part of `evicted` that lives on in summaries, which are rows themselves.
  package var thinned: UInt64
  package var quarantined: UInt64

  /// Gone for ever: neither delivered nor in a summary.
  package var lost: UInt64 { evicted - min(thinned, evicted) }

  package init(stored: UInt64, entry: DeliveryLedger.Entry) {
    self.stored = stored
    delivered = entry.delivered
    queued = stored - entry.count
    evicted = entry.evicted
    damaged = entry.damaged
    thinned = entry.thinned
    quarantined = entry.quarantined
  }
}

extension RangeSet<UInt64> {
  package var rowCount: UInt64 { ranges.reduce(0) { $0 + $1.rowCount } }

  package func holds(_ rows: ClosedRange<UInt64>) -> Bool {
    ranges.contains { $0.lowerBound <= rows.lowerBound && rows.upperBound < $0.upperBound }
  }

  /// The first run of numbers from `seq` to `last` that are not here.
  package func gap(from seq: UInt64, through last: UInt64) -> ClosedRange<UInt64>? {
    var first = seq
    let runs = ranges
    // By place: this is asked for each second and batch, and the runs' own iterator is slow.
    for place in 0..<runs.count where first <= last {
      let run = runs[place]
      guard run.upperBound > first else { continue }
      if run.lowerBound > first { return first...min(last, run.lowerBound - 1) }
      first = run.upperBound
    }
    return first <= last ? first...last : nil
  }

  /// The last run of numbers from 1 to `seq` that are not here.
  package func gap(through seq: UInt64) -> ClosedRange<UInt64>? {
    var last = seq
    for run in ranges.reversed() where run.lowerBound <= last {
      if run.upperBound <= last { return max(run.upperBound, 1)...last }
      last = run.lowerBound - 1
    }
    return last >= 1 ? 1...last : nil
  }
}

extension Range<UInt64> {
  package var rowCount: UInt64 { upperBound - lowerBound }
}
