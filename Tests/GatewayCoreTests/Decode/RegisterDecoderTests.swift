import Testing

@testable import GatewayCore

/// The bytes of a hexadecimal text as libmodbus hands them over: words in host order.
private func words(_ wire: String) -> [UInt16] {
  let bytes = wire.split(separator: " ").map { UInt16($0, radix: 16)! }
  return stride(from: 0, to: bytes.count, by: 2).map { bytes[$0] << 8 | bytes[$0 + 1] }
}

private func decode(_ layout: RegisterLayout, _ wire: String) -> Decoded {
  words(wire).withUnsafeBufferPointer { RegisterDecoder.decode(layout, $0.baseAddress!) }
}

private let orders: [String: ByteOrder] = [
  "AB": .bigEndian, "ABCD": .bigEndian, "ABCDEFGH": .bigEndian,
  "BA": ByteOrder(wordsReversed: false, bytesSwapped: true),
  "CDAB": ByteOrder(wordsReversed: true, bytesSwapped: false),
  "GHEFCDAB": ByteOrder(wordsReversed: true, bytesSwapped: false),
  "BADC": ByteOrder(wordsReversed: false, bytesSwapped: true),
  "BADCFEHG": ByteOrder(wordsReversed: false, bytesSwapped: true),
  "DCBA": ByteOrder(wordsReversed: true, bytesSwapped: true),
  "HGFEDCBA": ByteOrder(wordsReversed: true, bytesSwapped: true),
]

private func scale(
  _ scale: Double, _ offset: Double, _ numerator: Int64, _ addend: Int64, _ denominator: Int64
)
  -> LinearScale
{
  LinearScale(scale: scale, offset: offset, denominator: denominator, numerator: numerator, addend: addend)
}

/// 0.1, as the operator wrote it.
private let tenth = scale(0.1, 0, 1, 0, 10)

@Suite struct RegisterDecoderTests {
  @Test func everyTypeInEveryOrderIsExactToTheLastBit() throws {
    for row in WireTable.rows {
      let type = try #require(RegisterType(rawValue: row.type))
      let layout = RegisterLayout(type: type, order: try #require(orders[row.order]))
      let decoded = decode(layout, row.wire)
      #expect(decoded == row.expected, "\(row)")
      // == takes -0.0 for 0.0.
      if case .value(.double(let expected)) = row.expected, case .value(.double(let number)) = decoded {
        #expect(number.bitPattern == expected.bitPattern, "\(row)")
      }
    }
    #expect(Set(WireTable.rows.map(\.type)).count == RegisterType.allCases.count - 3)
  }

  @Test func aByteOfARegisterIsTheOneThatWasMeant() {
    #expect(decode(RegisterLayout(type: .int8), "80 7F") == .value(.signed(127)))
    #expect(decode(RegisterLayout(type: .int8, usesHighByte: true), "80 7F") == .value(.signed(-128)))
    #expect(decode(RegisterLayout(type: .uint8), "80 FF") == .value(.unsigned(255)))
    #expect(decode(RegisterLayout(type: .uint8, usesHighByte: true), "80 FF") == .value(.unsigned(128)))
    #expect(decode(RegisterLayout(type: .int8), "00 FF") == .value(.signed(-1)))
  }

  @Test func oneBitOfARegisterIsZeroOrOne() {
    for bit in UInt8(0)...15 {
      let wire = bit < 8 ? "00 \(String(1 << bit, radix: 16))" : "\(String(1 << (bit - 8), radix: 16)) 00"
      for other in UInt8(0)...15 {
        let layout = RegisterLayout(type: .bool, firstBit: other, bitCount: 1)
        #expect(decode(layout, wire) == .value(.unsigned(other == bit ? 1 : 0)))
      }
    }
  }

  @Test func aBitFieldIsCutOutAfterTheOrderIsUndone() {
    #expect(
      decode(RegisterLayout(type: .uint16, firstBit: 4, bitCount: 8), "AB CD") == .value(.unsigned(0xBC)))
    #expect(
      decode(RegisterLayout(type: .uint16, firstBit: 15, bitCount: 1), "80 00") == .value(.unsigned(1)))
    let swapped = RegisterLayout(
      type: .uint32, order: ByteOrder(wordsReversed: true, bytesSwapped: false), firstBit: 28, bitCount: 4)
    #expect(decode(swapped, "00 00 70 00") == .value(.unsigned(7)))
    #expect(
      decode(RegisterLayout(type: .uint64, firstBit: 0, bitCount: 64), "FF FF FF FF FF FF FF FF")
        == .value(.unsigned(.max)))
    #expect(
      decode(RegisterLayout(type: .uint64, firstBit: 63, bitCount: 1), "80 00 00 00 00 00 00 00")
        == .value(.unsigned(1)))
  }

  @Test func bitTablesGiveZeroOrOneWhateverTheByte() {
    let layout = RegisterLayout(type: .bool)
    #expect(RegisterDecoder.decode(layout, bit: 0) == .value(.unsigned(0)))
    #expect(RegisterDecoder.decode(layout, bit: 1) == .value(.unsigned(1)))
    #expect(RegisterDecoder.decode(layout, bit: 255) == .value(.unsigned(1)))
  }

  @Test func aScaledValueIsTheDecimalThatAPersonWouldWrite() {
    #expect(decode(RegisterLayout(type: .uint16, scale: tenth), "00 03") == .value(.double(0.3)))
    #expect(decode(RegisterLayout(type: .int16, scale: tenth), "FF FD") == .value(.double(-0.3)))
    #expect(decode(RegisterLayout(type: .int16, scale: tenth), "00 AD") == .value(.double(17.3)))
    let kelvin = scale(0.01, -273.15, 1, -27315, 100)
    #expect(decode(RegisterLayout(type: .uint16, scale: kelvin), "72 6A") == .value(.double(19.75)))
    #expect(decode(RegisterLayout(type: .bcd16, scale: tenth), "12 34") == .value(.double(123.4)))
    #expect(decode(RegisterLayout(type: .float32, scale: tenth), "42 F6 00 00") == .value(.double(12.3)))
    #expect(RegisterDecoder.decode(RegisterLayout(type: .bool, scale: tenth), bit: 1) == .value(.double(0.1)))
  }

  @Test func scalingBeyondTheDoublesIsNotANumber() {
    let huge = scale(1e300, 0, 0, 0, 0)
    #expect(
      decode(RegisterLayout(type: .float64, scale: huge), "7F EF FF FF FF FF FF FF") == .notANumber)
    #expect(decode(RegisterLayout(type: .float32, scale: tenth), "7F C0 00 00") == .notANumber)
  }

  @Test func wholeNumbersTooLargeToScaleExactlyAreScaledAsDoubles() {
    let thousand = scale(1000, 0, 1000, 0, 1)
    #expect(thousand.apply(Int64.max) == Double(Int64.max) * 1000)
    #expect(thousand.apply(Int64.min) == Double(Int64.min) * 1000)
    #expect(thousand.apply(UInt64.max) == Double(UInt64.max) * 1000)
    #expect(tenth.apply(Int64(1) << 53) == 900719925474099.2)
    #expect(tenth.apply((Int64(1) << 53) + 1) == Double((1 << 53) + 1) * 0.1)
    #expect(scale(1, 0.5, 2, Int64.max, 2).apply(Int64.max) == Double(Int64.max) + 0.5)
    #expect(tenth.apply(UInt64(3)) == 0.3)
    #expect(tenth.apply(3.0) == 0.3)
    #expect(scale(0.1, 0, 0, 0, 0).apply(Int64(3)) == 0.30000000000000004)
    #expect(scale(0.1, 0, 0, 0, 0).apply(3.0) == 0.30000000000000004)
  }

  /// A device's word for "no value" is a bit pattern of the point's own width, whatever scale or sign it has.
  @Test func thePatternThatMeansNoValueIsNone() {
    let signed = RegisterLayout(type: .int16, scale: tenth, invalid: 0x7FFF)
    #expect(decode(signed, "7F FF") == .notANumber)
    #expect(decode(signed, "7F FE") == .value(.double(3276.6)))
    #expect(decode(signed, "FF FF") == .value(.double(-0.1)))
    let lowest = RegisterLayout(type: .int32, order: orders["CDAB"]!, invalid: 0x8000_0000)
    #expect(decode(lowest, "00 00 80 00") == .notANumber)
    #expect(decode(lowest, "80 00 00 00") == .value(.signed(0x8000)))
    let wide = RegisterLayout(type: .uint64, invalid: .max)
    #expect(decode(wide, "FF FF FF FF FF FF FF FF") == .notANumber)
    #expect(decode(wide, "FF FF FF FF FF FF FF FE") == .value(.unsigned(.max - 1)))
    let byte = RegisterLayout(type: .uint8, usesHighByte: true, invalid: 0xFF)
    #expect(decode(byte, "FF 00") == .notANumber)
    #expect(decode(byte, "00 FF") == .value(.unsigned(0)))
    let field = RegisterLayout(type: .uint16, firstBit: 4, bitCount: 4, invalid: 0xF)
    #expect(decode(field, "00 F1") == .notANumber)
    #expect(decode(field, "FF 0F") == .value(.unsigned(0)))
  }
}
