internal import GatewayCore

/// The store's format, version 3, stated here and nowhere else; the golden-bytes tests pin it. All numbers
/// are little-endian, all checksums CRC-32C, everything starts on a 4 KiB boundary.
///
///     file        one head of the size of a slot (4 MiB), then slots. The file's length says how many slots
///                 have been zero-filled; it only grows. Nothing is created, renamed or cut in steady state.
///     head        0: superblock; at 1/4 and 2/4 of the head: ledger blocks A and B. Far apart, because a
///                 program operation of the flash that is cut may damage neighbours in the same flash page.
///     superblock   0 magic "CGWSTOR1"   8 u16 version  10 u16 min reader  12 u32 slot bytes
///                 16 u32 CRC of bytes 0 ..< 16
///     ledger       0 magic "CGWLEDG2"   8 u32 CRC of bytes 12 ..< length  12 u32 length  16 u64 generation
///                 24 u64 stream  32 16 bytes boot (of the life that wrote it)  48 u64 stored through
///                 56 u64 next segment id  64 u32 flags (1: closed in order)  68 u32 entries; each entry:
///                 u64 delivered, u64 quarantined, u64 damaged, u64 thinned, u16 runs, u8 length, name; each run of
///                 settled rows: u64 first, u64 behind the last
///     slot         one block of header, then records
///     header       0 magic "CGWSEGM1"   8 u32 CRC of bytes 12 ..< 72  12 u16 version  14 u16 min reader
///                 16 u64 segment id  24 u64 first seq  32 u64 stream  40 16 bytes boot  56 i64 time
///                 64 u32 flags (1: its first commit is no checkpoint)  68 u32 rows of a packed segment, 0:
///                 an ordinary one
///     record       0 magic "CGWR"       4 u32 CRC of bytes 8 ..< 72 + length
///                  8 u8 type (1 commit, 2 catalogue, 3 summary, 4 commit of a packed segment)
///                  9 u24 block within the slot  12 u32 length
///                 16 u64 segment id  24 u64 first seq  32 u64 stream
///                 40 16 bytes boot (whose boot times the rows have; 0: none)  56 i64 time  64 u32 rows
///                 68 u32 catalogue id
///                 72 payload, then zeros to the next block
///
/// A record carries its segment's id and its stream, so that a slot whose header is destroyed can be rebuilt,
/// and what an earlier use of the slot left behind is never taken for its content; and its place, so that a
/// block that the medium wrote to a wrong address is nowhere taken for the right one. Segment ids rise and are
/// never used again. A row belongs to the newest segment that starts at or before it.
/// A packed segment holds again, close together, the rows of older ones; it counts from the moment its header is there,
/// which is written when all of its records are durable, and again in the block behind the last of them.
/// A summary is a commit whose rows take the place of others from the moment it is there: behind its rows stand
/// these numbers, as runs (each u64 first, u64 behind the last), and u16 how many runs.
///
/// The superblock holds neither the stream (it can change, see `Recovery.provenStream`) nor the number of
/// slots (the file's length says it): so it is written once in a format's life.
///
/// Format 1 is read: its ledger, magic "CGWLEDG1", has one run for each destination (entry: u64 settled through,
/// u64 delivered, u64 quarantined, u64 damaged, u8 length, name). Its superblock is replaced before anything else
/// is written, so that a gateway which knows only format 1 refuses the file, and its newest segment is not
/// continued. Format 2 differs in what the payloads say: `RowCodec`, `Catalogue` and `PipelineState` read both.
enum StoreFormat {
  static let version: UInt16 = 3
  /// The oldest reader that understands what this writer writes.
  static let minimumReader: UInt16 = 3
  /// What flash and file systems write as a whole, at best.
  static let block = 4096
  static let slotSize = 4 << 20
  static let fileName = "store-v1"

  static let superblockMagic: StaticString = "CGWSTOR1"
  static let ledgerMagic: StaticString = "CGWLEDG2"
  static let firstLedgerMagic: StaticString = "CGWLEDG1"
  static let segmentMagic: StaticString = "CGWSEGM1"
  static let recordMagic: StaticString = "CGWR"

  /// Whatever counts rows, segments or generations stays below: a number from the medium that does not is
  /// damage that its checksum did not show, and later sums are far from overflowing.
  static let numberLimit: UInt64 = 1 << 62

  static func roundedUp(_ bytes: Int) -> Int { (bytes + block - 1) / block * block }
}

/// Where things are in a store with slots of `slotSize` bytes.
struct StoreLayout: Equatable, Sendable {
  let slotSize: Int

  var headSize: Int { slotSize }
  /// Offsets of ledger blocks A and B.
  var ledgers: [Int] { [headSize / 4, headSize / 2] }

  /// What a record's payload may measure: a slot holds its header, a commit and two copies of a catalogue.
  var maximumPayload: Int {
    (slotSize - StoreFormat.block) / 3 / StoreFormat.block * StoreFormat.block - RecordHeader.size
  }

  func offset(ofSlot slot: Int) -> Int { headSize + slot * slotSize }

  /// Slots that a file of `bytes` holds, a torn last one included.
  func slots(inFileOf bytes: Int) -> Int { max(0, (bytes - headSize + slotSize - 1) / slotSize) }

  /// A store has these from its first day on: one is written, the other one is next.
  static let leastSlots = 2

  /// Slots that `capacity` bytes pay for.
  func slots(inCapacity capacity: Int) -> Int { max(Self.leastSlots, (capacity - headSize) / slotSize) }

  static func isPlausible(slotSize: Int) -> Bool {
    slotSize >= 8 * StoreFormat.block && slotSize <= 64 << 20 && slotSize % (4 * StoreFormat.block) == 0
  }
}

/// Reads little-endian numbers out of bytes whose length was checked before.
extension UnsafeRawBufferPointer {
  func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self, at offset: Int) -> Number {
    Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: Number.self))
  }

  func starts(with magic: StaticString) -> Bool {
    count >= magic.utf8CodeUnitCount
      && (0..<magic.utf8CodeUnitCount).allSatisfy { self[$0] == magic.utf8Start[$0] }
  }

  func boot(at offset: Int) -> BootID { BootID(high: number(at: offset), low: number(at: offset + 8)) }
}

extension ByteBuffer {
  mutating func append(_ boot: BootID) {
    append(fixed: boot.high)
    append(fixed: boot.low)
  }

  mutating func padToBlock() { append(zeros: StoreFormat.roundedUp(count) - count) }

  /// Puts the checksum of the bytes in `range` at `offset`.
  mutating func seal(crcAt offset: Int, over range: Range<Int>) {
    withMutableBytes { bytes in
      let crc = CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[range]))
      bytes.storeBytes(of: crc.littleEndian, toByteOffset: offset, as: UInt32.self)
    }
  }
}
