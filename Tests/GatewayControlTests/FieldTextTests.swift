import GatewayCore
import Testing

@testable import GatewayControl

extension ChipReport {
  /// A chip with a door, a rain gauge and what a board has besides.
  static var cabinet: ChipReport {
    ChipReport(
      path: "/dev/gpiochip0",
      lines: [
        Line(
          offset: 4, name: "GPIO4", isHeld: true, holder: "gatewayd", isActiveLow: true, point: "io.door",
          value: .signed(1)),
        Line(offset: 17, name: "GPIO17", level: true, point: "io.rain"),
        Line(offset: 42, name: "ACT_LED", isHeld: true, holder: "ACT", isOutput: true),
        Line(offset: 43, isHeld: true), Line(offset: 44, level: false),
      ])
  }
}

@Suite struct BusTextTests {
  private static let buses = StatusSnapshot.troubled.buses

  @Test func aQuietBusIsShort() {
    #expect(
      BusText.of(.quiet(Self.buses[0]), .narrow) == """
        lan  modbus-tcp  ok
          3,600 requests, 2 errors

        LINE
          taken   42 %
          planned 40 %

        RESPONSES  half ≤2 ms, 99 % ≤2 ms
          ≤2 ms 3,598 ######################

        """)
  }

  @Test func aNoisyBusTellsWhatGoesWrong() {
    #expect(
      BusText.of(.noisy(Self.buses[1]), .narrow) == """
        old  modbus-rtu-tcp  critical
          1,234,567 requests, 98,765 errors
          last error: cannot connect to
          "192.0.2.11:4001": Connection refused

        LINE
          taken    97 %
          planned 130 %
          more is asked than the line allows: periods
          are longer

        ERRORS
          timeout  98,700
          checksum     65

        RESPONSES  half ≤20 ms, 99 % ≤20 ms
            ≤5 ms     120 #
           ≤10 ms  34,000 #
           ≤20 ms 999,999 ######################
           ≤50 ms      17 #
          ≤100 ms       0
          ≤200 ms       0
          ≤500 ms       1 #

        LAST BAD FRAMES
          21:00:57Z checksum, 9 bytes
            01 03 04 41 C8 00 00 6F F5
          21:01:00Z noise, 80 bytes
            FF FF FF FF FF FF FF FF FF FF FF FF FF FF
            FF FF FF FF FF FF FF FF FF FF FF FF FF FF
            FF FF FF FF FF FF FF FF FF FF FF FF FF FF
            FF FF FF FF FF FF FF FF FF FF FF FF FF FF
            FF FF FF FF FF FF FF FF …

        """)
  }

  @Test func sharesAreNeverRoundedToNothing() {
    #expect(
      [0, 0.0001, 0.005, 0.42, 1, 1.3].map(Quantities.percent) == [
        "0 %", "<1 %", "1 %", "42 %", "100 %", "130 %",
      ])
  }

  @Test(arguments: [40, 46, 60, 100])
  func noLineIsWiderThanTheTerminal(_ width: Int) {
    let terminal = Terminal(width: width, isColoured: false)
    var report = BusReport.noisy(Self.buses[1])
    report.bus.name = String(repeating: "b", count: 100)
    report.errorKinds[0].kind = String(repeating: "k", count: 100)
    report.responses = ResponseTimes(counts: Array(repeating: 999_999_999_999, count: 17))
    var chip = ChipReport.cabinet
    chip.path = String(repeating: "l", count: 100)
    chip.lines[0].point = String(repeating: "p", count: 100)
    for line in (BusText.of(report, terminal) + ChipText.of(chip, terminal)).split(separator: "\n") {
      #expect(line.count <= width, "\(line)")
      #expect(line.last != " ", "\(line)")
    }
  }

  @Test func whatComesFromElsewhereCannotSteerTheTerminal() throws {
    let attack = "\u{1B}]0;x\u{7}\u{9B}2J\r\n\u{202E}z"
    var report = BusReport.noisy(Self.buses[1])
    report.bus.name = attack
    report.bus.type = attack
    report.bus.lastError = attack
    report.errorKinds[0].kind = attack
    report.badFrames[0].kind = attack
    var chip = ChipReport.cabinet
    chip.path = attack
    (chip.lines[0].name, chip.lines[0].point, chip.lines[2].holder) = (attack, attack, attack)
    var found = try #require(FoundUnit(json: .object(["unit": .signed(1)])))
    (found.identity, found.device) = ([attack], attack)
    let text =
      BusText.of(report, .narrow) + ChipText.of(chip, .narrow) + ScanText.of(found, .narrow)
      + ScanText.end(.object(["trouble": .string(attack)]), .narrow)
    for scalar in text.unicodeScalars where scalar != "\n" {
      #expect(!(0..<0x20).contains(scalar.value) && !(0x7F..<0xA0).contains(scalar.value))
      #expect(scalar.value != 0x202E)
    }
  }
}

@Suite struct ChipTextTests {
  @Test func aChipsLinesSayWhoHoldsThemAndWhatIsReadThere() {
    #expect(
      ChipText.of(.cabinet, .narrow) == """
        /dev/gpiochip0  5 lines
           4 GPIO4   in low io.door 1
          17 GPIO17  in     io.rain 1
            the gateway does not hold its point's line
          42 ACT_LED out    ACT
          43 -       in     held
          44 -       in             0

        """)
  }
}

@Suite struct RegisterTextTests {
  private func text(_ content: RegisterReport.Content, at place: String = "input 40") throws -> String {
    RegisterText.of(try report(content, at: place), .narrow)
  }

  private func report(_ content: RegisterReport.Content, at place: String) throws -> RegisterReport {
    RegisterReport(bus: "lan", unit: 7, place: try #require(RegisterAddress(place)), content: content)
  }

  @Test func withATypeEveryOrderIsShownTheLikeliestFirst() throws {
    #expect(
      try text(.words([0xCCCD, 0x3DCC], as: .float32, nil)) == """
        lan  unit 7  input 40-41
          CCCD 3DCC
          CDAB        0.1 likeliest
          ABCD -107605600
          DCBA  -49755952
          BADC -429492128

        """)
  }

  @Test func aSingleShowsNoDigitsThatNobodySent() throws {
    #expect(
      try text(.words([0x199A, 0x4366], as: .float32, nil)) == """
        lan  unit 7  input 40-41
          199A 4366
          CDAB          230.1 likeliest
          DCBA  2.3092602e+23
          ABCD  1.5950449e-23
          BADC -3.1722265e-23

        """)
  }

  @Test func withAnOrderOneValueIsShown() throws {
    let order = ByteOrder(wordsReversed: false, bytesSwapped: false)
    #expect(
      try text(.words([0x41AC, 0], as: .float32, order)) == """
        lan  unit 7  input 40-41
          41AC 0000
          ABCD 21.5

        """)
  }

  @Test func nothingIsLikelierWhereAllOrdersSayTheSame() throws {
    #expect(!(try text(.words([0, 0], as: .uint32, nil)).contains("likeliest")))
    #expect(try text(.words([0xFFFF], as: .bcd16, nil)).contains("AB not a number"))
  }

  @Test func withoutATypeTheUsualReadingsAreShown() throws {
    #expect(
      try text(.words([0x41AC, 0], as: nil, nil), at: "30041") == """
        lan  unit 7  input 40-41
          40 41AC 0100 0001 1010 1100 16812
          41 0000 0000 0000 0000 0000     0

          uint16  AB   16812
          int16   AB   16812
          uint32  CDAB 16812
          int32   CDAB 16812
          float32 ABCD  21.5
          each in its likeliest order; with --type in
          every one

        """)
  }

  @Test func severalValuesAreJudgedTogether() throws {
    #expect(
      try text(.words([0x0001, 0, 0x0100, 0, 0xFFFF, 0], as: .uint32, nil), at: "holding 100") == """
        lan  unit 7  holding 100-105
          100 0001 0000     1
          102 0100 0000   256
          104 FFFF 0000 65535
          in order CDAB, the likeliest; --order asks
          for another

        """)
  }

  @Test func bitsAreListed() throws {
    #expect(
      try text(.bits([true, false, true]), at: "coil 3") == """
        lan  unit 7  coil 3-5
          3 1
          4 0
          5 1

        """)
  }

  @Test func programsGetEveryReading() throws {
    func json(_ content: RegisterReport.Content) throws -> String {
      String(decoding: try report(content, at: "holding 1").json, as: UTF8.self)
    }
    let start = #"{"bus":"lan","unit":7,"table":"holding","address":1,"#
    #expect(
      try json(.words([1, 258], as: .uint16, nil))
        == start + #""words":[1,258],"readings":[{"type":"uint16","order":"AB","values":[1,258]},"#
        + #"{"type":"uint16","order":"BA","values":[256,513]}]}"#)
    #expect(
      try json(.words([0x7FC0, 0], as: .float32, .bigEndian))
        == start + #""words":[32704,0],"readings":[{"type":"float32","order":"ABCD","values":[null]}]}"#)
    #expect(try json(.bits([true, false])) == start + #""bits":[true,false]}"#)
  }
}

@Suite struct ScanTextTests {
  private func text(_ json: String) throws -> String {
    ScanText.of(try #require(FoundUnit(json: try JSONValue(parsing: json))), .narrow)
  }

  @Test func aUnitSaysWhatItLooksLike() throws {
    let lines = [
      #"{"unit":1,"identity":["Eastron","SDM630","1.2"],"tables":[],"garbled":false,"device":"mains"}"#,
      #"{"unit":17,"identity":[],"tables":["input","holding"],"garbled":false}"#,
      #"{"unit":200,"identity":[],"tables":[],"exception":4,"garbled":false}"#,
      #"{"unit":201,"identity":[],"tables":[],"garbled":false}"#,
      #"{"unit":202,"identity":[],"tables":[],"garbled":true}"#,
    ]
    #expect(
      try lines.map(text).joined() == """
          1  Eastron SDM630 1.2 [mains]
         17  does not say what it is; has input,
             holding
        200  answers only device-failure (exception 4)
        201  does not say what it is
        202  answers garbage: are there two devices
             with this unit?

        """)
  }

  @Test func theEndCountsTheUnits() throws {
    let few = try JSONValue(parsing: #"{"asked":247,"total":247,"answering":1,"trouble":"no port"}"#)
    #expect(ScanText.end(few, .narrow) == "1 of 247 units answer\nlast trouble: no port\n")
    #expect(ScanText.progress(few) == "247 of 247 asked, 1 answers")
    let one = try JSONValue(parsing: #"{"asked":1,"total":1,"answering":0}"#)
    #expect(ScanText.end(one, .narrow) == "0 of 1 unit answers\n")
  }
}
