import GatewayCore
import Testing

@testable import GatewayControl

@Suite struct StatusTextTests {
  private static let wide = Terminal(width: 100, isColoured: false)

  @Test func aCalmCabinetFitsAPhone() {
    #expect(
      StatusText.of(.calm, .narrow) == """
        OK  cabinet-0417  up 1h00

        BUSES
          lan ok 3,600 req 2 err

        DEVICES  1 of 1 ok
          canopy ok

        POINTS
          canopy.temperature 17.3 °C 3s

        BOOKS
          acquired    7,200
          ring drops      0
          stored      3,720
          delivered   3,700
          queued         20
          evicted         0
          quarantined     0

        STORE  8 KiB of 256 MiB
          oldest row waits for 1m
          60 commits, 240 KiB written

        DESTINATIONS
          platform ok 20 queued
            last success: 2s ago

        """)
  }

  @Test func whereThereIsMuchOnlyWhatIsNotWellHasALine() {
    var snapshot = StatusSnapshot.calm
    let (bus, point) = (snapshot.buses[0], snapshot.points[0])
    snapshot.buses = (0..<100).map { number in
      var one = bus
      one.name = "bus\(number)"
      if number == 42 { one.state = .warning }
      return one
    }
    snapshot.points = (0..<2000).map { number in
      var one = point
      one.name = "device.p\(number)"
      if number == 1700 { (one.quality, one.reason, one.value) = (.bad, .timeout, nil) }
      return one
    }
    let lines = StatusText.of(snapshot, .narrow).split(separator: "\n")
    #expect(lines.count < 40)
    #expect(lines.contains("BUSES  99 of 100 ok"))
    #expect(lines.contains("POINTS  1999 of 2000 good; \"sensors\" lists all"))
    #expect(lines.filter { $0.contains("bus42 ") }.count == 1 && !lines.contains { $0.contains("bus41") })
    #expect(lines.filter { $0.contains("device.p1700") }.count == 1)
  }

  @Test func aTroubledCabinetSaysFirstWhatIsWrong() {
    #expect(
      StatusText.of(.troubled, .narrow) == """
        CRITICAL  cabinet-0417  up 1h00
        ! device "old-weather-station" does not answer
          since 21:00
        ! destination "platform" cannot be reached
        ! the clock is not synchronized

        BUSES
          lan ok           3,600 req      2 err
          old critical 1,234,567 req 98,765 err
            asks for 130 % of the line's time
            last error: cannot connect to
            "192.0.2.11:4001": Connection refused

        DEVICES  10 of 11 ok
          old-weather-station failed

        POINTS
          canopy.temperature          17.3 °C       3s
          canopy.energy          123456789 kWh      2m
          canopy.no2                  21.4 µg/m³  1h06
          old-weather-station.w…         - m/s   3d11h
            bad timeout
          mains.state                    -           -

        BOOKS
          acquired             7,200
          ring drops               3
          stored           1,003,720
          delivered            3,700
          queued                  20
          evicted          1,000,000
          of which damaged        17
          of which thinned   123,456
          quarantined              0

        STORE  8 KiB of 256 MiB
          cannot write to the store: No space left on
          device
          oldest row waits for 1m
          60 commits, 240 KiB written

        DESTINATIONS
          platform critical 20 queued
            last success: never
            last error: HTTP 503
            the platform's certificate expires soon
            next try in 42s

        """)
  }

  @Test("fault 18: for an hour the status says that the clock was set, which way and by how much")
  func aStepOfTheClock() throws {
    var snapshot = StatusSnapshot.calm
    func remark(_ seconds: Double, minutesAgo: Int64) throws -> Bool {
      snapshot.clockChanges = StatusSnapshot.ClockChanges(
        steps: 1, lastStep: seconds, lastStepAt: snapshot.now.advanced(by: .seconds(-60 * minutesAgo)))
      let read = try #require(
        StatusSnapshot(json: JSONValue(parsing: snapshot.json), now: snapshot.now))
      #expect(read == snapshot)
      let direction = seconds < 0 ? "back" : "forward"
      return StatusText.of(read, Self.wide)
        .contains("! the clock was set \(direction) by 1h00, \(minutesAgo)m ago")
    }
    #expect(try remark(-3600, minutesAgo: 5))
    #expect(try remark(3600, minutesAgo: 59))
    #expect(try !remark(3600, minutesAgo: 60))
    #expect(try !remark(3600, minutesAgo: -1))
  }

  @Test func aWideTerminalShowsWholeNames() {
    #expect(
      StatusText.of(.troubled, Self.wide) == """
        CRITICAL  cabinet-0417  up 1h00
        ! device "old-weather-station" does not answer since 21:00
        ! destination "platform" cannot be reached
        ! the clock is not synchronized

        BUSES
          lan modbus-tcp     ok           3,600 req      2 err
          old modbus-rtu-tcp critical 1,234,567 req 98,765 err
            asks for 130 % of the line's time
            last error: cannot connect to "192.0.2.11:4001": Connection refused

        DEVICES  10 of 11 ok
          old-weather-station failed

        POINTS
          canopy.temperature                        17.3 °C       3s
          canopy.energy                        123456789 kWh      2m
          canopy.no2                                21.4 µg/m³  1h06
          old-weather-station.wind-speed-gusts         - m/s   3d11h bad timeout
          mains.state                                  -           -

        BOOKS
          acquired             7,200
          ring drops               3
          stored           1,003,720
          delivered            3,700
          queued                  20
          evicted          1,000,000
          of which damaged        17
          of which thinned   123,456
          quarantined              0

        STORE  8 KiB of 256 MiB
          cannot write to the store: No space left on device
          oldest row waits for 1m
          60 commits, 240 KiB written

        DESTINATIONS
          platform critical 20 queued
            last success: never
            last error: HTTP 503
            the platform's certificate expires soon
            next try in 42s

        """)
  }

  @Test(arguments: [40, 46, 60, 100])
  func noLineIsWiderThanTheTerminal(_ width: Int) {
    var snapshot = StatusSnapshot.troubled
    snapshot.id = String(repeating: "cabinet-", count: 20)
    snapshot.points[0].value = .unsigned(.max)
    snapshot.points[0].unit = String(repeating: "U", count: 30)
    snapshot.buses[0].name = String(repeating: "b", count: 100)
    snapshot.accounting.acquired = .max
    snapshot.destinations[0].lastError = String(repeating: "wörd", count: 60)
    for line in StatusText.of(snapshot, Terminal(width: width, isColoured: false)).split(separator: "\n") {
      #expect(line.count <= width, "\(line)")
      #expect(line.last != " ", "\(line)")
    }
  }

  @Test func colourIsOnlyAddedNeverNeeded() {
    let coloured = StatusText.of(.troubled, Terminal(width: 46, isColoured: true))
    var stripped = ""
    var isEscape = false
    for character in coloured {
      if character == "\u{1B}" { isEscape = true }
      if !isEscape { stripped.append(character) }
      if isEscape && character == "m" { isEscape = false }
    }
    #expect(coloured.contains("\u{1B}[1;31mCRITICAL\u{1B}[0m"))
    #expect(stripped == StatusText.of(.troubled, .narrow))
  }

  @Test func whatComesFromElsewhereCannotSteerTheTerminal() {
    var snapshot = StatusSnapshot.troubled
    let attack = "\u{1B}]0;x\u{7}\u{9B}2J\r\n\u{202E}z"
    snapshot.id = attack
    snapshot.reasons = [attack]
    snapshot.buses[0].name = attack
    snapshot.buses[0].lastError = attack
    snapshot.devices[0].state = attack
    snapshot.points[0].name = attack
    snapshot.points[0].unit = attack
    snapshot.store.fault = attack
    snapshot.destinations[0].lastError = attack
    var text = StatusText.of(snapshot, .narrow)
    text += SensorsText.of(snapshot.points, at: .nine, .narrow)
    text += snapshot.points.map { ReadingText.of($0, .narrow) }.joined()
    for scalar in text.unicodeScalars where scalar != "\n" {
      #expect(!(0..<0x20).contains(scalar.value) && !(0x7F..<0xA0).contains(scalar.value))
      #expect(scalar.value != 0x202E)
    }
  }

  @Test func aLineWithHardlyAnyTimeLeftIsNamed() {
    var snapshot = StatusSnapshot.calm
    snapshot.buses[0].utilisation = 0.801
    #expect(StatusText.of(snapshot, .narrow).contains("\n    the line is taken 80 % of the time\n"))
    snapshot.buses[0].utilisation = 0.8
    #expect(!StatusText.of(snapshot, .narrow).contains("the line"))
    snapshot.buses[0].planned = 1.0
    #expect(!StatusText.of(snapshot, .narrow).contains("the line"))
    snapshot.buses[0].planned = 1.001
    #expect(StatusText.of(snapshot, .narrow).contains("the line"))
  }

  @Test func booksThatDoNotBalanceAreNamed() {
    var snapshot = StatusSnapshot.calm
    snapshot.accounting.delivered -= 1
    #expect(StatusText.of(snapshot, .narrow).contains("! the books do not balance\n"))
    #expect(!StatusText.of(.calm, .narrow).contains("balance"))
  }

  @Test func sensorsAreGroupedByDevice() {
    #expect(
      SensorsText.of(StatusSnapshot.troubled.points, at: .nine, .narrow) == """
        canopy
          temperature      17.3 °C      3s
          energy      123456789 kWh     2m
          no2              21.4 µg/m³ 1h06
        old-weather-station
          wind-speed-gusts - m/s 3d11h
            bad timeout
        mains
          state - -

        """)
  }

  @Test func aReadingIsOneLine() {
    let lines = StatusSnapshot.troubled.points.map { ReadingText.of($0, .narrow) }
    #expect(
      lines == [
        "21:00:57Z canopy.temperature 17.3 °C\n", "20:58:55Z canopy.energy 123456789 kWh\n",
        "19:54:20Z canopy.no2 21.4 µg/m³\n",
        "09:41:00Z old-weather-station.wind-speed-gusts - m/s bad timeout\n", "mains.state -\n",
      ])
  }

  @Test func stateIsTheExitCodeOfMonitoringPlugins() {
    #expect([StatusSnapshot.State.ok, .warning, .critical].map(\.exitCode) == [0, 1, 2])
  }
}

@Suite struct QuantitiesTests {
  @Test(
    arguments: [
      (0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h00"), (3900, "1h05"), (86_399, "23h59"),
      (86_400, "1d00h"), (275_000, "3d04h"), (-5, "0s"), (Double.infinity, "11574074d01h"),
    ] as [(Double, String)])
  func agesAreShort(_ seconds: Double, _ text: String) {
    #expect(Quantities.age(seconds) == text)
  }

  @Test(
    arguments: [
      (17.3, "17.3"), (-0.5, "-0.5"), (21.399999618530273, "21.4"), (0.30000000000000004, "0.3"),
      (123456.78, "123456.78"), (1e20, "1e+20"), (3, "3"), (0.001234567891234, "0.001234568"),
      (-123456.7812345678, "-123456.8"), (1_234_567_890.123456, "1234567890"), (0, "0"),
    ] as [(Double, String)])
  func numbersAreAsLongAsTheyMustBe(_ number: Double, _ text: String) {
    #expect(Quantities.text(.double(number)) == text)
  }

  @Test func integersKeepEachDigit() {
    #expect(Quantities.text(.unsigned(.max)) == "18446744073709551615")
    #expect(Quantities.text(.signed(.min)) == "-9223372036854775808")
    #expect(Quantities.text(.double(.nan)) == "nan")
  }

  @Test func countsAreGroupedInThrees() {
    #expect(
      [0, 7, 999, 1000, 7200, 123_456, 1_234_567].map { Quantities.grouped($0) } == [
        "0", "7", "999", "1,000", "7,200", "123,456", "1,234,567",
      ])
    #expect(Quantities.grouped(.max) == "18,446,744,073,709,551,615")
  }

  @Test func sizesAreRoundedDown() {
    #expect(
      [0, 1023, 1024, 1535, 1536, 8192, 268_435_456, 268_435_455].map { Quantities.size($0) } == [
        "0 B", "1023 B", "1 KiB", "1.4 KiB", "1.5 KiB", "8 KiB", "256 MiB", "255 MiB",
      ])
    #expect(Quantities.size(.max) == "16777215 TiB")
  }

  @Test func unitsAreShownAsTheirSymbols() {
    #expect(
      ["CEL", "KWH", "GQ", "P1", "A97", "XYZ"].map(Quantities.symbol) == [
        "°C", "kWh", "µg/m³", "%", "hPa", "XYZ",
      ])
  }
}
