internal import GatewayCore

// The codecs of the three kinds of single blocks; `StoreFormat` states their bytes.

/// What was found where a block of ours should be.
enum BlockRead<Value> {
  case valid(Value)
  /// Intact, but only readers from this version on understand it.
  case newer(UInt16)
  case damaged
}

/// Written once, when the file is made; tells how the rest is divided.
struct Superblock: Equatable {
  var slotSize: Int

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
    return StoreLayout.isPlausible(slotSize: slotSize) ? .valid(Superblock(slotSize: slotSize)) : .damaged
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
    buffer.append(fixed: UInt32(0))
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
        isContinuation: bytes.number(UInt32.self, at: 64) & 1 != 0))
  }
}

/// One of the two alternating blocks that remember the ledger.
struct LedgerBlock: Equatable {
  private static let fixedSize = 72

  var generation: UInt64
  var stream: StreamID
  /// Of the life of the machine in which it was written.
  var boot: BootID
  var nextSegment: UInt64
  /// Nothing was stored after it.
  var isClosed: Bool
  var ledger: DeliveryLedger

  /// Whether a ledger of these destinations fits its block.
  static func fits(_ destinations: [String]) -> Bool {
    destinations.reduce(fixedSize) { $0 + 33 + $1.utf8.count } <= StoreFormat.block
      && destinations.allSatisfy { $0.utf8.count <= 255 }
  }

  func append(to buffer: inout ByteBuffer) {
    let start = buffer.count
    buffer.append(StoreFormat.ledgerMagic)
    buffer.append(fixed: UInt32(0))
    let names = ledger.entries.keys.sorted()
    buffer.append(fixed: UInt32(names.reduce(Self.fixedSize) { $0 + 33 + $1.utf8.count }))
    buffer.append(fixed: generation)
    buffer.append(fixed: stream.bits)
    buffer.append(boot)
    buffer.append(fixed: ledger.storedThrough)
    buffer.append(fixed: nextSegment)
    buffer.append(fixed: UInt32(isClosed ? 1 : 0))
    buffer.append(fixed: UInt32(names.count))
    for name in names { append(name, ledger.entries[name]!, to: &buffer) }
    buffer.seal(crcAt: start + 8, over: start + 12..<buffer.count)
    buffer.padToBlock()
    precondition(buffer.count == start + StoreFormat.block, "BUG: a ledger that does not fit was let in")
  }

  private func append(_ name: String, _ entry: DeliveryLedger.Entry, to buffer: inout ByteBuffer) {
    buffer.append(fixed: entry.settledThrough)
    buffer.append(fixed: entry.delivered)
    buffer.append(fixed: entry.quarantined)
    buffer.append(fixed: entry.damaged)
    buffer.append(UInt8(name.utf8.count))
    buffer.append(name)
  }

  static func read(_ bytes: UnsafeRawBufferPointer) -> LedgerBlock? {
    guard bytes.count >= fixedSize, bytes.starts(with: StoreFormat.ledgerMagic) else { return nil }
    let length = Int(bytes.number(UInt32.self, at: 12))
    guard length >= fixedSize, length <= bytes.count,
      CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[12..<length])) == bytes.number(UInt32.self, at: 8)
    else { return nil }
    let (generation, nextSegment) = (bytes.number(UInt64.self, at: 16), bytes.number(UInt64.self, at: 56))
    let storedThrough = bytes.number(UInt64.self, at: 48)
    guard max(generation, nextSegment, storedThrough) < StoreFormat.numberLimit else { return nil }
    let count = bytes.number(UInt32.self, at: 68)
    guard let entries = entries(count, in: UnsafeRawBufferPointer(rebasing: bytes[fixedSize..<length])),
      entries.values.allSatisfy({ $0.settledThrough <= storedThrough })
    else { return nil }
    return LedgerBlock(
      generation: generation, stream: StreamID(bits: bytes.number(at: 24)),
      boot: bytes.boot(at: 32),
      nextSegment: nextSegment, isClosed: bytes.number(UInt32.self, at: 64) & 1 != 0,
      ledger: DeliveryLedger(storedThrough: storedThrough, entries: entries))
  }

  private static func entries(
    _ count: UInt32, in bytes: UnsafeRawBufferPointer
  ) -> [String: DeliveryLedger.Entry]? {
    var entries: [String: DeliveryLedger.Entry] = [:]
    var offset = 0
    for _ in 0..<count {
      guard offset + 33 <= bytes.count else { return nil }
      let end = offset + 33 + Int(bytes[offset + 32])
      guard end <= bytes.count, let name = String(validating: bytes[(offset + 33)..<end], as: UTF8.self)
      else { return nil }
      let entry = DeliveryLedger.Entry(
        settledThrough: bytes.number(at: offset), delivered: bytes.number(at: offset + 8),
        quarantined: bytes.number(at: offset + 16), damaged: bytes.number(at: offset + 24))
      guard entry.isConsistent else { return nil }
      entries[name] = entry
      offset = end
    }
    return entries
  }
}
