internal import GatewayCore
internal import GatewaySystem

/// What a file holds, read at start. Damage never stops it: whatever the bytes are, the result is a store
/// that can be used, and a note for each thing that was not as it should be.
struct Recovery {
  let layout: StoreLayout
  private(set) var superblock: Superblock?
  /// The newer of the intact ledger blocks, and which one it is.
  private(set) var ledger: LedgerBlock?
  private(set) var ledgerPlace = 1
  private(set) var map: SegmentMap
  /// Of the newest segment.
  private(set) var newest = SegmentIndex()
  /// The newest segment is as its writer left it, so that it can go on behind its last record.
  private(set) var canContinue = false
  private(set) var notes: [String] = []
  /// The highest id of a segment that was found in a slot without a header of its own.
  private var highestTrace: UInt64 = 0
  /// The last row that was stored, by a mark that can be believed.
  private var markedThrough: UInt64 = 0
  /// Slots that could not be read: they may hold rows that come back.
  private var unreadable: [Int] = []

  /// Throws only `newer`.
  init(device: any BlockDevice, slotSize: Int) throws(StoreError) {
    // What an earlier life of the daemon wrote but never synchronised is only in the page cache; what failed
    // there is shown by it, but not on the medium. All of it goes: of a range the kernel keeps what lies in a larger
    // folio (ext4 since Linux 6.16).
    let isSynchronized = if case .success = device.synchronize() { true } else { false }
    device.dropCache()
    superblock = try Self.readSuperblock(device)
    layout = StoreLayout(slotSize: superblock?.slotSize ?? slotSize)
    map = SegmentMap(segments: [], slots: 0)
    readLedger(device)
    let (segments, damaged) = try readSlots(device)
    map = SegmentMap(segments: segments, slots: layout.slots(inFileOf: device.size))
    for slot in unreadable { map.setAsideUnreadable(slot) }
    if let segment = map.segments.last {
      var scan = SegmentScan(device: device, layout: layout, slot: segment.slot)
      // The whole slot is searched, to its end: no intact record of this segment lies behind `newest.end`, so
      // none can rise from the dead once the blocks in front of it are written again. (The writer has one
      // commit under way at most, and a segment in which a write failed is never written again.)
      newest = scan.index(ofSegment: segment.id)
      // Where a slot cannot be read, a newer segment may hide: when it comes back, it must not hide what was
      // written after it, so that goes to a segment that is newer still.
      canContinue =
        isSynchronized && unreadable.isEmpty && !scan.hadReadErrors && !damaged.contains(segment.slot)
        && segment.header.version == StoreFormat.version && segment.header.packedRows == 0
    }
    if !isSynchronized { notes.append("cannot synchronise the store: what was written last may be lost") }
  }

  /// Whether there is any sign that this store wrote the file.
  var hasAnythingOfOurs: Bool { superblock != nil || ledger != nil || !map.segments.isEmpty }

  /// Whether there is any sign of rows.
  var hasRecords: Bool { ledger != nil || !map.segments.isEmpty }

  /// The last row that was stored for certain, readable or not.
  var storedThrough: UInt64 {
    let newestFirst = map.segments.last?.firstSeq ?? 1
    return max(newest.lastSeq ?? 0, newestFirst - 1, ledger?.ledger.storedThrough ?? 0, markedThrough)
  }

  /// Takes over what `mark` says of this store in this life of the machine: rows that were destroyed at the end
  /// are known by it.
  mutating func believe(_ mark: StoredMark.Content?, boot: BootID) {
    guard let mark, mark.boot == boot, boot != BootID(high: 0, low: 0),
      mark.storedThrough < StoreFormat.numberLimit,
      mark.stream == ledger?.stream ?? map.segments.last?.header.stream
    else { return }
    markedThrough = mark.storedThrough
  }

  /// The stream to go on under; nil: draw a new one.
  ///
  /// Rows that were stored, sent and then destroyed with the end of the log would otherwise give their
  /// numbers to others, which a platform that keeps (stream, seq) would take for repetitions and drop. That
  /// happens: a power cut can damage flash pages that were written before, and cheap cards lie about flushes.
  /// And somebody may have put an older copy of the file back, or the same one into two boxes. So the stream stays only
  /// where the end is provably the end: the machine has not been started since, and the mark knows of no later row.
  func provenStream(boot: BootID, mark: StoredMark.Content?) -> StreamID? {
    guard let ledger, storedThrough <= storedThroughFromRecords, let mark, boot != BootID(high: 0, low: 0),
      mark.boot == boot, ledger.boot == boot,
      mark.stream == ledger.stream, mark.storedThrough <= storedThroughFromRecords
    else { return nil }
    return ledger.stream
  }

  private var storedThroughFromRecords: UInt64 {
    max(newest.lastSeq ?? 0, (map.segments.last?.firstSeq ?? 1) - 1)
  }

  /// An id that was never used. Some are skipped, for segments that cannot be read at the moment.
  var nextSegment: UInt64 {
    max(map.highestID, highestTrace, ledger?.nextSegment ?? 0) + 1 + UInt64(map.slotCount)
  }

  /// The ledger to go on with: what the medium says, for `destinations`, and what is missing counted.
  func reconciledLedger(for destinations: [String], on device: any BlockDevice) -> DeliveryLedger {
    let oldest = map.oldest(storedThrough: storedThrough)
    var result = ledger?.ledger ?? DeliveryLedger()
    result.store(through: storedThrough)
    // What is newer than the ledger stands in the newest segment: none is begun behind a summary that the ledger does
    // not know (`Thinning`).
    let known = ledger?.ledger.storedThrough ?? 0
    for found in newest.supersessions where found.summary.lowerBound > known {
      // A cut may let a summary through and not its descriptions: then it says nothing.
      if newest.holds(catalogue: found.catalogueID) {
        result.supersede(found.rows, by: found.summary)
      } else {
        result.evict(found.summary, byDamage: true)
      }
    }
    // Room was made only after the ledger said so: whatever else is missing at the old end was destroyed. Not before
    // the summaries: who seems to have the rows of one is not sent it.
    result.evict(through: oldest - 1, byDamage: true)
    let gone = map.rowsGone(for: destinations, unknownTo: result) { segment in
      var scan = SegmentScan(device: device, layout: layout, slot: segment.slot)
      return scan.index(ofSegment: segment.id)
    }
    result.setDestinations(destinations, gone: gone)
    return result
  }

  private static func readSuperblock(_ device: any BlockDevice) throws(StoreError) -> Superblock? {
    let read = readBlock(device, at: 0, Superblock.read) ?? .damaged
    switch read {
    case .valid(let superblock): return superblock
    case .damaged: return nil
    case .newer(let version): throw newer(version, device.name)
    }
  }

  private static func newer(_ version: UInt16, _ name: String) -> StoreError {
    .newer(
      "cannot read store \"\(name)\": it needs a gateway that reads format \(version),"
        + " this one reads \(StoreFormat.version); nothing was changed: install the newer gateway again,"
        + " or move the file away"
    )
  }

  private mutating func readLedger(_ device: any BlockDevice) {
    for (place, offset) in layout.ledgers.enumerated() {
      guard let block = Self.readBlock(device, at: offset, LedgerBlock.read) ?? nil else { continue }
      if block.generation > ledger?.generation ?? 0 {
        ledger = block
        ledgerPlace = place
      }
    }
  }

  /// All segments that can be found, and the slots whose header was destroyed.
  private mutating func readSlots(
    _ device: any BlockDevice
  ) throws(StoreError) -> (segments: [SegmentMap.Segment], damaged: Set<Int>) {
    var segments: [SegmentMap.Segment] = []
    var damaged: Set<Int> = []
    var doubtful: [DoubtfulSlot] = []
    for slot in 0..<layout.slots(inFileOf: device.size) {
      let start = layout.offset(ofSlot: slot)
      let read = Self.readBlock(device, at: start, SegmentHeader.read)
      var header: SegmentHeader?
      switch read ?? .damaged {
      case .valid(let found): header = found
      case .newer(let version): throw Self.newer(version, device.name)
      case .damaged: break
      }
      // A header that was not written over, or was written to a wrong slot, is whole, and another's.
      if let header, beginsWithRecords(of: header.id, at: start, device) {
        segments.append(SegmentMap.Segment(header: header, slot: slot, bytes: layout.slotSize))
        continue
      }
      var scan = SegmentScan(device: device, layout: layout, slot: slot)
      doubtful.append(DoubtfulSlot(slot: slot, header: header, traces: scan.traces()))
      if read == nil || scan.hadReadErrors {
        unreadable.append(slot)
        notes.append("slot \(slot) cannot be read in full")
      }
    }
    highestTrace = doubtful.reduce(0) { max($0, $1.traces.keys.max() ?? 0) }
    for (slot, header) in DoubtfulSlot.headers(of: doubtful, besides: Set(segments.map(\.id))) {
      segments.append(SegmentMap.Segment(header: header, slot: slot.slot, bytes: layout.slotSize))
      guard header != slot.header else { continue }
      damaged.insert(slot.slot)
      notes.append("the header of slot \(slot.slot) was destroyed; its rows were found without it")
    }
    return (segments, damaged)
  }

  /// Whether the first two records of the slot at `start` are of segment `id`: blocks of the slot's earlier use may
  /// stand there again, a header and the record behind it among them. What cannot be read is believed.
  private func beginsWithRecords(of id: UInt64, at start: Int, _ device: any BlockDevice) -> Bool {
    var offset = StoreFormat.block
    for _ in 0..<2 where offset < layout.slotSize {
      let read = Self.readBlock(device, at: start + offset) { bytes in
        RecordHeader(reading: bytes, at: offset, maximumPayload: layout.maximumPayload)
      }
      guard let found = read else { return offset > StoreFormat.block }
      guard let record = found, record.segment == id else { return false }
      offset += record.footprint
    }
    return true
  }

  /// nil when the medium does not give the block back.
  private static func readBlock<Value>(
    _ device: any BlockDevice, at offset: Int, _ body: (UnsafeRawBufferPointer) -> Value
  ) -> Value? {
    withUnsafeTemporaryAllocation(byteCount: StoreFormat.block, alignment: 16) { room -> Value? in
      guard case .success(let count) = device.read(into: room, at: offset) else { return nil }
      // Where the file was cut, it will be filled up with zeros: it is read like that already.
      UnsafeMutableRawBufferPointer(rebasing: room[count...]).initializeMemory(as: UInt8.self, repeating: 0)
      return body(UnsafeRawBufferPointer(room))
    }
  }

  /// Whether a file without any sign of us holds nothing, and is not somebody else's: all of it is zero, save
  /// the first block where a power cut ended the writing of the superblock, which comes last when a store is
  /// made. Throws `away` or `unusable` when it cannot be read: then it may well
  /// be ours.
  func isBlank(_ device: any BlockDevice) throws(StoreError) -> Bool {
    let piece = 64 << 10
    var bytes = [UInt8](repeating: 0, count: piece)
    let wasMade = device.size >= layout.offset(ofSlot: StoreLayout.leastSlots)
    for offset in stride(from: wasMade ? StoreFormat.block : 0, to: device.size, by: piece) {
      switch bytes.withUnsafeMutableBytes({ device.read(into: $0, at: offset) }) {
      case .success(let count): if bytes[..<count].contains(where: { $0 != 0 }) { return false }
      case .failure(let error):
        throw .refused(
          "cannot read \"\(device.name)\": \(SystemError.text(error.code))", code: error.code)
      }
    }
    return true
  }
}
