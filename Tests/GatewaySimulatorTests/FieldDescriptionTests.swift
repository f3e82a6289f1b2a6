import GatewayCore
import GatewaySystem
import Testing

@testable import GatewaySimulator

/// The description's file and the values it asks for.
@Suite struct FieldDescriptionTests {
  private func read(_ text: String) throws(ConfigProblem) -> FieldDescription {
    try FieldDescription(yaml: Array(text.utf8))
  }

  @Test func aDescriptionIsReadAsItIsWritten() throws {
    let field = try read(
      """
      - listen: "127.0.0.1:15020"
        units: 1-3
        delay: 5ms
        gaps: illegal
        identity: [Maker, P-7, "1.0"]
        registers:
          - {at: input 40, type: float32, order: CDAB, value: {wave: sine, mean: 20, swing: 5, period: 60s}}
          - {at: input 42, value: {ramp: [10, 0.5]}}
          - {at: input 43, type: int16, scale: 0.1, value: 17}
          - {at: holding 0, value: {random: [1, 2]}}
          - {at: holding 1, type: uint32, value: {counter: 3}}
          - {at: coil 7, value: {words: [1, 0, 0x1]}}
      """)
    try #require(field.servers.count == 1 && field.servers[0].devices.count == 1)
    let device = field.servers[0].devices[0]
    #expect(field.servers[0].listen == ListenAddress(host: "127.0.0.1", port: 15020))
    #expect(device.units == [1, 2, 3] && device.delay == .milliseconds(5) && device.refusesGaps)
    #expect(device.identity == ["Maker", "P-7", "1.0"])
    #expect(device.registers.map(\.count) == [2, 1, 1, 1, 2, 3])
    #expect(device.registers[5] == FieldRegister(.coil, 7, words: [1, 0, 1]))
    guard case .value(let wave, let layout) = device.registers[0].content else { return #expect(Bool(false)) }
    #expect(wave == .sine(mean: 20, swing: 5, period: .seconds(60)))
    #expect(layout.order == ByteOrder(wordsReversed: true, bytesSwapped: false) && layout.type == .float32)
  }

  @Test func aCountMakesConsecutivePortsAndEqualPortsJoin() throws {
    let field = try read(
      """
      seed: 9
      servers:
        - {listen: "127.0.0.1:16000", count: 3, units: [1], registers: [{at: input 0, value: 1}]}
        - {listen: "127.0.0.1:16001", units: any, registers: [{at: input 0, value: 2}]}
      """)
    #expect(field.seed == 9)
    #expect(field.servers.map(\.listen?.port) == [16000, 16001, 16002])
    #expect(field.servers.map(\.devices.count) == [1, 2, 1])
    #expect(field.servers[1].devices[1].units == nil)
  }

  @Test func linesAreReadAsTheyAreWritten() throws {
    let field = try read(
      """
      - {pty: /run/a, baud: 19200, format: 8E1, units: 1, registers: [{at: holding 0, value: requests}]}
      - {pty: /run/a, units: 2, registers: [{at: input 0, value: 5}]}
      - {listen: "127.0.0.1:16000", protocol: rtu, registers: [{at: input 0, value: 5}]}
      - pty: /run/b
        talk:
          - {every: 1s, line: "hallo\\r\\n"}
          - {every: 2s, hex: "42 4d 00"}
          - {every: 3s, nmea: "WIMWV,{sine 214.8 30 60s},R"}
        answer: [{to: "M1\\r", with: "1;2\\r\\n", delay: 20ms}, {to-hex: "01 ff", with-hex: "02"}]
      """)
    let line = field.servers[0]
    #expect(field.servers.count == 3 && line.port == .terminal(link: "/run/a"))
    #expect(line.pace == LinePace(baud: 19200, format: "8E1") && line.pace?.bitsPerCharacter == 11)
    #expect(line.devices.map(\.units) == [[1], [2]] && line.devices[0].registers[0].content == .requests)
    #expect(line.devices[0].registers[0].count == 2)
    #expect(field.servers[1].port == .rtuOverTCP(ListenAddress(host: "127.0.0.1", port: 16000)))
    #expect(
      field.servers[2].talks == [
        FieldTalk(every: .seconds(1), FieldMessage(text: "hallo\r\n")!),
        FieldTalk(every: .seconds(2), FieldMessage(bytes: [0x42, 0x4D, 0])),
        FieldTalk(every: .seconds(3), FieldMessage(nmea: "WIMWV,{sine 214.8 30 60s},R")!),
      ])
    #expect(
      field.servers[2].replies == [
        FieldReply(to: Array("M1\r".utf8), FieldMessage(text: "1;2\r\n")!, delay: .milliseconds(20)),
        FieldReply(to: [1, 0xFF], FieldMessage(bytes: [2])),
      ])
  }

  @Test func theExampleOfSerialLinesCanBePlayed() throws {
    let field = try FieldDescription(yaml: try readFile("Config/serial-field.yaml"))
    #expect(field.servers.count == 5 && field.servers.filter(\.isPlain).count == 3)
  }

  @Test(arguments: [
    "- {pty: run/a, registers: []}", "- {pty: /a, listen: \"127.0.0.1:1\", registers: []}",
    "- {pty: /a, baud: 9600, format: 9N1, registers: []}", "- {pty: /a, format: 8N1, registers: []}",
    "- {pty: /a, baud: -1, registers: []}", "- {pty: /a, count: 2, registers: []}", "- {pty: /a}",
    "- {listen: \"127.0.0.1:1\", protocol: ascii, registers: []}",
    "- {listen: \"127.0.0.1:1\", talk: [{every: 1s, line: a}]}",
    "- {pty: /a, units: 1, talk: [{every: 1s, line: a}]}", "- {pty: /a, talk: [{line: a}]}",
    "- {pty: /a, identity: [a], talk: [{every: 1s, line: a}]}",
    "- {pty: /a, talk: [{every: 1s}]}", "- {pty: /a, talk: [{every: 1s, hex: \"4\"}]}",
    "- {pty: /a, talk: [{every: 1s, nmea: \"{x}\"}]}", "- {pty: /a, answer: [{to: \"\", with: a}]}",
    "- {pty: /a, answer: [{with: a}]}", "- {pty: /a, answer: [{to: a}]}",
    "[{pty: /a, registers: []}, {pty: /a, baud: 9600, registers: []}]",
    "[{pty: /a, registers: []}, {pty: /a, talk: [{every: 1s, line: a}]}]",
    "[{listen: \"127.0.0.1:9\", registers: []}, {listen: \"127.0.0.1:9\", protocol: rtu, registers: []}]",
    "- {listen: \"127.0.0.1:1\", registers: [{at: coil 1, value: requests}]}",
  ])
  func aMistakeAboutALineIsNamedAtItsPlace(_ text: String) {
    #expect(throws: ConfigProblem.self) { try read(text) }
  }

  @Test(arguments: [
    "servers: []", "[]", "- {units: 1, registers: []}", "- {listen: here, registers: []}",
    "- {listen: \"127.0.0.1:1\"}", "- {listen: \"127.0.0.1:65535\", count: 2, registers: []}",
    "- {listen: \"127.0.0.1:1\", units: 300, registers: []}",
    "- {listen: \"127.0.0.1:1\", units: 3-1, registers: []}",
    "- {listen: \"127.0.0.1:1\", registers: [{at: shelf 3, value: 1}]}",
    "- {listen: \"127.0.0.1:1\", registers: [{at: input 65535, type: float32, value: 1}]}",
    "- {listen: \"127.0.0.1:1\", registers: [{at: input 1}]}",
    "- {listen: \"127.0.0.1:1\", registers: [{at: input 1, value: {wave: tidal}}]}",
    "- {listen: \"127.0.0.1:1\", registers: [{at: input 1, value: {words: [65536]}}]}",
    "- {listen: \"127.0.0.1:1\", registers: [{at: input 1, value: 1, scale: 0}]}",
    "- {listen: \"127.0.0.1:1\", identity: [a, b, c, d], registers: []}",
    "- {listen: \"127.0.0.1:1\", identity: [Zähler], registers: []}",
    "- {listen: \"127.0.0.1:1\", regsters: []}", "- {listen: \"127.0.0.1:1\", delay: 5, registers: []}",
  ])
  func aMistakeIsNamedAtItsPlace(_ text: String) {
    #expect(throws: ConfigProblem.self) { try read(text) }
  }

  @Test func theDemosFieldCanBePlayed() throws {
    // Tests run in the package's directory.
    let field = try FieldDescription(yaml: try readFile("Config/demo-field.yaml"))
    #expect(field.servers.map(\.listen) == [ListenAddress(host: "127.0.0.1", port: 15020)])
    #expect(field.servers[0].devices.count == 4)
    #expect(field.servers[0].devices.reduce(0) { $0 + $1.registers.count } >= 15)
  }

  @Test func valuesDependOnTimeAndSeedAlone() {
    let waves: [Waveform] = [
      .sine(mean: 20, swing: 5, period: .seconds(60)), .square(mean: 1, swing: 1, period: .seconds(2)),
      .ramp(from: 1, step: 2), .random(3...4), .counter(perSecond: 1.5),
    ]
    for wave in waves {
      for seconds in stride(from: 0.0, to: 100, by: 0.7) {
        let value = wave.value(at: seconds, seed: 5)
        #expect(value == wave.value(at: seconds, seed: 5))
        switch wave {
        case .sine: #expect((15...25).contains(value))
        case .square: #expect(value == 0 || value == 2)
        case .ramp: #expect(value == 1 + 2 * seconds.rounded(.down))
        case .random: #expect((3...4).contains(value))
        case .counter: #expect(value == (1.5 * seconds).rounded(.down))
        case .constant: break
        }
      }
      #expect(Set((0..<50).map { wave.value(at: Double($0), seed: 5) }).count > 1)
    }
  }

  // By hand: 1234.5 is 449A 5000 as float32 and 4093 4A00 0000 0000 as float64; -2 is FFFE; 123456789 is 075B CD15.
  private static let encodings: [(RegisterType, Double, ByteOrder, [UInt16])] = [
    (.float32, 1234.5, .bigEndian, [0x449A, 0x5000]),
    (.float32, 1234.5, ByteOrder(wordsReversed: true, bytesSwapped: false), [0x5000, 0x449A]),
    (.float32, 1234.5, ByteOrder(wordsReversed: false, bytesSwapped: true), [0x9A44, 0x0050]),
    (.float32, 1234.5, ByteOrder(wordsReversed: true, bytesSwapped: true), [0x0050, 0x9A44]),
    (.float64, 1234.5, .bigEndian, [0x4093, 0x4A00, 0, 0]),
    (.float64, 1234.5, ByteOrder(wordsReversed: true, bytesSwapped: false), [0, 0, 0x4A00, 0x4093]),
    (.int16, -2, .bigEndian, [0xFFFE]), (.int32, -2, .bigEndian, [0xFFFF, 0xFFFE]),
    (.int64, -2, .bigEndian, [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE]),
    (.uint32, 123_456_789, .bigEndian, [0x075B, 0xCD15]),
    (.uint16, -5, .bigEndian, [0]), (.uint16, 1e9, .bigEndian, [0xFFFF]), (.int8, -2, .bigEndian, [0x00FE]),
    (.bcd16, 1234, .bigEndian, [0x1234]), (.bcd32, 12_345_678, .bigEndian, [0x1234, 0x5678]),
  ]

  @Test(arguments: encodings)
  func numbersLieInRegistersAsTheManualsSay(
    _ type: RegisterType, _ value: Double, _ order: ByteOrder, _ words: [UInt16]
  ) {
    var room = [UInt16](repeating: 0xAAAA, count: type.registers)[...]
    RegisterEncoder.encode(value, RegisterLayout(type: type, order: order), into: &room)
    #expect(Array(room) == words)
  }
}
