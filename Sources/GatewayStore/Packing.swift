internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

// Old segments into fewer slots. A commit a second takes a block of the medium a second, however few rows it has:
// what waits for an uplink for days is mostly padding. When free slots run short, runs of old segments are written
// again as one packed segment: the same rows under the same numbers and streams, several commits in one, without the
// state that only a replay of the newest segment needs.
//
// Promises: the originals' slots are given away only when the packed segment is durable, header last; a cut at any
// moment leaves either the ones or the other. A segment that cannot be read in full, or would not get smaller, is left
// as it is.

extension DurableStore {
  /// Segments that are packed at once; reading them is what the writing thread spends on it.
  private static let runLength = 8
  /// A replay may need these (`replayNewest`).
  private static let untouched = 4

  /// Packs one run of old segments if free slots run short. Call on the writing thread after each commit: when one
  /// began a segment, something may have become due. Whether it did something; then there may be more.
  @discardableResult
  func packOldSegments() -> Bool {
    writer.withLock { writer in
      guard writer.mayPack else { return false }
      writer.mayPack = false
      guard var run = shared.withLock({ runToPack($0, writer.unpackable) }),
        let slot = slotToPackInto(run, &writer)
      else { return false }
      while run.count > 1 {
        if pack(run, into: slot, &writer) {
          writer.mayPack = true
          return true
        }
        run.removeLast(run.count / 2)
      }
      writer.unpackable.insert(run[0].segment.id)
      return false
    }
  }

  private func slotToPackInto(_ run: [SegmentMap.Place], _ writer: inout Writer) -> Int? {
    if let slot = try? freeSlot([], allowingFailed: false, &writer) { return slot }
    if extendByOneSlot() { return try? freeSlot([], allowingFailed: false, &writer) }
    // A store that is full stays packed: one segment goes now, instead of one for each segment to come.
    let (oldest, eviction) = shared.withLock { ($0.map.segments.first?.id, $0.eviction) }
    guard eviction == .oldest, run.count > 2, run[0].segment.id != oldest,
      (try? evictOldest(&writer)) == true
    else { return nil }
    return try? freeSlot([], allowingFailed: false, &writer)
  }

  private func runToPack(_ shared: Shared, _ unpackable: Set<UInt64>) -> [SegmentMap.Place]? {
    let ledger = shared.ledger
    let places = shared.map.segments.indices.map {
      shared.map.place(at: $0, storedThrough: ledger.storedThrough)
    }
    let settled = places.dropLast().count { ledger.isSettled($0.segment.firstSeq...$0.lastSeq) }
    let limit = slotsWithRoom(shared)
    let spare = limit - shared.map.segments.count + settled
    guard spare <= max(limit / 4, 1) else { return nil }
    // Packed ones only among themselves: what was written twice is not written again for one neighbour more.
    let length = min(Self.runLength, max(2, limit / 4))
    let old = places.dropLast(Self.untouched)
    for isPacked in [false, true] {
      var run: [SegmentMap.Place] = []
      for place in old {
        let fits = (place.segment.header.packedRows > 0) == isPacked && !unpackable.contains(place.segment.id)
        run = fits ? run + [place] : []
        while isPacked, run.reduce(0, { $0 + knownBytes($1.segment) }) > layout.slotSize {
          if run.count > max(length / 2, 2) { return run.dropLast() }
          run.removeFirst()
        }
        if run.count == length { return run }
      }
    }
    return nil
  }

  /// 0: after a start nobody knows how much of a packed segment's slot is in use.
  private func knownBytes(_ segment: SegmentMap.Segment) -> Int {
    segment.bytes < layout.slotSize ? segment.bytes : 0
  }

  /// False when the run cannot be packed: then nothing has changed.
  private func pack(_ run: [SegmentMap.Place], into slot: Int, _ writer: inout Writer) -> Bool {
    guard let first = run.first, let last = run.last, last.lastSeq - first.segment.firstSeq < UInt32.max
    else { return false }
    var header = first.segment.header
    header.id = writer.nextSegment
    header.isContinuation = true
    header.packedRows = UInt32(last.lastSeq - first.segment.firstSeq + 1)
    header.version = StoreFormat.version
    writer.nextSegment += 1
    var packer = SegmentPacker(device: device, layout: layout, slot: slot, header: header)
    let durable = writer.ledger.durable
    let isWritten = run.allSatisfy { append($0, to: &packer, besides: durable) } && packer.finish()
    shared.withLock { shared in
      shared.bytesWritten += UInt64(packer.bytesWritten)
      guard isWritten else {
        if packer.hasFailed { shared.map.recordFailure(ofSlot: slot) }
        return
      }
      shared.map.replace(with: SegmentMap.Segment(header: header, slot: slot, bytes: packer.end))
    }
    return isWritten
  }

  /// Adds what is needed of one segment; false when it cannot be read, or does not fit.
  /// What only memory knows to be settled is needed too: after a cut the medium's ledger, `durable`, calls it queued.
  private func append(
    _ place: SegmentMap.Place, to packer: inout SegmentPacker, besides durable: DeliveryLedger
  ) -> Bool {
    let index = index(of: place.segment)
    guard index.isComplete else { return false }
    for entry in index.commits where entry.rowCount > 0 && entry.lastSeq <= place.lastSeq {
      let rows = entry.firstSeq...entry.lastSeq
      if durable.isSettled(rows), shared.withLock({ $0.ledger.isSettled(rows) }) { continue }
      guard let commit = readCommit(entry, in: place.segment), let catalogue = catalogue(commit.catalogueID),
        packer.append(commit, at: entry.time, catalogue)
      else { return false }
    }
    return true
  }
}

/// Writes one packed segment, piece by piece. A failure leaves a slot without a header of this segment.
private struct SegmentPacker: ~Copyable {
  /// A merged commit: large enough to fill its blocks, small enough that a bad spot costs little.
  private static let commitBytes = 14 << 10
  private static let pieceBytes = 256 << 10

  private let device: any BlockDevice
  private let layout: StoreLayout
  private let slot: Int
  private let header: SegmentHeader
  private var rows = RowEncoder()
  /// Describes the rows in `rows`, but for length and number.
  private var open: RecordHeader?
  private var catalogues: [UInt32: (record: RecordHeader, bytes: [UInt8])] = [:]
  private var piece = ByteBuffer(capacity: 4096)
  /// Where `piece` will stand in the slot.
  private var start = StoreFormat.block
  private(set) var bytesWritten = 0
  /// The medium refused.
  private(set) var hasFailed = false

  init(device: any BlockDevice, layout: StoreLayout, slot: Int, header: SegmentHeader) {
    self.device = device
    self.layout = layout
    self.slot = slot
    self.header = header
  }

  /// Bytes of the slot that are in use.
  var end: Int { start + piece.count }

  mutating func append(_ commit: StoredCommit, at time: Timestamp, _ catalogue: Catalogue) -> Bool {
    if let open, !isContinued(open, by: commit), !closeCommit() { return false }
    if catalogues[catalogue.id] == nil {
      let record = record(.catalogue, commit, at: time)
      catalogues[catalogue.id] = (record, catalogue.encoded)
      guard add(record, catalogue.encoded) else { return false }
    }
    if open == nil { open = record(.packed, commit, at: time) }
    return commit.payload.withUnsafeBytes { payload in
      var decoder = RowDecoder(payload, rowCount: commit.rowCount)
      for _ in 0..<commit.rowCount {
        guard let row = try? decoder.next() else { return false }
        rows.append(row)
      }
      return true
    }
  }

  private func isContinued(_ open: RecordHeader, by commit: StoredCommit) -> Bool {
    rows.bytes.count < Self.commitBytes && open.firstSeq + UInt64(rows.rowCount) == commit.firstSeq
      && open.stream == commit.stream && open.boot == commit.boot && open.catalogueID == commit.catalogueID
  }

  private func record(_ kind: RecordHeader.Kind, _ commit: StoredCommit, at time: Timestamp) -> RecordHeader {
    RecordHeader(
      kind: kind, length: 0, segment: header.id, firstSeq: commit.firstSeq, stream: commit.stream,
      boot: commit.boot, time: time, rowCount: 0, catalogueID: commit.catalogueID)
  }

  private mutating func closeCommit() -> Bool {
    guard var record = open else { return true }
    record.rowCount = rows.rowCount
    let payload = rows.bytes.copyBytes()
    rows.removeAll()
    open = nil
    return add(record, payload)
  }

  private mutating func add(_ record: RecordHeader, _ payload: [UInt8]) -> Bool {
    var record = record
    record.length = payload.count
    guard record.length <= layout.maximumPayload, end + record.footprint <= layout.slotSize else {
      return false
    }
    payload.withUnsafeBytes { record.append(with: $0, at: end, to: &piece) }
    return piece.count < Self.pieceBytes || writePiece()
  }

  private mutating func writePiece() -> Bool {
    let result = piece.withBytes { device.write($0, at: layout.offset(ofSlot: slot) + start) }
    start += piece.count
    bytesWritten += piece.count
    piece.removeAll()
    if case .failure = result { hasFailed = true }
    return !hasFailed
  }

  /// The records first, and when they are durable the header, which makes them count, and its copy behind them.
  mutating func finish() -> Bool {
    // As in an ordinary segment, damage at one place leaves the other copy of a description.
    guard closeCommit(), catalogues.values.allSatisfy({ add($0.record, $0.bytes) }), writePiece(),
      start + StoreFormat.block <= layout.slotSize
    else { return false }
    let base = layout.offset(ofSlot: slot)
    header.append(to: &piece)
    let result = device.synchronize()
      .flatMap { piece.withBytes { device.write($0, at: base + start) } }
      .flatMap { piece.withBytes { device.write($0, at: base) } }
      .flatMap { device.synchronize() }
    bytesWritten += 2 * piece.count
    start += piece.count
    piece.removeAll()
    if case .failure = result { hasFailed = true }
    return !hasFailed
  }
}
