internal import GatewayCore

/// Which segment lies in which slot, which row belongs to which segment, and where the next segment may go.
/// Pure.
struct SegmentMap {
  struct Segment: Equatable {
    var header: SegmentHeader
    var slot: Int
    /// Bytes in use, as far as they are known; a whole slot otherwise.
    var bytes: Int

    var id: UInt64 { header.id }
    var firstSeq: UInt64 { header.firstSeq }
    /// The numbers at which no older segment's rows count any more.
    var covers: Range<UInt64> {
      firstSeq..<(header.packedRows > 0 ? firstSeq + UInt64(header.packedRows) : .max)
    }
  }

  /// A segment and the last row that belongs to it.
  struct Place: Equatable {
    var segment: Segment
    var lastSeq: UInt64
    var isNewest: Bool
  }

  /// Each begins behind the one before it; the ids rise too, but for packed ones. Not every segment on the medium
  /// is here: those whose rows a newer one holds too, packed or because a write failed, are free slots.
  private(set) var segments: [Segment]
  /// Writes that failed, by slot. A slot that failed is taken again only when no other is left: the failure
  /// may have been the file system's (read-only, cable) rather than the slot's.
  private var failures: [Int]

  init(segments found: [Segment], slots: Int) {
    failures = Array(repeating: 0, count: slots)
    segments = []
    var covered = RangeSet<UInt64>()
    for segment in found.sorted(by: { $0.id > $1.id }) where !covered.contains(segment.firstSeq) {
      segments.append(segment)
      covered.insert(contentsOf: segment.covers)
    }
    segments.sort { $0.firstSeq < $1.firstSeq }
  }

  var highestID: UInt64 { segments.reduce(0) { max($0, $1.id) } }

  /// Slots of the file, used or not.
  var slotCount: Int { failures.count }

  /// The number of the first row that is stored, given that of the last.
  func oldest(storedThrough: UInt64) -> UInt64 { segments.first?.firstSeq ?? storedThrough + 1 }

  /// What those of `destinations` that `ledger` does not know cannot have, or get in summaries: rows that are older than
  /// all segments, those of segments in the middle whose slots were taken once nobody needed them, and those that a
  /// summary stands for. Nothing but the segments says so: where one is new, `index` looks into each.
  func rowsGone(
    for destinations: [String], unknownTo ledger: DeliveryLedger, index: (Segment) -> SegmentIndex
  ) -> RangeSet<UInt64> {
    guard !Set(destinations).isSubset(of: ledger.entries.keys) else { return RangeSet() }
    let storedThrough = ledger.storedThrough
    var gone = RangeSet(1..<oldest(storedThrough: storedThrough))
    for place in segments.indices.map({ place(at: $0, storedThrough: storedThrough) }) {
      let index = index(place.segment)
      let end = max(index.lastSeq ?? 0, place.segment.firstSeq - 1) + 1
      if !place.isNewest, end <= place.lastSeq { gone.insert(contentsOf: end..<place.lastSeq + 1) }
      // A summary that was refused may be there, behind its segment's rows.
      for found in index.supersessions
      where found.summary.upperBound <= place.lastSeq && index.holds(catalogue: found.catalogueID) {
        gone.formUnion(found.rows)
      }
    }
    return gone
  }

  /// The segment to which row `seq` belongs; nil when it is older than all.
  func place(of seq: UInt64, storedThrough: UInt64) -> Place? {
    var low = 0
    var high = segments.count
    while low < high {
      let middle = (low + high) / 2
      if segments[middle].firstSeq <= seq { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? nil : place(at: low - 1, storedThrough: storedThrough)
  }

  func place(at index: Int, storedThrough: UInt64) -> Place {
    let isNewest = index == segments.count - 1
    return Place(
      segment: segments[index], lastSeq: isNewest ? storedThrough : segments[index + 1].firstSeq - 1,
      isNewest: isNewest)
  }

  func holds(segment id: UInt64) -> Bool { segments.contains { $0.id == id } }

  /// Slots that never held a segment, or whose segment's rows are in newer ones.
  func unusedSlots(limit: Int) -> [Int] {
    let used = Set(segments.map(\.slot))
    return (0..<min(limit, slotCount)).filter { !used.contains($0) }
  }

  /// The slot to begin a segment in: unused, or else with the oldest rows that are all settled. The newest
  /// segment is never given away, it holds the checkpoint. `freed`: the rows that it costs.
  func freeSlot(
    ledger: DeliveryLedger, limit: Int, tried: Set<Int>, allowingFailed: Bool
  ) -> (slot: Int, freed: ClosedRange<UInt64>?)? {
    let isAllowed = { slot in
      slot < limit && !tried.contains(slot) && (allowingFailed || failures[slot] == 0)
    }
    if let slot = unusedSlots(limit: limit).filter(isAllowed).min(by: { failures[$0] < failures[$1] }) {
      return (slot, nil)
    }
    for index in segments.indices.dropLast() where isAllowed(segments[index].slot) {
      let rows = segments[index].firstSeq...segments[index + 1].firstSeq - 1
      if ledger.isSettled(rows) { return (segments[index].slot, rows) }
    }
    return nil
  }

  mutating func begin(_ segment: Segment) {
    precondition(segment.id > highestID, "BUG: a segment's id was used before")
    // One that begins at the same row holds none: it was begun and failed.
    if let newest = segments.last, newest.firstSeq >= segment.firstSeq { segments.removeLast() }
    segments.append(segment)
  }

  /// `packed` takes the place of the segments whose rows it holds; their slots are unused now.
  mutating func replace(with packed: Segment) {
    segments.removeAll { packed.covers.contains($0.firstSeq) }
    segments.append(packed)
    segments.sort { $0.firstSeq < $1.firstSeq }
  }

  mutating func vacate(_ slot: Int) { segments.removeAll { $0.slot == slot } }

  mutating func setNewestBytes(_ bytes: Int) { segments[segments.count - 1].bytes = bytes }

  /// Those whose last write failed.
  var failedSlots: Set<Int> { Set(failures.indices.filter { failures[$0] > 0 }) }

  /// So many failures has a slot that could not be read at the start: its rows may come back.
  private static let unreadable = 1 << 32

  mutating func recordFailure(ofSlot slot: Int) { failures[slot] += 1 }
  mutating func setAsideUnreadable(_ slot: Int) { failures[slot] = Self.unreadable }

  /// The medium as a whole refused, and takes rows again: it was none of the slots.
  mutating func forgiveFailures() {
    for slot in failures.indices where failures[slot] < Self.unreadable { failures[slot] = 0 }
  }
  mutating func recordSuccess(ofSlot slot: Int) { failures[slot] = 0 }

  mutating func addSlot() { failures.append(0) }
}
