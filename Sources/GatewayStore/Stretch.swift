internal import GatewayCore
internal import Synchronization

/// The oldest segments, and their commits in the order in which thinning reads them. Summaries of an earlier
/// thinning lie among newer rows: `earlier` rows are kept at hand and come in by their time.
struct Stretch {
  struct Part {
    var segment: SegmentMap.Segment
    var entry: SegmentIndex.Commit
    /// Its rows are older than those of commits before it.
    var isEarlier: Bool
    /// Rows are missing before it.
    var followsGap: Bool
    /// The boot whose clock its rows' times are of, while that is not known to have been right; nil: they are right.
    var clock: BootID?

    var rows: ClosedRange<UInt64> { entry.firstSeq...entry.lastSeq }
  }

  struct NamedRow {
    var row: Row
    var catalogue: Catalogue
  }

  /// Rows that were found.
  struct Seen {
    var read = RangeSet<UInt64>()
    /// Those of `read` that are too old to be kept.
    var expired = RangeSet<UInt64>()

    var kept: RangeSet<UInt64> { read.subtracting(expired) }
  }

  var segments: [SegmentMap.Segment] = []
  /// Times of rows that are too old.
  var expired: Range<Timestamp>?
  var rows = RangeSet<UInt64>()
  var parts: [Part] = []

  /// `rows` apart by the clocks that they were taken under: times of two clocks cannot be compared, and those of a boot
  /// that may know the time later are kept with its boot times.
  func byClock(_ rows: RangeSet<UInt64>) -> [(clock: BootID?, rows: RangeSet<UInt64>)] {
    var groups: [(clock: BootID?, rows: RangeSet<UInt64>)] = []
    for part in parts {
      guard let clock = part.clock else { continue }
      let found = rows.intersection(RangeSet(Range(part.rows)))
      if let place = groups.firstIndex(where: { $0.clock == clock }) {
        groups[place].rows.formUnion(found)
      } else {
        groups.append((clock, found))
      }
    }
    // What cannot be read is among the others.
    groups.insert((nil, groups.reduce(rows) { $0.subtracting($1.rows) }), at: 0)
    return groups.filter { !$0.rows.isEmpty }
  }

  /// Those with some of `rows`, which are all of one clock.
  func parts(with rows: RangeSet<UInt64>) -> [Part] {
    var found: [Part] = []
    var hasHole = false
    for var part in parts {
      guard !rows.intersection(RangeSet(Range(part.rows))).isEmpty else {
        hasHole = hasHole || part.clock != found.last?.clock
        continue
      }
      if hasHole, !found.isEmpty { part.followsGap = true }
      hasHole = false
      found.append(part)
    }
    return found
  }
}

extension DurableStore {
  /// Rows that are kept in memory at most, beside the result. Where the clock went back far, more would be
  /// earlier ones: those are taken in the order of their numbers.
  private static let mostEarlierRows = 8000
  /// Commits overlap by this, at most, without being out of order.
  private static let overlap: Int64 = 60_000_000

  /// The oldest segment that some destination needs; sparse ones together, up to what one slot holds.
  func oldestStretch() -> Stretch {
    let (places, ledger) = shared.withLock { shared in
      let stored = shared.ledger.storedThrough
      return (
        shared.map.segments.indices.dropLast().map { shared.map.place(at: $0, storedThrough: stored) },
        shared.ledger
      )
    }
    var stretch = Stretch()
    var bytes = 0
    var newest: [BootID?: Int64] = [:]
    for (number, place) in places.enumerated() {
      let rows = place.segment.firstSeq...place.lastSeq
      guard !ledger.isSettled(rows) else { continue }
      let entries = index(of: place.segment).commits.filter { $0.rowCount > 0 && $0.lastSeq <= place.lastSeq }
      bytes += entries.reduce(0) { $0 + Int($1.length) }
      let isMore = !stretch.segments.isEmpty
      if isMore, bytes > layout.slotSize || number >= slotLimit / 8 { break }
      stretch.segments.append(place.segment)
      stretch.rows.insert(contentsOf: Range(rows))
      for entry in entries { add(entry, in: place.segment, to: &stretch, &newest) }
    }
    return stretch
  }

  private func add(
    _ entry: SegmentIndex.Commit, in segment: SegmentMap.Segment, to stretch: inout Stretch,
    _ newest: inout [BootID?: Int64]
  ) {
    let before = stretch.parts.last
    var part = Stretch.Part(
      segment: segment, entry: entry, isEarlier: false,
      followsGap: before.map { $0.entry.lastSeq + 1 != entry.firstSeq } ?? true)
    if let (time, clock) = clock(of: part) {
      let before = newest[clock] ?? .min
      part.clock = clock
      part.isEarlier = time < before &- Self.overlap
      newest[clock] = max(before, time)
    }
    stretch.parts.append(part)
  }

  /// The time of the first row, and whose clock it is by where that is not known to have been right.
  private func clock(of part: Stretch.Part) -> (time: Int64, clock: BootID?)? {
    guard let commit = readCommit(part.entry, in: part.segment) else { return nil }
    let healing = healing(of: commit.boot)
    return commit.payload.withUnsafeBytes { payload in
      var decoder = RowDecoder(payload, rowCount: healing == .unknown ? commit.rowCount : 1)
      guard let first = try? decoder.next() else { return nil }
      var isRight = first.timeQuality == .synced
      while isRight, healing == .unknown, let row = try? decoder.next() {
        isRight = row.timeQuality == .synced
      }
      return (healing.healed(first).time.microseconds, isRight || healing.isKnown ? nil : commit.boot)
    }
  }

  /// What rows of a boot can be given for ever. A bound may become narrower, and is not stored.
  func healing(of boot: BootID) -> BootHealing {
    let healing = clocks.healing(of: boot)
    return healing.isKnown ? healing : .unknown
  }

  /// Thins those of `rows` that can be read and are not too old, which are returned too; `newest` is the time
  /// of the latest. nil where that would give more than about `limit` bytes.
  func thin(
    _ rows: RangeSet<UInt64>, of stretch: Stretch, to grain: RowThinner.Grain, atMost limit: Int
  ) -> (seen: Stretch.Seen, result: RowThinner.Result, newest: Timestamp)? {
    var thinner = RowThinner(grain: grain)
    var measure = RowEncoder()
    var (measured, bytes) = (0, 0)
    var seen = Stretch.Seen()
    var parts = stretch.parts(with: rows)
    var earlier = takeEarlier(from: &parts, rows, besides: stretch.expired, &seen)[...]
    var catalogue: UInt32?
    for part in parts {
      if part.followsGap || !rows.holds(part.rows) { thinner.interrupt() }
      forEachRow(of: part, in: rows, besides: stretch.expired, &seen) { next in
        if let first = earlier.first, first.row.time <= next.row.time {
          thinner.interrupt()
          while let first = earlier.first, first.row.time <= next.row.time {
            thinner.add(first.row, of: first.catalogue)
            earlier.removeFirst()
          }
          thinner.interrupt()
        }
        if part.entry.isSummary || next.catalogue.id != catalogue { thinner.interrupt() }
        catalogue = next.catalogue.id
        thinner.add(next.row, of: next.catalogue)
      }
      measure.removeAll()
      for row in thinner.rows[measured...] { measure.append(row) }
      (measured, bytes) = (thinner.rows.count, bytes + measure.bytes.count)
      guard bytes <= limit else { return nil }
    }
    for row in earlier { thinner.add(row.row, of: row.catalogue) }
    return (seen, thinner.finish(), thinner.newest)
  }

  /// By time. Those that there is no room for stay among `parts`.
  private func takeEarlier(
    from parts: inout [Stretch.Part], _ rows: RangeSet<UInt64>, besides expired: Range<Timestamp>?,
    _ seen: inout Stretch.Seen
  ) -> [Stretch.NamedRow] {
    var earlier: [Stretch.NamedRow] = []
    let count = parts.reduce(0) { $0 + ($1.isEarlier ? Int($1.entry.rowCount) : 0) }
    earlier.reserveCapacity(min(count, Self.mostEarlierRows))
    parts.removeAll { part in
      guard part.isEarlier, earlier.count + Int(part.entry.rowCount) <= Self.mostEarlierRows else {
        return false
      }
      forEachRow(of: part, in: rows, besides: expired, &seen) { earlier.append($0) }
      return true
    }
    earlier.sort { $0.row.time < $1.row.time }
    return earlier
  }

  /// The rows of one commit that are among `rows`, and can be read.
  private func forEachRow(
    of part: Stretch.Part, in rows: RangeSet<UInt64>, besides expired: Range<Timestamp>?,
    _ seen: inout Stretch.Seen,
    _ body: (Stretch.NamedRow) -> Void
  ) {
    guard let commit = readCommit(part.entry, in: part.segment),
      let catalogue = catalogue(commit.catalogueID, in: part.segment) ?? catalogue(commit.catalogueID)
    else { return }
    let isWhole = rows.holds(part.rows)
    let healing = healing(of: commit.boot)
    var seq = commit.firstSeq
    commit.payload.withUnsafeBytes { payload in
      var decoder = RowDecoder(payload, rowCount: commit.rowCount)
      while let stored = try? decoder.next() {
        let row = healing.healed(stored)
        if row.timeQuality == .synced, expired?.contains(row.time) == true {
          seen.expired.insert(contentsOf: seq..<seq + 1)
        } else if isWhole || rows.contains(seq) {
          body(Stretch.NamedRow(row: row, catalogue: catalogue))
        }
        seq += 1
      }
    }
    let found = RangeSet(commit.firstSeq..<seq)
    seen.read.formUnion(isWhole ? found : found.intersection(rows))
  }
}
