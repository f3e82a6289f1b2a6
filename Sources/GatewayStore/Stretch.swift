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
}

extension DurableStore {
  /// Rows that are kept in memory at most, beside the result. Where the clock went back far, more would be
  /// earlier ones: those are taken in the order of their numbers.
  private static let mostEarlierRows = 10_000
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
    var (bytes, newest) = (0, Int64.min)
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
    _ newest: inout Int64
  ) {
    let before = stretch.parts.last
    var part = Stretch.Part(
      segment: segment, entry: entry, isEarlier: false,
      followsGap: before.map { $0.entry.lastSeq + 1 != entry.firstSeq } ?? true)
    if let time = firstTime(of: part) {
      part.isEarlier = time < newest &- Self.overlap
      newest = max(newest, time)
    }
    stretch.parts.append(part)
  }

  private func firstTime(of part: Stretch.Part) -> Int64? {
    readCommit(part.entry, in: part.segment)?.payload.withUnsafeBytes { payload in
      var decoder = RowDecoder(payload, rowCount: 1)
      return (try? decoder.next())?.time.microseconds
    }
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
    var parts = stretch.parts.filter {
      !rows.intersection(RangeSet(Range($0.rows))).isEmpty
    }
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
    var seq = commit.firstSeq
    commit.payload.withUnsafeBytes { payload in
      var decoder = RowDecoder(payload, rowCount: commit.rowCount)
      while let row = try? decoder.next() {
        if expired?.contains(row.time) == true {
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
