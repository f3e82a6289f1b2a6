package import GatewayCore
internal import Synchronization

// Reading locks only to look places up; the medium is asked without a lock, and what comes from it proves
// itself: a slot that was given to another segment meanwhile holds records of that segment's id.

extension DurableStore {
  /// The commit that holds row `seq`, or where the next readable one begins.
  func read(at seq: UInt64) -> DeliveryRead {
    precondition(seq >= 1, "BUG: rows are numbered from 1")
    while true {
      guard let step = readStep(at: seq) else { continue }
      return step
    }
  }

  /// nil when the row's segment was given up during the search.
  private func readStep(at seq: UInt64) -> DeliveryRead? {
    let refused = refusedReads.load(ordering: .acquiring)
    let found = find(seq)
    let isWhole =
      switch found {
      case .gap?: false
      case .commit(let commit)?: catalogue(commit.catalogueID) != nil
      case .end?, nil: true
      }
    // What the medium refuses may come back with it.
    return isWhole || refusedReads.load(ordering: .acquiring) == refused || isGivenUp(seq) ? found : .end
  }

  /// A row that is refused still, although commits were stored since it was for the first time, does not come back.
  private func isGivenUp(_ seq: UInt64) -> Bool {
    let commits = shared.withLock { $0.commits }
    return awaited.withLock { awaited in
      if let first = awaited[seq] {
        guard commits > first else { return false }
        awaited[seq] = nil
        return true
      }
      if awaited.count == Self.mostAwaited { awaited.removeAll() }
      awaited[seq] = commits
      return false
    }
  }

  private static let mostAwaited = 64

  private func find(_ seq: UInt64) -> DeliveryRead? {
    let (storedThrough, oldest, place, newest) = shared.withLock { shared in
      let stored = shared.ledger.storedThrough
      let place = shared.map.place(of: seq, storedThrough: stored)
      let entry = place?.isNewest == true ? shared.newest.commit(atOrBehind: seq) : nil
      return (stored, shared.map.oldest(storedThrough: stored), place, entry)
    }
    guard seq <= storedThrough else { return .end }
    guard let place else { return .gap(through: oldest - 1) }
    let entry = place.isNewest ? newest : index(of: place.segment).commit(atOrBehind: seq)
    // A commit that reaches beyond its segment's rows is not what was acknowledged: a newer segment has them.
    if let entry, entry.firstSeq <= seq, entry.lastSeq <= place.lastSeq,
      let commit = readCommit(entry, in: place.segment)
    {
      // What it was written with stands beside it.
      _ = catalogue(commit.catalogueID, in: place.segment)
      return .commit(commit)
    }
    guard shared.withLock({ $0.map.holds(segment: place.segment.id) }) else { return nil }
    guard let entry else { return .gap(through: place.lastSeq) }
    return .gap(through: min(entry.firstSeq > seq ? entry.firstSeq - 1 : entry.lastSeq, place.lastSeq))
  }

  /// The commit at `entry`; nil when the medium does not give it back as it was written.
  func readCommit(_ entry: SegmentIndex.Commit, in segment: SegmentMap.Segment) -> StoredCommit? {
    guard let (record, payload) = readRecord(at: Int(entry.offset), in: segment), record.kind != .catalogue,
      record.firstSeq == entry.firstSeq, record.rowCount == Int(entry.rowCount)
    else { return nil }
    return StoredCommit(
      firstSeq: record.firstSeq, rowCount: record.rowCount, catalogueID: record.catalogueID,
      boot: record.boot,
      payload: payload, stream: record.stream)
  }

  /// What the segment begins with, found without its index; nil when it cannot be read or has no rows.
  func firstCommit(of segment: SegmentMap.Segment) -> StoredCommit? {
    var offset = StoreFormat.block
    // Its descriptions stand before it.
    for _ in 0..<4 {
      guard let (record, payload) = readRecord(at: offset, in: segment) else { return nil }
      if record.kind != .catalogue {
        guard record.rowCount > 0 else { return nil }
        return StoredCommit(
          firstSeq: record.firstSeq, rowCount: record.rowCount, catalogueID: record.catalogueID,
          boot: record.boot, payload: payload, stream: record.stream)
      }
      offset += record.footprint
    }
    return nil
  }

  private func readRecord(
    at offset: Int, in segment: SegmentMap.Segment
  ) -> (RecordHeader, [UInt8])? {
    let base = layout.offset(ofSlot: segment.slot) + offset
    return withUnsafeTemporaryAllocation(byteCount: RecordHeader.size, alignment: 16) { room in
      let header = UnsafeRawBufferPointer(room)
      guard fill(room, at: base),
        let record = RecordHeader(
          reading: header, at: offset, maximumPayload: layout.maximumPayload),
        record.segment == segment.id
      else { return nil }
      var isIntact = false
      let payload = [UInt8](unsafeUninitializedCapacity: record.length) { bytes, count in
        let room = UnsafeMutableRawBufferPointer(
          rebasing: UnsafeMutableRawBufferPointer(bytes)[..<record.length])
        guard fill(room, at: base + RecordHeader.size) else { return }
        isIntact = RecordHeader.isIntact(header: header, payload: UnsafeRawBufferPointer(room))
        count = record.length
      }
      return isIntact ? (record, payload) : nil
    }
  }

  /// Reads exactly `room.count` bytes; false at the end of the file and on any error, which is counted.
  private func fill(_ room: UnsafeMutableRawBufferPointer, at offset: Int) -> Bool {
    switch device.read(into: room, at: offset) {
    case .success(let count): return count == room.count
    case .failure:
      refusedReads.wrappingAdd(1, ordering: .releasing)
      return false
    }
  }

  /// The index of a segment that is not the newest; made when it is first read, and kept if all of it could be.
  func index(of segment: SegmentMap.Segment) -> SegmentIndex {
    sealed.withLock { sealed in
      if let known = sealed.firstIndex(where: { $0.id == segment.id }) {
        if known != sealed.count - 1 { sealed.append(sealed.remove(at: known)) }
        return sealed[sealed.count - 1].index
      }
      var scan = SegmentScan(device: device, layout: layout, slot: segment.slot)
      let index = scan.index(ofSegment: segment.id)
      if index.isComplete {
        Self.remember(index, of: segment.id, in: &sealed)
      } else {
        refusedReads.wrappingAdd(1, ordering: .releasing)
      }
      return index
    }
  }

  func keep(_ index: SegmentIndex, of id: UInt64) {
    sealed.withLock { Self.remember(index, of: id, in: &$0) }
  }

  /// What destinations that are behind read, and an export.
  private static func remember(
    _ index: SegmentIndex, of id: UInt64, in sealed: inout [(id: UInt64, index: SegmentIndex)]
  ) {
    if sealed.count == 4 { sealed.removeFirst() }
    sealed.append((id, index))
  }
}

// MARK: Catalogues

extension DurableStore {
  /// The descriptions that a commit's rows refer to; nil when every copy is damaged.
  func catalogue(_ id: UInt32) -> Catalogue? {
    if let known = knownCatalogues.withLock({ $0.first { $0.id == id } }) { return known }
    let segments = shared.withLock { $0.map.segments }
    for segment in segments.reversed() {
      if let found = catalogue(id, in: segment) { return found }
    }
    return nil
  }

  /// The same, of a commit in `segment`: what it was written with stands beside it.
  func catalogue(_ id: UInt32, in segment: SegmentMap.Segment) -> Catalogue? {
    if let known = knownCatalogues.withLock({ $0.first { $0.id == id } }) { return known }
    let newest = shared.withLock { $0.map.segments.last?.id == segment.id ? $0.newest : nil }
    for copy in (newest ?? index(of: segment)).catalogues where copy.id == id {
      guard let (_, bytes) = readRecord(at: Int(copy.offset), in: segment),
        let catalogue = Catalogue(decoding: bytes), catalogue.id == id
      else { continue }
      remember(catalogue)
      return catalogue
    }
    return nil
  }

  /// Keeps a catalogue at hand for rows whose copies of it are destroyed, or were cut off with their commit.
  package func remember(_ catalogue: Catalogue) {
    knownCatalogues.withLock { known in
      if known.last === catalogue { return }
      known.removeAll { $0.id == catalogue.id }
      if known.count == 4 { known.removeFirst() }
      known.append(catalogue)
    }
  }
}

// MARK: Replay

extension DurableStore {
  /// Every intact commit since the last one that begins a segment with a checkpoint, in order, those without
  /// rows too, each with its catalogue. For the start, before the first append.
  package func replayNewest(_ body: (StoredCommit, Catalogue?) -> Void) {
    let (segments, newest, stored) = shared.withLock { ($0.map.segments, $0.newest, $0.ledger.storedThrough) }
    var start = segments.count - 1
    while start > 0, segments.count - start < 4 {
      let segment = segments[start]
      let index = start == segments.count - 1 ? newest : index(of: segment)
      if !segment.header.isContinuation, beginsIntact(index, segment) { break }
      start -= 1
    }
    guard start >= 0 else { return }
    for (place, segment) in segments.enumerated().dropFirst(start) {
      let isNewest = place == segments.count - 1
      let last = isNewest ? stored : segments[place + 1].firstSeq - 1
      for entry in (isNewest ? newest : index(of: segment)).commits
      where entry.lastSeq <= last && !entry.isSummary {
        guard let commit = readCommit(entry, in: segment) else { continue }
        body(commit, catalogue(commit.catalogueID))
      }
    }
  }

  /// Whether the commit that the segment began with is there: only catalogue copies of the same write stand
  /// before it.
  private func beginsIntact(_ index: SegmentIndex, _ segment: SegmentMap.Segment) -> Bool {
    guard let first = index.commits.first, !first.isSummary, first.firstSeq == segment.firstSeq else {
      return false
    }
    let start = StoreFormat.block
    if Int(first.offset) == start { return true }
    return index.catalogues.contains { copy in Int(copy.offset) == start && copy.offset < first.offset }
      && index.catalogues.first { $0.offset > first.offset } != nil
  }
}

// MARK: What there is

extension DurableStore {
  package struct Usage: Equatable, Sendable {
    /// Bytes of the medium that the store may use.
    package var capacity: Int
    /// Bytes that rows occupy which some destination still needs; where only a part of an older segment is
    /// needed, in proportion to its rows.
    package var used: Int
    /// The time of the oldest such row's commit, or of its segment's first one.
    package var oldest: Timestamp?
    /// Since the start.
    package var commits: UInt64
    package var bytesWritten: UInt64
    /// The part of it that prepared slots, once for each.
    package var bytesPrepared: UInt64
    /// The part of it that commits took, with their padding.
    package var bytesOfRows: UInt64
    /// Why the store cannot write, or not in all of its capacity; nil when it can.
    package var fault: String?
    /// Slots in which the last write failed, or that cannot be read: others are used as long as there are any.
    package var slotsSetAside: Int
  }

  private var deleted: String {
    "\"\(device.name)\" was deleted or moved under the gateway: its rows end with this run;"
      + " let them be delivered or export them, then restart gatewayd"
  }

  package var usage: Usage {
    let isDeleted = device.isDeleted
    return shared.withLock { shared in
      let stored = shared.ledger.storedThrough
      var usage = Usage(
        capacity: capacity, used: 0, oldest: nil, commits: shared.commits, bytesWritten: shared.bytesWritten,
        bytesPrepared: shared.bytesPrepared, bytesOfRows: shared.bytesOfRows,
        fault: shared.writeFault ?? (isDeleted ? deleted : shared.spaceFault),
        slotsSetAside: shared.map.failedSlots.count { $0 < slotLimit })
      for index in shared.map.segments.indices {
        let place = shared.map.place(at: index, storedThrough: stored)
        guard place.lastSeq >= place.segment.firstSeq else { continue }
        let rows = place.segment.firstSeq...place.lastSeq
        let needed = shared.ledger.needed(of: rows)
        guard needed > 0 else { continue }
        if place.isNewest, let next = shared.newest.commit(atOrBehind: rows.upperBound + 1 - needed) {
          usage.used += shared.newest.end - Int(next.offset)
          usage.oldest = usage.oldest ?? next.time
        } else {
          usage.used += Int(Double(place.segment.bytes) * Double(needed) / Double(rows.count))
          usage.oldest = usage.oldest ?? place.segment.header.time
        }
      }
      return usage
    }
  }
}
