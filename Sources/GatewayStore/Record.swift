internal import GatewayCore

/// What stands before a commit's or a catalogue's bytes; `StoreFormat` states the layout.
struct RecordHeader: Equatable {
  static let size = 72

  enum Kind: UInt8 {
    case commit = 1
    case catalogue = 2
    /// Rows that take the place of others; see `Supersession`.
    case summary = 3
    /// A commit of a packed segment: rows of several commits, without state.
    case packed = 4
  }

  var kind: Kind
  /// Bytes of payload.
  var length: Int
  var segment: UInt64
  /// Of the first row; for a commit without rows the number that comes next. A catalogue has that of the
  /// commit that it was written with: a later one would claim rows that may have been torn off.
  var firstSeq: UInt64
  var stream: StreamID
  var boot: BootID
  var time: Timestamp
  var rowCount: Int
  var catalogueID: UInt32

  var lastSeq: UInt64 { firstSeq + UInt64(rowCount) - 1 }

  /// Bytes on the medium: padded, so that the next record starts on a block that holds nothing acknowledged.
  static func footprint(payload length: Int) -> Int { StoreFormat.roundedUp(size + length) }
  var footprint: Int { Self.footprint(payload: length) }

  /// `offset`: where in its slot the record will stand.
  func append(with payload: UnsafeRawBufferPointer, at offset: Int, to buffer: inout ByteBuffer) {
    precondition(payload.count == length, "BUG: a record's header lies about its length")
    let start = buffer.count
    buffer.append(StoreFormat.recordMagic)
    buffer.append(fixed: UInt32(0))
    buffer.append(kind.rawValue)
    let block = UInt32(offset / StoreFormat.block)
    for shift: UInt32 in [0, 8, 16] { buffer.append(UInt8(truncatingIfNeeded: block >> shift)) }
    buffer.append(fixed: UInt32(length))
    buffer.append(fixed: segment)
    buffer.append(fixed: firstSeq)
    buffer.append(fixed: stream.bits)
    buffer.append(boot)
    buffer.append(fixed: time.microseconds)
    buffer.append(fixed: UInt32(rowCount))
    buffer.append(fixed: catalogueID)
    buffer.append(payload)
    buffer.seal(crcAt: start + 4, over: start + 8..<buffer.count)
    buffer.padToBlock()
  }

  /// The header found at `offset` of a slot, unchecked but for what `isIntact` needs to be safe: its length is
  /// at most `maximumPayload`. nil too for a record that was written for another place.
  init?(reading bytes: UnsafeRawBufferPointer, at offset: Int, maximumPayload: Int) {
    guard bytes.count >= Self.size, bytes.starts(with: StoreFormat.recordMagic),
      let kind = Kind(rawValue: bytes[8]),
      Int(bytes.number(UInt32.self, at: 8) >> 8) == offset / StoreFormat.block
    else { return nil }
    length = Int(bytes.number(UInt32.self, at: 12))
    firstSeq = bytes.number(at: 24)
    rowCount = Int(bytes.number(UInt32.self, at: 64))
    segment = bytes.number(at: 16)
    // Rows are counted from 1.
    guard length <= maximumPayload, firstSeq >= 1, firstSeq < StoreFormat.numberLimit,
      segment < StoreFormat.numberLimit
    else { return nil }
    self.kind = kind
    stream = StreamID(bits: bytes.number(at: 32))
    boot = bytes.boot(at: 40)
    time = Timestamp(microseconds: bytes.number(at: 56))
    catalogueID = bytes.number(at: 68)
  }

  init(
    kind: Kind, length: Int, segment: UInt64, firstSeq: UInt64, stream: StreamID, boot: BootID,
    time: Timestamp,
    rowCount: Int, catalogueID: UInt32
  ) {
    self.kind = kind
    self.length = length
    self.segment = segment
    self.firstSeq = firstSeq
    self.stream = stream
    self.boot = boot
    self.time = time
    self.rowCount = rowCount
    self.catalogueID = catalogueID
  }

  /// Whether `header` and `payload` are as they were written.
  static func isIntact(header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer) -> Bool {
    var crc = CRC32C()
    crc.update(UnsafeRawBufferPointer(rebasing: header[8..<size]))
    crc.update(payload)
    return crc.value == header.number(UInt32.self, at: 4)
  }
}
