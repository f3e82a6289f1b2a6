import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// The whole road with the real programs: from the register to the platform's 2xx, and what goes wrong on it.
@Suite(.serialized) struct RoadTests {
  @Test func valuesArriveRightToTheLastBitForEveryTypeAndOrder() throws {
    // Worked out by hand; the words are what stands in the registers, from address 0.
    let table: [(layout: String, words: [UInt16], value: Value)] = [
      ("type: int16", [0xFF85], .signed(-123)),
      ("type: uint16", [0xFF85], .unsigned(65413)),
      ("type: int16, scale: 0.1", [0x00AD], .double(17.3)),
      ("type: int16, scale: 0.1", [0x0003], .double(0.3)),
      ("type: int16, scale: 0.1, offset: -40", [0x0190], .signed(0)),
      ("type: int8, byte: high", [0x80FF], .signed(-128)),
      ("type: uint8, byte: low", [0x80FF], .unsigned(255)),
      ("type: bool, bit: 3", [0x0008], .unsigned(1)),
      ("type: uint16, bits: 4-7", [0x0A50], .unsigned(5)),
      ("type: bcd16", [0x1234], .unsigned(1234)),
      ("type: int32", [0xFFFF, 0xFFFE], .signed(-2)),
      ("type: uint32, order: CDAB", [0x0001, 0x8000], .unsigned(2_147_483_649)),
      ("type: uint32, order: BADC", [0x3412, 0x7856], .unsigned(0x1234_5678)),
      ("type: uint32, order: DCBA", [0x7856, 0x3412], .unsigned(0x1234_5678)),
      ("type: float32", [0x41AC, 0x0000], .double(21.5)),
      ("type: float32, order: CDAB", [0xCCCD, 0x3DCC], .double(0.10000000149011612)),
      ("type: int64", [0x8000, 0, 0, 0], .signed(.min)),
      ("type: uint64", [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF], .unsigned(.max)),
      ("type: uint64, order: GHEFCDAB", [0x0001, 0, 0, 0x0020], .unsigned(9_007_199_254_740_993)),
      ("type: int64, order: HGFEDCBA", [0xFEFF, 0xFFFF, 0xFFFF, 0xFFFF], .signed(-2)),
      ("type: float64", [0x400C, 0xCCCC, 0xCCCC, 0xCCCD], .double(3.6)),
      ("type: float64, order: BADCFEHG", [0x0C40, 0xCCCC, 0xCCCC, 0xCDCC], .double(3.6)),
    ]
    var registers: [FieldRegister] = []
    var points: [String] = []
    for (index, row) in table.enumerated() {
      registers.append(FieldRegister(.input, UInt16(index * 4), words: row.words))
      points.append("      - {name: p\(index), at: input \(index * 4), \(row.layout), window: raw}")
    }
    registers.append(FieldRegister(.coil, 3, words: [1]))
    registers.append(FieldRegister(.discrete, 9, words: [0]))
    points.append("      - {name: coil, at: coil 3, window: raw}")
    points.append("      - {name: discrete, at: 10010, window: raw}")
    let cabinet = try Cabinet(devices: 1, registers: registers)
    try cabinet.write(
      config: """
        gateway: {id: values}
        store: {capacity: 16MiB, commit: 100ms}
        defaults: {every: 100ms}
        buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])"}]
        devices:
          - name: d
            bus: lan
            unit: 1
            points:
        \(points.joined(separator: "\n"))
        destinations: [{name: platform, url: "\(cabinet.platform.url)", batch: {linger: 20ms}}]
        """)
    try cabinet.startAndWait()
    try cabinet.wait("rows at the platform") { cabinet.platform.stats.unique > 60 }
    let stream = try #require(cabinet.platform.stats.streams.first?.stream)
    let rows = cabinet.platform.rows(of: stream)
    func values(_ name: String) throws -> Set<String> {
      Set(
        try rows.compactMap { row in
          let json = try JSONValue(parsing: row.text)
          guard json["point"]?.string == "d.\(name)" else { return nil }
          return "\(json["quality"]?.string ?? "") \(json["value"].map { text($0) } ?? "none")"
        })
    }
    for (index, row) in table.enumerated() {
      #expect(try values("p\(index)") == ["good \(text(row.value))"], "\(row.layout)")
    }
    #expect(try values("coil") == ["good 1"])
    #expect(try values("discrete") == ["good 0"])
    #expect(try cabinet.stop() == 0)
  }

  private func text(_ value: JSONValue) -> String {
    switch value {
    case .signed(let number): "\(number)"
    case .unsigned(let number): "\(number)"
    case .double(let number): "\(number)"
    default: "\(value)"
    }
  }

  /// Numbers that are whole come without a decimal point, whatever their type.
  private func text(_ value: Value) -> String {
    switch value {
    case .signed(let number): "\(number)"
    case .unsigned(let number): "\(number)"
    case .double(let number): "\(number)"
    }
  }

  @Test("fault 36, fault 42, fault 43, fault 45, fault 46, fault 47: neither rows nor memory are lost")
  func everyWayInWhichAPlatformFailsCostsNoRow() throws {
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig()
    try cabinet.startAndWait()
    let faults: [(PlatformFault, Duration)] = [
      (.status(503), .milliseconds(600)), (.status(429, retryAfter: "1"), .milliseconds(600)),
      (.status(200, contentType: "text/html", body: "<html>please log in</html>"), .milliseconds(600)),
      (.status(500), .milliseconds(400)), (.closeBefore, .milliseconds(600)),
      (.closeAfter, .milliseconds(600)),
      (.truncate, .milliseconds(600)), (.hang, .milliseconds(1500)), (.slow, .milliseconds(1500)),
      (.huge, .milliseconds(1500)), (.delay(.milliseconds(300)), .milliseconds(900)),
    ]
    for (fault, duration) in faults {
      cabinet.platform.set(fault)
      usleep(UInt32(duration.microseconds))
      cabinet.platform.clearFaults()
    }
    try cabinet.expectBooksToBalance()
    let resident = try #require(cabinet.gateway.flatMap { residentBytes($0.pid) })
    #expect(resident < 96 << 20, "an answer of 1 GB is not kept")
    #expect(cabinet.platform.stats.duplicates > 0, "the faults struck")
    #expect(try cabinet.stop() == 0)
  }

  private func residentBytes(_ pid: Int32) -> Int? {
    guard let bytes = try? readFile("/proc/\(pid)/statm") else { return nil }
    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    return words.count > 1 ? Int(words[1]).map { $0 * 4096 } : nil
  }

  @Test func aBusThatHangsDelaysNoOtherAndYieldsBadReadings() throws {
    let cabinet = try Cabinet()
    let silent = try FieldSimulator(
      FieldDescription(servers: [
        FieldServer(devices: [FieldDevice(units: [1], registers: [FieldRegister(.holding, 0, words: [1])])])
      ]))
    defer { silent.stop() }
    try silent.set(FieldFault(.silent))
    try cabinet.write(
      config: """
        gateway: {id: two-buses}
        store: {capacity: 16MiB, commit: 100ms}
        defaults: {every: 50ms, window: raw}
        buses:
          - {name: good, type: modbus-tcp, address: "\(cabinet.field.addresses[0])"}
          - {name: hangs, type: modbus-tcp, address: "\(silent.addresses[0])", timeout: 2s}
          - {name: refuses, type: modbus-tcp, address: "127.0.0.1:1"}
        devices:
          - {name: a, bus: good, unit: 1, points: [{name: x, at: holding 0, type: uint16}]}
          - {name: b, bus: hangs, unit: 1, points: [{name: x, at: holding 0, type: uint16}]}
          - {name: c, bus: refuses, unit: 1, points: [{name: x, at: holding 0, type: uint16}]}
        destinations: [{name: platform, url: "\(cabinet.platform.url)", batch: {linger: 20ms}}]
        """)
    try cabinet.startAndWait()
    try cabinet.wait("readings of all three") {
      let points = cabinet.status()?["points"]?.array ?? []
      return points.count == 3 && points.allSatisfy { $0["time"]?.string != nil }
    }
    let before = try #require(requests(cabinet, "good"))
    sleep(2)
    let after = try #require(requests(cabinet, "good"))
    // 40 polls are due; the other bus blocks for all of the time.
    #expect(after - before >= 30)
    let status = try #require(cabinet.status())
    let points = try #require(status["points"]?.array)
    #expect(points.map { $0["quality"]?.string } == ["good", "bad", "bad"])
    #expect(points[1]["reason"]?.string == "timeout")
    #expect(points[2]["reason"]?.string == "disconnected")
    #expect(status["gateway"]?["state"]?.string == "warning")
    #expect(try cabinet.control(["status"]).code == 1)
    #expect(try cabinet.stop() == 0)
  }

  private func requests(_ cabinet: Cabinet, _ bus: String) -> UInt64? {
    cabinet.status()?["buses"]?.array?.first { $0["name"]?.string == bus }?["requests"]?.unsignedInteger
  }

  @Test func devicesThatAnswerWronglyYieldBadReadingsAndRecover() throws {
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig()
    try cabinet.startAndWait()
    for kind in [FieldFault.Kind.garbage, .short, .exception(2), .wrongTransaction, .close] {
      try cabinet.field.set(FieldFault(kind))
      try cabinet.wait("bad readings under \(kind)") { qualities(cabinet).contains("bad") }
      try cabinet.field.clearFaults()
      try cabinet.wait("good readings after \(kind)") { qualities(cabinet) == ["good"] }
    }
    try cabinet.expectBooksToBalance()
    #expect(try cabinet.stop() == 0)
  }

  private func qualities(_ cabinet: Cabinet) -> Set<String> {
    Set((cabinet.status()?["points"]?.array ?? []).compactMap { $0["quality"]?.string })
  }

  @Test("fault 33: the books balance at every instant of an outage")
  func theBooksBalanceAtEveryInstantOfAnOutage() throws {
    let cabinet = try Cabinet()
    try cabinet.platform.goDown()
    try cabinet.writeUsualConfig(every: "10ms")
    try cabinet.startAndWait()
    for _ in 0..<20 {
      let books = try #require(cabinet.status()?["accounting"])
      func number(_ key: String) -> UInt64 { books[key]?.unsignedInteger ?? .max }
      #expect(
        number("stored") == number("delivered") + number("queued") + number("evicted") + number("quarantined")
      )
      usleep(50_000)
    }
    #expect(try cabinet.stop() == 0)
  }

  @Test func windowsGoOnAcrossAKillWithTheTrueCount() throws {
    let cabinet = try Cabinet(devices: 1)
    try cabinet.write(
      config: """
        gateway: {id: windows}
        store: {capacity: 16MiB, commit: 100ms}
        buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])"}]
        devices:
          - {name: d, bus: lan, unit: 1, every: 50ms, window: 10s, functions: [count, sum], points: [{name: x, at: holding 1, type: uint16}]}
        destinations: [{name: platform, url: "\(cabinet.platform.url)", batch: {linger: 20ms}}]
        """)
    try cabinet.startAndWait()
    // Into the middle of a window.
    while SystemClock.time.microseconds / 1_000_000 % 10 != 3 { usleep(20_000) }
    let before = cabinet.platform.stats.unique
    sleep(3)
    cabinet.killHard()
    sleep(1)
    try cabinet.startAndWait()
    try cabinet.wait("the window's row") { cabinet.platform.stats.unique > before }
    let stream = try #require(cabinet.platform.stats.streams.first?.stream)
    let row = try JSONValue(parsing: try #require(cabinet.platform.rows(of: stream).last).text)
    // 200 polls fit the window; the dead second costs twenty; after it at most 60 more fit.
    let count = try #require(row["count"]?.unsignedInteger)
    #expect(count > 90)
    #expect(count < 190)
    #expect(row["sum"]?.unsignedInteger == count * 7)
    #expect(row["partial"]?.bool == true)
    #expect(try cabinet.stop() == 0)
  }

  @Test func aReloadLosesNothingAndABrokenFileChangesNothing() throws {
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig()
    try cabinet.startAndWait()
    try cabinet.wait("rows") { (cabinet.count("stored") ?? 0) > 20 }
    try cabinet.write(config: "gateway: {id: Test}\nbusses: []\n")
    let refused = try cabinet.control(["reload"])
    #expect(refused.code == 78)
    #expect(refused.output.contains("gateway.yaml:2:1: "), "\(refused.output)")
    #expect(cabinet.status()?["gateway"]?["id"]?.string == "test-cabinet")
    try cabinet.writeUsualConfig(every: "30ms")
    #expect(try cabinet.control(["reload"]).code == 0)
    let acquired = try #require(cabinet.count("acquired"))
    try cabinet.wait("readings after the reload") { (cabinet.count("acquired") ?? 0) > acquired + 50 }
    try cabinet.expectBooksToBalance()
    #expect(try cabinet.stop() == 0)
  }

  @Test func theExitCodesAreThoseOfTheContract() throws {
    let cabinet = try Cabinet()
    let program = try Cabinet.program("gatewayd")
    func run(_ arguments: [String]) throws -> (Int32, String) {
      let process = try ChildProcess(program, arguments, mergesErrors: true)
      let output = process.readAll(timeout: .seconds(10))
      return (process.wait().status, output)
    }
    #expect(try run(["--nonsense"]).0 == 64)
    try cabinet.write(config: "gateway: {id: UPPER}\n")
    let wrong = try run(["--config", cabinet.configPath, "--check"])
    #expect(wrong.0 == 78)
    #expect(wrong.1.contains("\(cabinet.configPath):1:15: "), "\(wrong.1)")
    try cabinet.writeUsualConfig()
    #expect(try run(["--config", cabinet.configPath, "--check"]).0 == 0)
    #expect(try run(["--config", cabinet.configPath, "--state", cabinet.configPath + "/state"]).0 == 73)
    try cabinet.startAndWait()
    let second = try run([
      "--config", cabinet.configPath, "--state", cabinet.statePath, "--socket", cabinet.directory + "/2.sock",
    ])
    #expect(second.0 == 75)
    #expect(try cabinet.control(["status"]).code == 0)
    #expect(try cabinet.stop() == 0)
    #expect(try cabinet.control(["status"]).code == 3)
  }
}
