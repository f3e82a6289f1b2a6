import GatewayCore
import Synchronization
import Testing

@testable import GatewayStore

/// A store with records of every kind as the power left it, and what each row says that it ever held.
struct StoreImage: Sendable {
  struct Name: Hashable {
    var stream: StreamID
    var seq: UInt64
  }

  struct Content: Equatable {
    var row: Row
    var catalogue: UInt32
  }

  /// What lies where in the file. Blocks beyond what a record says are padding.
  struct Record {
    enum Kind: Equatable { case rows(ClosedRange<UInt64>), catalogue(UInt32), header }

    var kind: Kind
    var bytes: Range<Int>
    /// A place in `segments`.
    var segment: Int
  }

  struct Segment {
    var isPacked: Bool
    var slot: Int
  }

  let slotSize: Int
  let slots: Int
  let destinations: [String]
  let bytes: [UInt8]
  /// The file as it was at earlier moments.
  let earlier: [[UInt8]]
  let rows: [Name: Content]
  let catalogues: [UInt32: Catalogue]
  /// As a start finds them where nothing is damaged.
  let stored: UInt64
  let settled: [String: RangeSet<UInt64>]
  let books: [String: DeliveryBooks]
  let segments: [Segment]
  let records: [Record]
  /// By number, of the rows that `records` hold.
  let catalogueOfRow: [UInt64: UInt32]
  /// The rows that `records` hold.
  let held: RangeSet<UInt64>
  let blocksInUse: [Int]

  func pending(_ name: String) -> RangeSet<UInt64> { RangeSet(1..<stored + 1).subtracting(settled[name]!) }

  func open(_ device: MemoryDevice, boot: UInt64 = 1000) throws(StoreError) -> DurableStore {
    let store = try DurableStore(
      device: device, slotSize: slotSize, capacity: (slots + 1) * slotSize, destinations: destinations,
      boot: BootID(high: 7, low: boot), mark: device.mark)
    store.evict(by: .thin)
    return store
  }

  init(
    _ bytes: [UInt8], earlier: [[UInt8]], slotSize: Int, slots: Int, destinations: [String],
    rows: [Name: Content], catalogues: [UInt32: Catalogue]
  ) throws {
    (self.bytes, self.earlier, self.slotSize, self.slots) = (bytes, earlier, slotSize, slots)
    (self.rows, self.catalogues, self.destinations) = (rows, catalogues, destinations)
    let device = MemoryDevice(bytes)
    let store = try DurableStore(
      device: device, slotSize: slotSize, capacity: (slots + 1) * slotSize, destinations: destinations,
      boot: BootID(high: 7, low: 1000), mark: device.mark)
    let (ledger, map) = store.shared.withLock { ($0.ledger, $0.map) }
    stored = ledger.storedThrough
    settled = ledger.entries.mapValues(\.settled)
    books = ledger.entries.mapValues { DeliveryBooks(stored: ledger.storedThrough, entry: $0) }
    segments = map.segments.map { Segment(isPacked: $0.header.packedRows > 0, slot: $0.slot) }
    records = map.segments.indices.flatMap {
      Self.records(of: map.place(at: $0, storedThrough: ledger.storedThrough), $0, store, device, catalogues)
    }
    var described: [UInt64: UInt32] = [:]
    for record in records {
      guard case .rows(let numbers) = record.kind,
        case .commit(let commit) = store.queue(for: destinations[0]).read(at: numbers.lowerBound)
      else { continue }
      described[numbers.lowerBound] = commit.catalogueID
    }
    catalogueOfRow = described
    held = records.reduce(into: RangeSet()) { held, record in
      if case .rows(let rows) = record.kind { held.insert(contentsOf: Range(rows)) }
    }
    blocksInUse = stride(from: 0, to: bytes.count, by: StoreFormat.block).filter { start in
      bytes[start..<start + StoreFormat.block].contains { $0 != 0 }
    }.map { $0 / StoreFormat.block }
  }

  private static func records(
    of place: SegmentMap.Place, _ number: Int, _ store: DurableStore, _ device: MemoryDevice,
    _ catalogues: [UInt32: Catalogue]
  ) -> [Record] {
    let base = store.layout.offset(ofSlot: place.segment.slot)
    var scan = SegmentScan(device: device, layout: store.layout, slot: place.segment.slot)
    let index = scan.index(ofSegment: place.segment.id)
    var records = [Record(kind: .header, bytes: base..<base + SegmentHeader.size, segment: number)]
    for commit in index.commits where commit.rowCount > 0 && commit.lastSeq <= place.lastSeq {
      let start = base + Int(commit.offset)
      records.append(
        Record(
          kind: .rows(commit.firstSeq...commit.lastSeq),
          bytes: start..<start + RecordHeader.size + Int(commit.length), segment: number))
    }
    for copy in index.catalogues {
      let start = base + Int(copy.offset)
      let length = catalogues[copy.id]!.encoded.count
      records.append(
        Record(
          kind: .catalogue(copy.id), bytes: start..<start + RecordHeader.size + length, segment: number))
    }
    for start in stride(
      from: base + StoreFormat.block, to: base + store.layout.slotSize, by: StoreFormat.block)
    {
      let block = device.medium[start..<start + StoreFormat.block]
      guard case .valid(let copy) = block.withUnsafeBytes(SegmentHeader.read), copy.id == place.segment.id
      else { continue }
      records.append(
        Record(kind: .header, bytes: start..<start + SegmentHeader.size, segment: number))
    }
    return records
  }
}

extension StoredCommit {
  /// Throws where the rows are not what an encoder wrote.
  func forEachRow(_ body: (StoreImage.Name, Row) -> Void) throws {
    try payload.withUnsafeBytes { payload in
      var decoder = RowDecoder(payload, rowCount: rowCount)
      for seq in firstSeq..<firstSeq + UInt64(rowCount) {
        guard let row = try decoder.next() else { return }
        body(StoreImage.Name(stream: stream, seq: seq), row)
      }
    }
  }
}
