import Testing

@testable import GatewayCore

/// From published frames and made-up ones to values.
@Suite struct FrameReadingTests {
  private func frames(_ shape: FrameShape, _ bytes: [UInt8]) -> [[UInt8]] {
    var feed = FrameFeed(shape, isAligned: true)
    feed.feed(bytes)
    return feed.frames
  }

  private func read(
    _ text: String, _ place: TextPlace, _ format: FrameText = FrameText(), shape: FrameShape? = nil,
    change: (inout FrameField) -> Void = { _ in }
  ) -> FrameReading {
    var field = FrameField(place: .text(place))
    change(&field)
    let config = FrameConfig(shape: shape ?? .lines(delimiter: [0x0A]), text: format)
    return config.read(field, in: Array(text.utf8)[...])
  }

  private func bytes(_ first: Int, _ type: RegisterType, _ width: Int, order: ByteOrder = .bigEndian)
    -> FrameField
  {
    FrameField(
      place: .bytes(FrameBytes(first: first, width: width, layout: RegisterLayout(type: type, order: order))))
  }

  // MARK: NMEA 0183

  /// Sentences from the logs and test data of public projects.
  @Test(arguments: [
    "$WIMWV,65.0,R,0.0,N,A*10", "$WIMWV,103.0,R,0.0,N,A*21", "$WIMWV,122.0,R,0.0,N,A*22",
    "$WIMWV,212.6,R,5.8,N,A*29", "$WIMWV,257,R,5.8,N,A*30", "$WIMWV,350.0,R,16.8,N,A*1A",
    "$YXXDR,C,16,C*64", "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47",
    "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A",
    "!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C",
  ])
  func publishedSentencesHaveTheirChecksum(text: String) {
    #expect(frames(.nmea(needsChecksum: true), Array("\(text)\r\n".utf8)).count == 1)
    let wrong = text.replacing(",", with: ";", maxReplacements: 1)
    #expect(frames(.nmea(needsChecksum: true), Array("\(wrong)\r\n".utf8)).isEmpty)
  }

  private static let wind = "WIMWV,350.0,R,16.8,N,A"

  private func readWind(
    _ number: Int, _ selector: String = "WIMWV", in text: String = wind, valid: FrameValidity? = nil
  ) -> FrameReading {
    read(text, .index(number), shape: .nmea(needsChecksum: true)) {
      $0.selector = Array(selector.utf8)
      $0.validity = valid
    }
  }

  @Test func fieldsOfASentenceCountBehindItsAddress() {
    #expect(readWind(1) == .value(.double(350)))
    #expect(readWind(3) == .value(.double(16.8)))
    #expect(readWind(2) == .failed(.notANumber))
    #expect(readWind(6) == .failed(.missingField))
    #expect(readWind(1, in: "WIMWV,,R,,N,V") == .failed(.notANumber))
    #expect(readWind(1, in: "WIMWV") != .other)
  }

  @Test func aSelectorOfThreeLettersMeansAnyTalker() {
    #expect(readWind(3, "MWV") == .value(.double(16.8)))
    #expect(readWind(3, "WIMWD") == .other)
    #expect(readWind(3, "MWD") == .other)
    // A maker's own sentence has no talker.
    #expect(readWind(1, "RME", in: "PGRME,15.0,M") == .other)
    #expect(readWind(1, "PGRME", in: "PGRME,15.0,M") == .value(.double(15)))
  }

  @Test func aDeviceMayMarkItsValuesInvalid() {
    let valid = FrameValidity(place: .index(5), words: [Array("A".utf8), Array("D".utf8)])
    #expect(readWind(3, valid: valid) == .value(.double(16.8)))
    #expect(readWind(3, in: "WIMWV,350.0,R,16.8,N,D", valid: valid) == .value(.double(16.8)))
    #expect(readWind(3, in: "WIMWV,350.0,R,16.8,N,V", valid: valid) == .failed(.markedInvalid))
    #expect(readWind(3, in: "WIMWV,350.0,R,16.8,N,AA", valid: valid) == .failed(.markedInvalid))
    #expect(readWind(3, in: "WIMWV,350.0,R,16.8", valid: valid) == .failed(.markedInvalid))
    #expect(readWind(3, in: "WIVHW,350.0,R,16.8,N,V", valid: valid) == .other)
  }

  // MARK: Lines

  @Test func fieldsAreFoundByNumber() {
    #expect(read("T,21.3,44", .index(2)) == .value(.double(21.3)))
    #expect(read("T , 21.3 ,44", .index(2)) == .value(.double(21.3)))
    #expect(read(",,44", .index(3)) == .value(.signed(44)))
    #expect(read(",,44", .index(4)) == .failed(.missingField))
    let blanks = FrameText(separator: .whitespace)
    #expect(read("  +21.3 \t 44 ", .index(1), blanks) == .value(.double(21.3)))
    #expect(read("  +21.3 \t 44 ", .index(2), blanks) == .value(.signed(44)))
    #expect(read("  +21.3 \t 44 ", .index(3), blanks) == .failed(.missingField))
    let bars = FrameText(separator: .bytes(Array("||".utf8)))
    #expect(read("1||2|3||4", .index(3), bars) == .value(.signed(4)))
    #expect(read("1||2|3||4", .index(2), bars) == .failed(.notANumber))
  }

  @Test func fieldsAreFoundByName() {
    let colon = FrameText(separator: .whitespace, nameMark: Array(":".utf8))
    #expect(read("T:21.3 H:44", .name(Array("H".utf8)), colon) == .value(.signed(44)))
    #expect(read("T:21.3 H:44", .name(Array("P".utf8)), colon) == .failed(.missingField))
    #expect(read("T:21.3 H:44", .index(1), colon) == .value(.double(21.3)))
    // A composite message of a weather transmitter: names, values and units; "#" stands for invalid data.
    let equals = FrameText(nameMark: Array("=".utf8))
    let text = "0R1,Dn=236D,Dm=283D,Sn=0.0M,Ta=23.6C,Pa=1009.5#"
    let celsius: (inout FrameField) -> Void = { $0.suffix = Array("C".utf8) }
    #expect(read(text, .name(Array("Ta".utf8)), equals, change: celsius) == .value(.double(23.6)))
    #expect(
      read(text, .name(Array("Pa".utf8)), equals) { $0.suffix = Array("H".utf8) } == .failed(.notANumber))
    #expect(read(text, .name(Array("Ta".utf8)), equals) == .failed(.notANumber))
  }

  @Test func aPrefixSelectsItsLines() {
    let prefixed = { (text: String, prefix: String) in
      self.read(text, .index(1)) { $0.selector = Array(prefix.utf8) }
    }
    #expect(prefixed("WIND,3.2,270", "WIND") == .value(.double(3.2)))
    #expect(prefixed("WIND,3.2,270", "WIND,") == .value(.double(3.2)))
    #expect(prefixed("WIND,,270", "WIND,") == .failed(.notANumber))
    #expect(prefixed("T=3.2", "T=") == .value(.double(3.2)))
    #expect(prefixed("HT=3.2", "T=") == .other)
    #expect(prefixed("", "T=") == .other)
  }

  @Test func textsMayMeanNumbers() {
    let map: (inout FrameField) -> Void = {
      $0.words = [
        FrameWord(text: Array("OPEN".utf8), value: .signed(1)),
        FrameWord(text: Array("CLOSED".utf8), value: .signed(0)),
      ]
    }
    #expect(read("OPEN", .index(1), change: map) == .value(.signed(1)))
    #expect(read(" CLOSED ", .index(1), change: map) == .value(.signed(0)))
    for text in ["OPENED", "open", "1", ""] {
      #expect(read(text, .index(1), change: map) == .failed(.notANumber))
    }
  }

  // MARK: Numbers

  @Test(
    arguments: [
      ("3.0", .double(3)), ("-12", .signed(-12)), ("+4.5E1", .signed(45)), ("4.55E1", .double(45.5)),
      ("0021.30", .double(21.3)),
      ("9223372036854775807", .signed(.max)), ("5e1", .double(50)), (".5", .double(0.5)), ("-0", .signed(0)),
      ("18446744073709551615", .double(0x1p64)),
    ] as [(String, Value)])
  func numbersOfTextAreExact(text: String, value: Value) { #expect(read(text, .index(1)) == .value(value)) }

  @Test(arguments: [
    "", "-", "nan", "inf", "0x10", "1e999", "21.3C", "1 2", "--", "1-", "1.2.3", "٣", "21;3",
    String(repeating: "1", count: 65),
  ])
  func otherTextsAreNoNumbers(text: String) { #expect(read(text, .index(1)) == .failed(.notANumber)) }

  @Test func aDecimalCommaIsTakenWhereItIsSaid() {
    let comma = FrameText(separator: .bytes(Array(";".utf8)), usesDecimalComma: true)
    #expect(read("21,3;-4,0", .index(1), comma) == .value(.double(21.3)))
    #expect(read("21,3;-4,0", .index(2), comma) == .value(.double(-4)))
    #expect(read("1.234,5", .index(1), comma) == .failed(.notANumber))
    #expect(read("21,3", .index(1), FrameText(separator: .whitespace)) == .failed(.notANumber))
  }

  @Test(arguments: [UInt64.random(in: 0 ... .max), 5])
  func scaledDecimalsAreRoundedOnce(seed: UInt64) throws {
    print("decimal seed \(seed)")
    var generator = SplitMix(seed: seed)
    for _ in 0..<2000 {
      let raw = Int.random(in: -1_000_000...1_000_000, using: &generator)
      let places = Int.random(in: 0...4, using: &generator)
      let offset = Int.random(in: -1000...1000, using: &generator)
      let scale = try #require(LinearScale(scale: "0.01", offset: "\(offset)e-2"))
      let value = scale.apply(try #require(DecimalText("\(raw)e-\(places)")))
      // (raw + offset·10^places) / 10^(places + 2), written as a decimal and read by the standard library.
      let whole = raw + offset * [1, 10, 100, 1000, 10_000][places]
      #expect(value == Double("\(whole)e-\(places + 2)"), "seed \(seed): \(raw)e-\(places)")
    }
    let tenth = try #require(LinearScale(scale: "0.1", offset: "0"))
    #expect(read("0.3", .index(1)) { $0.scale = tenth } == .value(.double(0.03)))
    // Beyond 64 bits the doubles must do.
    let long = read("123456789012345678901", .index(1)) { $0.scale = tenth }
    #expect(long == .value(.double(1.234567890123457e19)))
  }

  // MARK: Binary frames

  /// From the test of a public PMS driver: 0 µg/m³, 36 particles above 0.3 µm, 7 above 0.5 µm.
  @Test func aPlantowerFrameIsRead() {
    let frame: [UInt8] = [
      0x42, 0x4D, 0x00, 0x1C, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x24,
      0x00, 0x07, 0x00, 0x01, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x97, 0x00, 0x01, 0x70,
    ]
    let shape = FrameShape.binary(plantower)
    #expect(frames(shape, frame) == [frame])
    let config = FrameConfig(shape: shape)
    #expect(config.read(bytes(12, .uint16, 2), in: frame[...]) == .value(.unsigned(0)))
    #expect(config.read(bytes(16, .uint16, 2), in: frame[...]) == .value(.unsigned(36)))
    #expect(config.read(bytes(18, .uint16, 2), in: frame[...]) == .value(.unsigned(7)))
    #expect(config.read(bytes(28, .uint8, 1), in: frame[...]) == .value(.unsigned(0x97)))
    #expect(config.read(bytes(31, .uint16, 2), in: frame[...]) == .failed(.missingField))
  }

  /// As two people posted them: 14.0 and 14.8, 130.7 and 217.3 µg/m³.
  @Test(
    arguments: [
      ([0xAA, 0xC0, 0x8C, 0x00, 0x94, 0x00, 0xBC, 0xF9, 0xD5, 0xAB], 14.0, 14.8),
      ([0xAA, 0xC0, 0x1B, 0x05, 0x7D, 0x08, 0x9C, 0xEB, 0x2C, 0xAB], 130.7, 217.3),
    ] as [([UInt8], Double, Double)])
  func aNovaFrameIsRead(frame: [UInt8], fine: Double, coarse: Double) throws {
    let shape = FrameShape.binary(nova)
    #expect(frames(shape, frame) == [frame])
    let tenth = try #require(LinearScale(scale: "0.1", offset: "0"))
    let littleEndian = ByteOrder(wordsReversed: false, bytesSwapped: true)
    for (first, value) in [(2, fine), (4, coarse)] {
      let layout = RegisterLayout(type: .uint16, order: littleEndian, scale: tenth)
      let field = FrameField(place: .bytes(FrameBytes(first: first, width: 2, layout: layout)))
      #expect(FrameConfig(shape: shape).read(field, in: frame[...]) == .value(.double(value)))
    }
  }

  @Test func bytesAreReadInEachTypeAndOrder() {
    let frame: [UInt8] = [0x00, 0xFF, 0x41, 0xC8, 0x00, 0x00, 0xFE, 0xDC, 0xBA, 0x98]
    let config = FrameConfig(shape: .binary(nova))
    let reversed = ByteOrder(wordsReversed: true, bytesSwapped: true)
    #expect(config.read(bytes(1, .int8, 1), in: frame[...]) == .value(.signed(-1)))
    #expect(config.read(bytes(1, .uint8, 1), in: frame[...]) == .value(.unsigned(255)))
    #expect(config.read(bytes(2, .float32, 4), in: frame[...]) == .value(.double(25)))
    #expect(config.read(bytes(6, .uint32, 4), in: frame[...]) == .value(.unsigned(0xFEDC_BA98)))
    #expect(
      config.read(bytes(6, .uint32, 4, order: reversed), in: frame[...]) == .value(.unsigned(0x98BA_DCFE)))
    #expect(config.read(bytes(6, .int16, 2), in: frame[...]) == .value(.signed(-292)))
    #expect(config.read(bytes(6, .bcd16, 2), in: frame[...]) == .failed(.notANumber))
    let bit = RegisterLayout(type: .bool, firstBit: 3, bitCount: 1)
    let flag = FrameField(place: .bytes(FrameBytes(first: 3, width: 1, layout: bit)))
    #expect(config.read(flag, in: frame[...]) == .value(.unsigned(1)))
    // A slice that does not begin at 0 is read from its own beginning.
    #expect(config.read(bytes(0, .uint8, 1), in: frame[6...]) == .value(.unsigned(0xFE)))
  }

  /// The catalogue of parametrised CRC algorithms gives each one's result for the digits 1 to 9.
  @Test(
    arguments: [
      (.sum8, 0xDD), (.negatedSum8, 0x23), (.sum16, 0x01DD), (.xor, 0x31), (.modbus, 0x4B37),
      (.ccitt, 0x29B1),
    ] as [(FrameChecksum, UInt16)])
  func checksumsAreThePublishedOnes(kind: FrameChecksum, result: UInt16) {
    #expect(kind.of(Array("123456789".utf8)[...]) == result)
    #expect(kind.bytes == 2 || result <= 0xFF)
  }
}
