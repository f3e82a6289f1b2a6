internal import GatewayCore
internal import GatewayYAML
internal import Testing

/// What the keys of serial buses, frames and their points mean, in files that are right.
@Suite struct SerialConfigTests {
  private func config(_ frame: String, _ points: String, bus: String = "device: /dev/ttyS1") throws
    -> GatewayConfig
  {
    let text = """
      gateway: {id: x}
      buses: [{name: mast, type: serial, \(bus)}]
      devices:
        - name: wind
          bus: mast
          frame: \(frame)
          points: \(points)
      """
    return try ConfigFile.check(Array(text.utf8), file: "test.yaml")
  }

  private func device(_ frame: String, _ points: String) throws -> DeviceConfig {
    try #require(try config(frame, points).devices.first)
  }

  private func field(_ frame: String, _ point: String) throws -> FrameField {
    try #require(try device(frame, "[{name: p, \(point)}]").points.first?.field)
  }

  private func binary(_ keys: String) throws -> BinaryFrame {
    let device = try device("{type: binary, \(keys)}", "[{name: p, byte: 0, type: uint8}]")
    guard case .binary(let frame)? = device.frame?.shape else { throw ConfigProblems(file: "", []) }
    return frame
  }

  @Test func theContractsExampleMeansWhatItSays() throws {
    let bus = "device: /dev/ttyS1, baud: 4800, format: 8N1"
    let config = try config(
      "{type: nmea, sentence: WIMWV}", "[{name: speed, field: 3, unit: MTS}]", bus: bus)
    #expect(config.buses[0].link == .serial(SerialLine(device: "/dev/ttyS1", baud: 4800)))
    #expect(config.devices[0].frame == FrameConfig(shape: .nmea(needsChecksum: true)))
    let point = config.devices[0].points[0]
    #expect(point.unit == "MTS" && point.kind == .gauge)
    #expect(point.field == FrameField(place: .text(.index(3)), selector: Array("WIMWV".utf8)))
  }

  @Test func aSerialLineHasEightBitsWithoutParityByItself() throws {
    let link = try config("{type: line}", "[]").buses[0].link
    #expect(link == .serial(SerialLine(device: "/dev/ttyS1", baud: 9600)))
  }

  @Test func pointsMayNameTheirOwnSentence() throws {
    let frame = "{type: nmea, sentence: WIMWV, checksum: optional, valid: {field: 5, is: [A, D]}}"
    let points = """
      [{name: a, field: 3}, {name: b, field: 2, sentence: XDR, valid: {field: 1, is: C}},
       {name: c, field: 7, map: {OPEN: 1, CLOSED: 0.5}}]
      """
    let device = try device(frame, points)
    #expect(device.frame?.shape == .nmea(needsChecksum: false))
    let usual = FrameValidity(place: .index(5), words: [Array("A".utf8), Array("D".utf8)])
    let own = FrameValidity(place: .index(1), words: [Array("C".utf8)])
    let fields = device.points.compactMap(\.field)
    #expect(fields.map(\.selector) == ["WIMWV", "XDR", "WIMWV"].map { Array($0.utf8) })
    #expect(fields.map(\.validity) == [usual, own, usual])
    #expect(
      fields[2].words == [
        FrameWord(text: Array("OPEN".utf8), value: .signed(1)),
        FrameWord(text: Array("CLOSED".utf8), value: .double(0.5)),
      ])
    #expect(device.points.map(\.kind) == [.gauge, .gauge, .state])
  }

  @Test func aLineIsCommasAndLinefeedsUnlessItSaysOtherwise() throws {
    let usual = try device("{type: line}", "[]").frame
    #expect(usual == FrameConfig(shape: .lines(delimiter: [0x0A])))
    let other = #"{type: line, delimiter: "\r\n", separator: whitespace, names: ":", prefix: "\x02W"}"#
    let device = try device(other, "[{name: p, field: T, suffix: C, scale: 0.1, offset: -40}]")
    let text = FrameText(separator: .whitespace, nameMark: [0x3A])
    #expect(device.frame == FrameConfig(shape: .lines(delimiter: [0x0D, 0x0A]), text: text))
    let field = try #require(device.points[0].field)
    #expect(field.place == .text(.name([0x54])))
    #expect(field.selector == [0x02, 0x57] && field.suffix == [0x43] && field.scale.addend == -400)
    #expect(try self.device(#"{type: line, separator: " "}"#, "[]").frame?.text.separator == .whitespace)
    #expect(try self.field("{type: line, names: \"=\"}", "field: \"2\"").place == .text(.name([0x32])))
  }

  @Test func aDecimalCommaMakesSemicolonsTheSeparator() throws {
    let text = try device("{type: line, decimal: comma}", "[]").frame?.text
    #expect(text == FrameText(separator: .bytes([0x3B]), usesDecimalComma: true))
  }

  @Test func aQuestionMayBeTheFramesOrThePoints() throws {
    #expect(try field(#"{type: ascii, request: "M1\r"}"#, "field: 1").request == Array("M1\r".utf8))
    let own = try field(#"{type: ascii, request: "M1\r"}"#, #"field: 1, request: "M2\r""#)
    #expect(own.request == Array("M2\r".utf8))
    #expect(try field("{type: ascii}", #"field: 1, request: "M2\r""#).request == Array("M2\r".utf8))
    let bytes = try field("{type: binary, start: FF, length: 9, request: FF 01 86}", "byte: 2, type: uint16")
    #expect(bytes.request == [0xFF, 0x01, 0x86])
  }

  @Test func aBinaryFrameIsDescribedByItsParts() throws {
    #expect(try binary("start: 42 4D, length: 32") == BinaryFrame(start: [0x42, 0x4D], length: .fixed(32)))
    let stated = try binary(
      "start: \"7e\", length: {at: 2, type: uint16, order: little, add: 4, max: 64}, end: AB, checksum: sum16"
    )
    #expect(stated.length == .stated(at: 2, bytes: 2, isLittleEndian: true, add: 4, most: 64))
    #expect(stated.end == [0xAB])
    #expect(stated.checksum == BinaryFrame.Checksum(kind: .sum16, isLittleEndian: false))
    let usual = try binary("start: 7E, length: {at: 1}, checksum: {type: crc16-modbus}")
    #expect(usual.length == .stated(at: 1, bytes: 1, isLittleEndian: false, add: 0, most: 256))
    #expect(usual.checksum == BinaryFrame.Checksum(kind: .modbus, isLittleEndian: true))
    let nova = try binary("start: AA C0, length: 10, checksum: {type: sum8, from: 2, to: 7}, end: AB")
    #expect(nova.checksum == BinaryFrame.Checksum(kind: .sum8, first: 2, last: 7, isLittleEndian: false))
  }

  @Test func bytesOfAFrameAreTypedLikeRegisters() throws {
    func bytes(_ keys: String) throws -> FrameBytes {
      guard case .bytes(let bytes) = try field("{type: binary, start: FF, length: 9}", keys).place else {
        throw ConfigProblems(file: "", [])
      }
      return bytes
    }
    #expect(
      try bytes("byte: 8, type: uint8")
        == FrameBytes(first: 8, width: 1, layout: RegisterLayout(type: .uint8)))
    let word = try bytes("byte: 2, type: uint16, order: BA, scale: 0.1")
    #expect(word.width == 2 && word.layout.order.bytesSwapped && word.layout.scale.denominator == 10)
    #expect(try bytes("byte: 1, type: float64").width == 8)
    let bit = RegisterLayout(type: .bool, firstBit: 7, bitCount: 1)
    #expect(try bytes("byte: 1, type: bool, bit: 7") == FrameBytes(first: 1, width: 1, layout: bit))
    // The decoder knows bit fields of words only.
    let part = RegisterLayout(type: .uint16, firstBit: 4, bitCount: 4)
    #expect(try bytes("byte: 1, type: uint8, bits: 4-7") == FrameBytes(first: 1, width: 1, layout: part))
  }

  @Test func talkersAndThoseThatAreAskedNeedLinesOfTheirOwn() {
    let text = """
      gateway: {id: x}
      buses: [{name: b, type: serial, device: /dev/ttyS1}, {name: c, type: serial, device: /dev/ttyS2}]
      devices:
        - {name: talker, bus: b, frame: {type: line}, points: [{name: p, field: 1}]}
        - {name: other, bus: b, frame: {type: nmea, sentence: MWV}, points: [{name: p, field: 1}]}
        - {name: asked, bus: BUS, frame: {type: ascii, request: x}, points: [{name: p, field: 1}]}
      """
    #expect(Fixtures.problems(text.replacing("BUS", with: "c")).isEmpty)
    #expect(
      Fixtures.problems(text.replacing("BUS", with: "b")).map(\.sentence) == [
        "device \"talker\" talks by itself, and so \"asked\" cannot be asked on its bus"
      ])
  }
}
