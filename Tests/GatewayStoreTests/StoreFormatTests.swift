import GatewayCore
import Testing

@testable import GatewayStore

/// The bytes of format 2. A change here makes stores in the field unreadable: it needs a new version instead.
@Suite struct StoreFormatTests {
  private let boot = BootID(high: 0x1122_3344_5566_7788, low: 0x99AA_BBCC_DDEE_FF00)
  private let stream = StreamID(bits: 0x6B22_B4C8_D715_5218)

  /// The bytes of one block up to the last that is not zero, in hexadecimal; it must be padded to whole
  /// blocks.
  private func hex(_ body: (inout ByteBuffer) -> Void) -> String {
    var buffer = ByteBuffer()
    body(&buffer)
    #expect(buffer.count == 4096)
    let bytes = buffer.copyBytes()
    let end = bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
    return bytes[..<end].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test func theSuperblocksBytesAreThese() {
    #expect(
      hex { Superblock(slotSize: 4 << 20).append(to: &$0) } == "43475753544f52310300030000004000f0fd8e90")
  }

  @Test func theLedgersBytesAreThese() {
    let ledger = DeliveryLedger(
      storedThrough: 1000,
      entries: [
        "q": .init(settled: RangeSet(1..<11), delivered: 4, quarantined: 1, damaged: 2, thinned: 3)!,
        "platform": .init(
          settled: RangeSet([1..<501, 990..<1000]), delivered: 510, quarantined: 0, damaged: 0)!,
      ])
    let block = LedgerBlock(
      generation: 7, stream: stream, boot: boot, nextSegment: 5, isClosed: true, ledger: ledger)
    #expect(
      hex { block.append(to: &$0) }
        == "4347574c4544473256b02f7ec70000000700000000000000185215d7c8b4226b887766554433221100ffeedd"
        + "ccbbaa99e80300000000000005000000000000000100000002000000fe010000000000000000000000000000"
        + "00000000000000000000000000000000020008706c6174666f726d0100000000000000f501000000000000de"
        + "03000000000000e8030000000000000400000000000000010000000000000002000000000000000300000000"
        + "0000000100017101000000000000000b")
  }

  @Test func aSlotHeadersBytesAreThese() {
    let header = SegmentHeader(
      id: 3, firstSeq: 1201, stream: stream, boot: boot, time: Timestamp(microseconds: 1_795_381_260_000_000),
      isContinuation: true)
    #expect(
      hex { header.append(to: &$0) }
        == "4347575345474d31ad39d93a030003000300000000000000b104000000000000185215d7c8b4226b88776655"
        + "4433221100ffeeddccbbaa99001b3dc6e360060001")
  }

  private func record(_ kind: RecordHeader.Kind, length: Int, rows: Int) -> RecordHeader {
    RecordHeader(
      kind: kind, length: length, segment: 3, firstSeq: 1201, stream: stream, boot: boot,
      time: Timestamp(microseconds: 1_795_381_260_000_000), rowCount: rows, catalogueID: sampleCatalogue.id)
  }

  @Test func aCommitsBytesAreThese() {
    let payload: [UInt8] = [1, 2, 3, 4, 5]
    let bytes = hex { buffer in
      payload.withUnsafeBytes {
        record(.commit, length: 5, rows: 2).append(with: $0, at: 0x0302 * 4096, to: &buffer)
      }
    }
    #expect(
      bytes == "434757520193931c01020300050000000300000000000000b104000000000000185215d7c8b4226b88776655"
        + "4433221100ffeeddccbbaa99001b3dc6e36006000200000091382cf50102030405")
  }

  @Test func aCataloguesBytesAreThese() {
    let bytes = hex { buffer in
      sampleCatalogue.encoded.withUnsafeBytes {
        record(.catalogue, length: $0.count, rows: 0).append(with: $0, at: 0x0302 * 4096, to: &buffer)
      }
    }
    #expect(
      bytes == "434757522eb020f202020300110000000300000000000000b104000000000000185215d7c8b4226b88776655"
        + "4433221100ffeeddccbbaa99001b3dc6e36006000000000091382cf5020100000003612e740343454c0000001f")
  }

  @Test func aSummarysBytesAreThoseOfACommitAndTheRowsThatItStandsFor() {
    var payload = ByteBuffer()
    payload.append(UInt8(7))
    Supersession.append(RangeSet([1..<501, 601..<1201]), to: &payload)
    let bytes = payload.withBytes { payload in
      payload.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    #expect(
      bytes == "070100000000000000f5010000000000005902000000000000b1040000000000000200")
    let read = payload.withBytes { Supersession(of: record(.summary, length: $0.count, rows: 2), $0) }
    #expect(read?.rows == RangeSet([1..<501, 601..<1201]) && read?.summary == 1201...1202)
    // A summary of itself, or of what comes later, is none.
    var later = ByteBuffer()
    Supersession.append(RangeSet(1201..<1202), to: &later)
    #expect(later.withBytes { Supersession(of: record(.summary, length: $0.count, rows: 2), $0) } == nil)
    #expect(RecordHeader.Kind.summary.rawValue == 3)
  }

  @Test func partsLieWhereTheFormatSaysTheyDo() throws {
    let device = MemoryDevice()
    let store = try openSmall(device)
    try store.append(rows: 3)
    let text = { (offset: Int, count: Int) in
      String(decoding: device.medium[offset..<offset + count], as: UTF8.self)
    }
    #expect(text(0, 8) == "CGWSTOR1")
    #expect(text(smallSlot / 4, 8) == "CGWLEDG2")
    #expect(text(smallSlot, 8) == "CGWSEGM1")
    // A segment begins with a catalogue, the commit, and the catalogue again.
    #expect((1...3).map { text(smallSlot + $0 * 4096, 4) } == ["CGWR", "CGWR", "CGWR"])
    #expect((1...3).map { device.medium[smallSlot + $0 * 4096 + 8] } == [2, 1, 2])
    #expect(StoreFormat.slotSize == 4 << 20 && StoreLayout(slotSize: 4 << 20).ledgers == [1 << 20, 2 << 20])
  }

  /// The most points that a configuration may have, under the longest names; the daemon's tests hold their
  /// windows against the same limit.
  @Test func theLargestCatalogueFitsASlotTwice() {
    let points = (0..<10_000).map { number in
      PointDescription(
        name: String(repeating: "n", count: 122) + "\(number + 10_000)", unit: "CEL", kind: .gauge,
        window: .raw, functions: .standard)
    }
    #expect(Catalogue(points: points).encoded.count <= StoreLayout(slotSize: 4 << 20).maximumPayload)
  }

  @Test func everyBlockIsReadBackAsItWasWrittenAndNotWithAnyBitChanged() {
    var buffer = ByteBuffer()
    let header = SegmentHeader(
      id: 9, firstSeq: 77, stream: stream, boot: boot, time: Timestamp(microseconds: -5),
      isContinuation: false)
    header.append(to: &buffer)
    var bytes = buffer.copyBytes()
    let isRead = { (bytes: [UInt8]) -> Bool in
      bytes.withUnsafeBytes { if case .valid(header) = SegmentHeader.read($0) { true } else { false } }
    }
    #expect(isRead(bytes))
    for bit in 0..<SegmentHeader.size * 8 {
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(!isRead(bytes), "bit \(bit)")
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    }
  }

  /// Of one destination, with the numbers at their places in the block's first entry.
  private func ledgerBlock(_ numbers: [(offset: Int, value: UInt64)]) -> LedgerBlock? {
    let entry = DeliveryLedger.Entry(
      settled: RangeSet([1..<4, 6..<8]), delivered: 3, quarantined: 1, damaged: 1)!
    let ledger = DeliveryLedger(storedThrough: 10, entries: ["p": entry])
    var buffer = ByteBuffer()
    LedgerBlock(generation: 1, stream: stream, boot: boot, nextSegment: 1, isClosed: false, ledger: ledger)
      .append(to: &buffer)
    buffer.withMutableBytes { bytes in
      for (offset, value) in numbers { bytes.storeBytes(of: value, toByteOffset: offset, as: UInt64.self) }
    }
    buffer.seal(crcAt: 8, over: 12..<72 + 35 + 1 + 32)
    return buffer.withBytes { LedgerBlock.read($0) }
  }

  @Test func aLedgerThatContradictsItselfIsNotBelieved() {
    #expect(ledgerBlock([])?.ledger.entries["p"]?.count == 5)
    for numbers in [
      [(72, 6)], [(80, .max)], [(72, .max), (80, 6)], [(88, 2)], [(96, 1)], [(108, 0)], [(116, 1)],
      [(116, 7)], [(124, 4)], [(124, 9)], [(132, 12)], [(132, .max)],
    ] as [[(Int, UInt64)]] {
      #expect(ledgerBlock(numbers) == nil, "\(numbers)")
    }
  }
}
