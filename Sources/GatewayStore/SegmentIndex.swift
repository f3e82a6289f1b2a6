internal import GatewayCore

/// Where the intact records of one segment are; 1,000 small commits take 32 KB.
struct SegmentIndex {
  struct Commit {
    /// Byte within the slot.
    var offset: UInt32
    /// Bytes of payload.
    var length: UInt32
    var firstSeq: UInt64
    var rowCount: UInt32
    var isSummary: Bool
    var time: Timestamp

    var lastSeq: UInt64 { firstSeq + UInt64(rowCount) - 1 }
  }

  struct CatalogueCopy {
    var id: UInt32
    var offset: UInt32
  }

  /// By offset, and so by number.
  private(set) var commits: [Commit] = []
  private(set) var catalogues: [CatalogueCopy] = []
  private(set) var supersessions: [Supersession] = []
  /// The medium gave all of the slot back.
  fileprivate(set) var isComplete = true
  /// Behind the last intact record: where the next one goes.
  private(set) var end = StoreFormat.block

  mutating func add(_ record: RecordHeader, at offset: Int) {
    switch record.kind {
    case .commit, .summary, .packed:
      commits.append(
        Commit(
          offset: UInt32(offset), length: UInt32(record.length), firstSeq: record.firstSeq,
          rowCount: UInt32(record.rowCount),
          isSummary: record.kind == .summary, time: record.time))
    case .catalogue: catalogues.append(CatalogueCopy(id: record.catalogueID, offset: UInt32(offset)))
    }
    end = offset + record.footprint
  }

  mutating func add(_ supersession: Supersession) { supersessions.append(supersession) }

  /// The number of the last row; nil when there is none.
  var lastSeq: UInt64? { commits.last { $0.rowCount > 0 }?.lastSeq }

  func holds(catalogue id: UInt32) -> Bool { catalogues.contains { $0.id == id } }

  /// The first commit with rows that ends at `seq` or later: it holds the row, or is the next readable one.
  func commit(atOrBehind seq: UInt64) -> Commit? {
    var low = 0
    var high = commits.count
    while low < high {
      let middle = (low + high) / 2
      // A commit without rows ends before it begins, which keeps the order.
      if commits[middle].lastSeq < seq { low = middle + 1 } else { high = middle }
    }
    // State of a number that was later given back (a cut between) may stand before smaller numbers.
    while low < commits.count && (commits[low].rowCount == 0 || commits[low].lastSeq < seq) { low += 1 }
    return low < commits.count ? commits[low] : nil
  }
}

/// Finds the records of a slot. Every record starts on a block, so that damage hides only what it hit: the
/// scan goes on at the next block.
struct SegmentScan: ~Copyable {
  private let device: any BlockDevice
  private let layout: StoreLayout
  private let base: Int
  private var payload = ByteBuffer(capacity: StoreFormat.block)
  /// The medium refused to give some of the slot back.
  private(set) var hadReadErrors = false
  /// Of packed segments, found where no record stands.
  private var headerCopies: [SegmentHeader] = []

  init(device: any BlockDevice, layout: StoreLayout, slot: Int) {
    self.device = device
    self.layout = layout
    base = layout.offset(ofSlot: slot)
  }

  /// Indexes all records of segment `id` in the whole slot.
  mutating func index(ofSegment id: UInt64) -> SegmentIndex {
    var index = SegmentIndex()
    forEachRecord { record, offset, payload in
      // Numbers rise with the offset; a commit that says otherwise is not from this segment's writer.
      guard record.segment == id, record.kind == .catalogue || record.firstSeq > index.lastSeq ?? 0
      else { return }
      index.add(record, at: offset)
      if record.kind == .summary, let found = Supersession(of: record, payload) { index.add(found) }
    }
    index.isComplete = !hadReadErrors
    return index
  }

  /// Of which segments records are here, by their ids.
  mutating func traces() -> [UInt64: SegmentTrace] {
    var traces: [UInt64: SegmentTrace] = [:]
    forEachRecord { record, _, _ in traces[record.segment, default: SegmentTrace()].add(record) }
    for copy in headerCopies { traces[copy.id, default: SegmentTrace()].add(copy) }
    return traces
  }

  private mutating func noteHeaderCopy(_ bytes: UnsafeRawBufferPointer) {
    guard case .valid(let header) = SegmentHeader.read(bytes), header.packedRows > 0 else { return }
    headerCopies.append(header)
  }

  private mutating func forEachRecord(_ body: (RecordHeader, Int, UnsafeRawBufferPointer) -> Void) {
    var offset = StoreFormat.block
    while offset < layout.slotSize {
      if let record = record(at: offset) {
        payload.withBytes { body(record, offset, $0) }
        offset += record.footprint
      } else {
        offset += StoreFormat.block
      }
    }
  }

  /// The header of the intact record at `offset`; nil when there is none.
  private mutating func record(at offset: Int) -> RecordHeader? {
    // A segment's header is as long.
    withUnsafeTemporaryAllocation(byteCount: RecordHeader.size, alignment: 16) { room in
      switch device.read(into: room, at: base + offset) {
      case .success(room.count): break
      case .success: return nil
      case .failure:
        hadReadErrors = true
        return nil
      }
      let header = UnsafeRawBufferPointer(room)
      guard
        let record = RecordHeader(
          reading: header, at: offset, maximumPayload: layout.maximumPayload),
        offset + record.footprint <= layout.slotSize
      else {
        noteHeaderCopy(header)
        return nil
      }
      payload.removeAll()
      payload.append(upTo: record.length) { bytes in
        let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<record.length])
        switch device.read(into: part, at: base + offset + RecordHeader.size) {
        case .success(let count): return count
        case .failure:
          hadReadErrors = true
          return 0
        }
      }
      let isIntact = payload.withBytes { bytes in
        bytes.count == record.length && RecordHeader.isIntact(header: header, payload: bytes)
      }
      return isIntact ? record : nil
    }
  }
}
