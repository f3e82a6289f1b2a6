import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// The technician's verbs against the real daemon and a simulated bus.
@Suite(.serialized) struct TechnicianTests {
  /// Three devices that are polled each `every`; more may be on the bus.
  private func start(every: String = "1s", _ devices: [FieldDevice] = Self.devices) throws -> Cabinet {
    let cabinet = try Cabinet(field: devices)
    try cabinet.writeUsualConfig(every: every)
    try cabinet.startAndWait()
    try cabinet.wait("all devices to be polled") {
      cabinet.status()?["devices"]?.array?.allSatisfy { $0["state"]?.string == "ok" } == true
    }
    return cabinet
  }

  private static let registers = [
    FieldRegister(.holding, 0, words: (0..<10).map { UInt16($0 * 7) }),
    // 230.1 as a float32 with its words exchanged, as half of the industry has it.
    FieldRegister(.input, 40, words: [0x199A, 0x4366]), FieldRegister(.coil, 3, words: [1]),
  ]

  private static let devices = [
    FieldDevice(units: [1], registers: registers, identity: ["Maker", "P-7", "1.0"]),
    FieldDevice(units: [2, 3], registers: registers),
    FieldDevice(units: [7, 19], registers: [FieldRegister(.input, 0, words: [42])], refusesGaps: true),
  ]

  /// The text without its lines and columns.
  private func words(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  @Test func aDeviceIsReadWhileItsBusIsPolled() throws {
    let cabinet = try start(every: "100ms")
    cabinet.field.forgetRecording()
    let before = try #require(cabinet.count("acquired"))
    for _ in 0..<10 {
      let read = try cabinet.control(["read", "lan", "2", "input 40", "--type", "float32"])
      #expect(words(read.output).contains("199A 4366 CDAB 230.1 likeliest "), "\(read.output)")
      #expect(read.code == 0)
    }
    let three = try cabinet.control(["read", "lan", "3", "40003", "--count", "3", "--json"])
    let json = try JSONValue(parsing: three.output)
    #expect(json["words"] == .array([.signed(14), .signed(21), .signed(28)]))
    #expect(try cabinet.control(["read", "lan", "1", "coil", "3"]).output == "lan  unit 1  coil 3\n  3 1\n")
    // Nobody's poll failed for it, and all go on.
    let bus = try #require(cabinet.status()?["buses"]?.array?.first)
    #expect(bus["errors"] == .signed(0), "\(bus)")
    #expect(bus["state"] == .string("ok"))
    try cabinet.wait("more polls") { cabinet.count("acquired").map { $0 > before + 90 } ?? false }
    #expect(try cabinet.stop() == 0)
  }

  @Test func whatADeviceDoesNotHaveIsSaid() throws {
    let cabinet = try start()
    let read = try cabinet.control(["read", "lan", "7", "input 5", "--count", "1"])
    #expect(
      read.output
        == "gatewayctl: cannot read input 5 of unit 7 on bus \"lan\": the device answers illegal-address "
        + "(exception 2)\n")
    #expect(read.code == 69)
    // A refusal to a technician is no error of the polls.
    #expect(cabinet.status()?["gateway"]?["state"] == .string("ok"))
    #expect(try cabinet.control(["read", "lna", "7", "input 5"]).code == 64)
    #expect(try cabinet.stop() == 0)
  }

  @Test func aScanFindsExactlyTheUnitsThatThereAre() throws {
    let cabinet = try start()
    let scan = try cabinet.control(["scan", "lan", "--to", "24", "--json"], timeout: .seconds(120))
    #expect(scan.code == 0)
    let replies = try scan.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    let found = replies.compactMap { $0["found"] }.sorted { $0.unit < $1.unit }
    #expect(found.map(\.unit) == [1, 2, 3, 7, 19], "\(scan.output)")
    #expect(found.map { $0["device"]?.string } == ["d1", "d2", "d3", nil, nil])
    // Who says what he is, is called by it.
    #expect(found.map { $0["identity"]?.array?.count } == [3, 0, 0, 0, 0], "\(scan.output)")
    #expect(found.first?["identity"] == .array([.string("Maker"), .string("P-7"), .string("1.0")]))
    #expect(replies.last?["answering"] == .signed(5))
    #expect(replies.last?["asked"] == .signed(24))
    // Who says nothing of himself shows his tables.
    for unit in found where unit["identity"] == .array([]) {
      #expect(unit["tables"]?.array?.contains(.string("input")) == true, "\(unit)")
    }
    #expect(cabinet.status()?["gateway"]?["state"] == .string("ok"))
    #expect(try cabinet.stop() == 0)
  }

  @Test func aScanDoesNotOutliveItsTechnician() throws {
    let cabinet = try start()
    let scan = try ChildProcess(
      try Cabinet.program("gatewayctl"), ["--socket", cabinet.socketPath, "scan", "lan"], mergesErrors: true)
    let before = try #require(cabinet.requests)
    try cabinet.wait("the scan to begin") { cabinet.requests.map { $0 > before } ?? false }
    scan.kill(SIGINT)
    #expect(scan.wait(timeout: .seconds(10)) != nil)
    // Four scans at once are the limit: were the first still there, the fourth of these would be refused.
    var scans: [ChildProcess] = []
    for _ in 0..<4 {
      scans.append(
        try ChildProcess(
          try Cabinet.program("gatewayctl"), ["--socket", cabinet.socketPath, "scan", "lan", "--to", "2"],
          mergesErrors: true))
    }
    for scan in scans {
      let output = scan.readAll(timeout: .seconds(60))
      #expect(output.hasSuffix("2 of 2 units answer\n"), "\(output)")
      scan.wait()
    }
    #expect(try cabinet.stop() == 0)
  }

  @Test func busSaysHowItIsDoing() throws {
    let cabinet = try start()
    try cabinet.wait("a dozen answers") { cabinet.requests.map { $0 >= 12 } ?? false }
    let bus = try cabinet.control(["bus", "lan", "--json"])
    let json = try JSONValue(parsing: bus.output)
    #expect(json["bus"]?["name"] == .string("lan"))
    let answers = json["responses"]?.array?.compactMap { $0["count"]?.unsignedInteger }.reduce(0, +) ?? 0
    #expect(answers >= 12)
    #expect(json["badFrames"] == .array([]))
    let text = try cabinet.control(["bus", "lan"])
    #expect(text.output.contains("\nRESPONSES  half ≤"), "\(text.output)")
    #expect(text.output.contains("\n  planned "), "\(text.output)")
    #expect(try cabinet.control(["bus", "lam"]).code == 64)
    #expect(try cabinet.stop() == 0)
  }

  @Test func anOverloadedBusSaysSo() throws {
    // Three reads of at least 40 ms each in 50 ms.
    let slow = FieldDevice(units: [1, 2, 3], registers: Self.registers, delay: .milliseconds(40))
    let cabinet = try start(every: "50ms", [slow])
    // What the reads take is measured while they are made.
    try cabinet.wait("the overload to be known") {
      cabinet.status()?["buses"]?.array?.first?["planned"]?.double.map { $0 >= 2 } ?? false
    }
    let status = try cabinet.control(["status"])
    let sentence = /bus lan: asks for (\d+) % of what the line allows: periods are (\d+\.\d) times as long/
    let match = try #require(try sentence.firstMatch(in: words(status.output)), "\(status.output)")
    #expect(Int(match.1).map { $0 >= 190 } == true)
    #expect(Double(match.2).map { $0 >= 1.9 } == true)
    #expect(status.code == 1)
    #expect(status.output.contains("of the line's time\n"), "\(status.output)")
    // Slower, and nobody starves.
    #expect(cabinet.status()?["devices"]?.array?.allSatisfy { $0["state"]?.string == "ok" } == true)
    #expect(try cabinet.stop() == 0)
  }

  @Test func aReloadAnswersWhatWaits() throws {
    // Nobody answers within this test.
    let silent = FieldDevice(units: [200], registers: Self.registers, delay: .seconds(60))
    let cabinet = try start(Self.devices + [silent])
    let scan = try ChildProcess(
      try Cabinet.program("gatewayctl"), ["--socket", cabinet.socketPath, "scan", "lan"], mergesErrors: true)
    let before = try #require(cabinet.requests)
    try cabinet.wait("the scan to begin") { cabinet.requests.map { $0 > before } ?? false }
    #expect(try cabinet.control(["reload"]).code == 0)
    let output = scan.readAll(timeout: .seconds(60))
    #expect(output.hasSuffix("gatewayctl: the bus was closed\n"), "\(output)")
    scan.wait()
    #expect(try cabinet.control(["read", "lan", "1", "holding", "1", "--count", "1"]).code == 0)
    #expect(try cabinet.stop() == 0)
  }

  @Test func aChipThatIsNotThereIsNamed() throws {
    let cabinet = try start()
    let chip = try cabinet.control(["gpio", "gpiochip4711"])
    #expect([64, 69].contains(chip.code))
    #expect(chip.output.hasPrefix("gatewayctl: "), "\(chip.output)")
    // Only chips are opened, whoever asks.
    #expect(try cabinet.control(["gpio", "/dev/null"]).code == 64)
    #expect(try cabinet.stop() == 0)
  }
}

extension JSONValue {
  fileprivate var unit: Int64 { self["unit"]?.integer ?? -1 }
}

extension Cabinet {
  fileprivate var requests: UInt64? { status()?["buses"]?.array?.first?["requests"]?.unsignedInteger }
}
