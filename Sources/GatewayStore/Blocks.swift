internal import GatewayCore

// The codecs of the three kinds of single blocks; `StoreFormat` states their bytes.

/// What was found where a block of ours should be.
enum BlockRead<Value> {
  case valid(Value)
  /// Intact, but only readers from this version on understand it.
  case newer(UInt16)
  case damaged
}

/// Written when the file is made, and again by the first gateway that writes a later format; tells how the rest is
/// divided.
struct Superblock: Equatable {
  var slotSize: Int
  var version = StoreFormat.version

  func append(to buffer: inout ByteBuffer) {
    let start = buffer.count
    buffer.append(StoreFormat.superblockMagic)
    buffer.append(fixed: StoreFormat.version)
    buffer.append(fixed: StoreFormat.minimumReader)
    buffer.append(fixed: UInt32(slotSize))
    buffer.append(fixed: UInt32(0))
    buffer.seal(crcAt: start + 16, over: start..<start + 16)
    buffer.padToBlock()
  }

  static func read(_ bytes: UnsafeRawBufferPointer) -> BlockRead<Superblock> {
    guard bytes.count >= 20, bytes.starts(with: StoreFormat.superblockMagic),
      CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[..<16])) == bytes.number(UInt32.self, at: 16)
    else { return .damaged }
    let minimumReader = bytes.number(UInt16.self, at: 10)
    guard minimumReader <= StoreFormat.version else { return .newer(minimumReader) }
    let slotSize = Int(bytes.number(UInt32.self, at: 12))
    guard StoreLayout.isPlausible(slotSize: slotSize) else { return .damaged }
    return .valid(Superblock(slotSize: slotSize, version: bytes.number(at: 8)))
  }
}

/// The first block of a slot.
struct SegmentHeader: Equatable {
  static let size = 72

  var id: UInt64
  /// The number of the first row; all rows before it were stored when the segment was begun.
  var firstSeq: UInt64
  var stream: StreamID
  var boot: BootID
  var time: Timestamp
  /// Begun in the middle of a checkpoint's life, because another slot failed: a replay starts further back.
  var isContinuation: Bool
  /// Of a packed segment, which takes the place of all older ones that begin with one of its rows: their number
  /// (see `Packing`). 0: an ordinary segment.
  var packedRows: UInt32 = 0
  var version = StoreFormat.version

  func append(to buffer: inout ByteBuffer) {
    let start = buffer.count
    buffer.append(StoreFormat.segmentMagic)
    buffer.append(fixed: UInt32(0))
    buffer.append(fixed: StoreFormat.version)
    buffer.append(fixed: StoreFormat.minimumReader)
    buffer.append(fixed: id)
    buffer.append(fixed: firstSeq)
    buffer.append(fixed: stream.bits)
    buffer.append(boot)
    buffer.append(fixed: time.microseconds)
    buffer.append(fixed: UInt32(isContinuation ? 1 : 0))
    buffer.append(fixed: packedRows)
    buffer.seal(crcAt: start + 8, over: start + 12..<start + Self.size)
    buffer.padToBlock()
  }

  static func read(_ bytes: UnsafeRawBufferPointer) -> BlockRead<SegmentHeader> {
    guard bytes.count >= size, bytes.starts(with: StoreFormat.segmentMagic),
      CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[12..<size])) == bytes.number(UInt32.self, at: 8)
    else { return .damaged }
    let minimumReader = bytes.number(UInt16.self, at: 14)
    guard minimumReader <= StoreFormat.version else { return .newer(minimumReader) }
    let id = bytes.number(UInt64.self, at: 16)
    let firstSeq = bytes.number(UInt64.self, at: 24)
    guard firstSeq >= 1, firstSeq < StoreFormat.numberLimit, id < StoreFormat.numberLimit else {
      return .damaged
    }
    return .valid(
      SegmentHeader(
        id: id, firstSeq: firstSeq, stream: StreamID(bits: bytes.number(at: 32)),
        boot: bytes.boot(at: 40), time: Timestamp(microseconds: bytes.number(at: 56)),
        isContinuation: bytes.number(UInt32.self, at: 64) & 1 != 0,
        packedRows: bytes.number(at: 68), version: bytes.number(at: 12)))
  }
}

/// One of the two alternating blocks that remember the ledger.
struct LedgerBlock: Equatable {
  private static let fixedSize = 72
  /// Of an entry, without its name and its runs.
  private static let entrySize = 35
  private static let runSize = 16
  /// An uplink that comes and goes leaves a run behind each time, until its backlog is delivered.
  private static let mostRuns = 32
  private static let fewestRuns = 4

  var generation: UInt64
  var stream: StreamID
  /// Of the life of the machine in which it was written.
  var boot: BootID
  var nextSegment: UInt64
  /// Nothing was stored after it.
  var isClosed: Bool
  /// With at most `runs(for:)` runs for each destination.
  var ledger: DeliveryLedger

  /// Whether a ledger of these destinations fits its block.
  static func fits(_ destinations: [String]) -> Bool {
    destinations.allSatisfy { $0.utf8.count <= 255 } && runs(for: destinations) >= fewestRuns
  }

  /// Runs of settled rows for which the block has room at each destination.
  static func runs(for destinations: some Collection<String>) -> Int {
    let names = destinations.reduce(0) { $0 + entrySize + $1.utf8.count }
    return min((StoreFormat.block - fixedSize - names) / (runSize * max(destinations.count, 1)), mostRuns)
  }

  /// As much of `ledger` as the block has room for, when `durable` is the last one that was written.
  static func fitting(_ ledger: DeliveryLedger, after durable: DeliveryLedger) -> DeliveryLedger {
    ledger.limited(toRuns: runs(for: ledger.entries.keys), keeping: durable)
  }

  func append(to buffer: inout ByteBuffer) {
    let start = buffer.count
    buffer.append(StoreFormat.ledgerMagic)
    buffer.append(fixed: UInt32(0))
    let entries = ledger.entries.sorted { $0.key < $1.key }
    let length = entries.reduce(Self.fixedSize) { length, entry in
      length + Self.entrySize + entry.key.utf8.count + entry.value.settled.ranges.count * Self.runSize
    }
    buffer.append(fixed: UInt32(length))
    buffer.append(fixed: generation)
    buffer.append(fixed: stream.bits)
    buffer.append(boot)
    buffer.append(fixed: ledger.storedThrough)
    buffer.append(fixed: nextSegment)
    buffer.append(fixed: UInt32(isClosed ? 1 : 0))
    buffer.append(fixed: UInt32(entries.count))
    for (name, entry) in entries { append(name, entry, to: &buffer) }
    buffer.seal(crcAt: start + 8, over: start + 12..<buffer.count)
    buffer.padToBlock()
    precondition(buffer.count == start + StoreFormat.block, "BUG: a ledger that does not fit was let in")
  }

  private func append(_ name: String, _ entry: DeliveryLedger.Entry, to buffer: inout ByteBuffer) {
    buffer.append(fixed: entry.delivered)
    buffer.append(fixed: entry.quarantined)
    buffer.append(fixed: entry.damaged)
    buffer.append(fixed: entry.thinned)
    buffer.append(fixed: UInt16(entry.settled.ranges.count))
    buffer.append(UInt8(name.utf8.count))
    buffer.append(name)
    for run in entry.settled.ranges {
      buffer.append(fixed: run.lowerBound)
      buffer.append(fixed: run.upperBound)
    }
  }

  static func read(_ bytes: UnsafeRawBufferPointer) -> LedgerBlock? {
    let isFirstFormat = bytes.starts(with: StoreFormat.firstLedgerMagic)
    guard bytes.count >= fixedSize, isFirstFormat || bytes.starts(with: StoreFormat.ledgerMagic) else {
      return nil
    }
    let length = Int(bytes.number(UInt32.self, at: 12))
    guard length >= fixedSize, length <= bytes.count,
      CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[12..<length])) == bytes.number(UInt32.self, at: 8)
    else { return nil }
    let (generation, nextSegment) = (bytes.number(UInt64.self, at: 16), bytes.number(UInt64.self, at: 56))
    let storedThrough = bytes.number(UInt64.self, at: 48)
    guard max(generation, nextSegment, storedThrough) < StoreFormat.numberLimit else { return nil }
    var reader = EntryReader(
      bytes: UnsafeRawBufferPointer(rebasing: bytes[fixedSize..<length]), storedThrough: storedThrough)
    var entries: [String: DeliveryLedger.Entry] = [:]
    for _ in 0..<bytes.number(UInt32.self, at: 68) {
      guard let (name, entry) = isFirstFormat ? reader.nextOfFirstFormat() : reader.next() else { return nil }
      entries[name] = entry
    }
    return LedgerBlock(
      generation: generation, stream: StreamID(bits: bytes.number(at: 24)),
      boot: bytes.boot(at: 32),
      nextSegment: nextSegment, isClosed: bytes.number(UInt32.self, at: 64) & 1 != 0,
      ledger: DeliveryLedger(storedThrough: storedThrough, entries: entries))
  }

  /// Reads one entry after the other; nil where one is not as it was written.
  private struct EntryReader {
    let bytes: UnsafeRawBufferPointer
    let storedThrough: UInt64
    var offset = 0

    mutating func next() -> (String, DeliveryLedger.Entry)? {
      guard let header = take(entrySize) else { return nil }
      let count = Int(header.number(UInt16.self, at: 32))
      guard let name = takeName(header[34]), let runs = take(count * runSize) else { return nil }
      var settled = RangeSet<UInt64>()
      var end: UInt64 = 0
      for place in 0..<count {
        let (lower, upper) = (
          runs.number(UInt64.self, at: place * runSize), runs.number(UInt64.self, at: place * runSize + 8)
        )
        guard lower > end, upper > lower, upper - 1 <= storedThrough else { return nil }
        settled.insert(contentsOf: lower..<upper)
        end = upper
      }
      return DeliveryLedger.Entry(
        settled: settled, delivered: header.number(at: 0), quarantined: header.number(at: 8),
        damaged: header.number(at: 16), thinned: header.number(at: 24)
      ).map { (name, $0) }
    }

    /// Format 1 knew one run: from the first row on.
    mutating func nextOfFirstFormat() -> (String, DeliveryLedger.Entry)? {
      guard let header = take(33), let name = takeName(header[32]) else { return nil }
      let through = header.number(UInt64.self, at: 0)
      guard through <= storedThrough else { return nil }
      return DeliveryLedger.Entry(
        settled: RangeSet(1..<through + 1), delivered: header.number(at: 8),
        quarantined: header.number(at: 16), damaged: header.number(at: 24)
      ).map { (name, $0) }
    }

    private mutating func takeName(_ length: UInt8) -> String? {
      take(Int(length)).flatMap { String(validating: $0, as: UTF8.self) }
    }

    private mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
      guard count <= bytes.count - offset else { return nil }
      defer { offset += count }
      return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }
  }
}
