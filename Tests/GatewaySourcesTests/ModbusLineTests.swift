import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Synchronization
import Testing

@testable import GatewaySources

private func line(_ path: String, baud: Int = 921_600, timeout: Duration = .milliseconds(300)) -> BusConfig {
  BusConfig(name: "lan", link: .modbusRTU(SerialLine(device: path, baud: baud)), timeout: timeout)
}

/// The real source on the simulator's pseudo terminals.
@Suite final class ModbusLineTests {
  private let directory: String

  init() throws { directory = try TemporaryDirectory.make(prefix: "modbus-line") }

  deinit { TemporaryDirectory.remove(directory) }

  private func link(_ number: Int = 0) -> String { "\(directory)/tty\(number)" }

  private static func device(_ units: [UInt8] = [7]) -> FieldDevice {
    FieldDevice(
      units: units,
      registers: [
        FieldRegister(.coil, 3, words: [1, 0, 1]), FieldRegister(.discrete, 9, words: [1]),
        FieldRegister(.input, 0, words: [7400, 7401]), FieldRegister(.holding, 100, words: [0x1234, 0x5678]),
      ])
  }

  private static let tables = [
    point("coil", .coil, 3, .bool), point("discrete", .discrete, 9, .bool),
    point("input", .input, 1, .uint16), point("holding", .holding, 100, .uint32),
  ]

  @Test(arguments: [nil, 115_200, 9600] as [Int?])
  func allTablesAreReadOnALine(baud: Int?) throws {
    let pace = baud.flatMap { LinePace(baud: $0) }
    let field = try FieldSimulator(
      FieldDescription(servers: [
        FieldServer(.terminal(link: link()), pace: pace, devices: [Self.device()]),
        FieldServer(.rtuOverTCP(ListenAddress()), devices: [Self.device()]),
      ]))
    defer { field.stop() }
    let server = BusConfig(
      name: "lan",
      link: .modbusRTUOverTCP(host: "127.0.0.1", port: field.addresses[0].port, baud: 9600),
      timeout: .seconds(5))
    for bus in [line(link(), baud: baud ?? 921_600, timeout: .seconds(5)), server] {
      let bench = try Bench(bus, [DeviceConfig(name: "d", bus: "lan", unit: 7, points: Self.tables)])
      let values = bench.plan.requests.indices.flatMap { bench.poll($0) }.values
      #expect(values == [.unsigned(1), .unsigned(1), .unsigned(7401), .unsigned(0x1234_5678)])
      #expect(bench.errors == 0)
    }
  }

  @Test func theSilenceIsKeptBeforeEveryRequest() throws {
    let field = try FieldSimulator(
      FieldDescription(servers: [
        FieldServer(.terminal(link: link()), pace: LinePace(baud: 19_200), devices: [Self.device([7, 8])])
      ]))
    defer { field.stop() }
    let bench = try Bench(
      line(link(), baud: 19_200, timeout: .seconds(5)), [canopy(unit: 7), canopy("other", unit: 8)])
    for poll in 0..<100 { #expect(bench.poll(poll % 2).values == [.unsigned(7400), .unsigned(7401)]) }
    let stats = try #require(field.stats.servers.first)
    #expect(stats.requests == 100)
    #expect(stats.line.silenceViolations == 0)
  }

  @Test func anIllegalRegisterCostsItsNeighboursNothing() throws {
    var device = Self.device()
    device.registers = [
      FieldRegister(.input, 0, words: [10, 11, 12]), FieldRegister(.input, 4, words: [14, 15]),
    ]
    device.refusesGaps = true
    let field = try FieldSimulator(
      FieldDescription(servers: [FieldServer(.terminal(link: link()), devices: [device])]))
    defer { field.stop() }
    let points = (0..<6).map { point("p\($0)", .input, UInt16($0), .uint16) }
    let bench = try Bench(
      line(link()), [DeviceConfig(name: "d", bus: "lan", unit: 7, points: points)])
    for _ in 0..<3 {
      let readings = bench.poll(0)
      let right: [Value?] = [
        .unsigned(10), .unsigned(11), .unsigned(12), nil, .unsigned(14), .unsigned(15),
      ]
      #expect(readings.values == right)
      #expect(readings[3].reason == .illegalAddress)
    }
    let before = bench.requests
    _ = bench.poll(0)
    #expect(bench.requests == before + 2, "two reads around the illegal register")
  }

  @Test func anUnpluggedLineComesBackAsAnotherTerminal() throws {
    let field = try FieldSimulator(
      FieldDescription(servers: [FieldServer(.terminal(link: link()), devices: [Self.device()])]))
    defer { field.stop() }
    let bench = try Bench(line(link()))
    #expect(bench.poll().values == canopyValues())
    try field.set(FieldFault(.unplug), for: FaultTerm(duration: .milliseconds(300)))
    waitUntil { bench.poll().reasons == [.disconnected, .disconnected] }
    #expect(bench.poll().reasons == [.disconnected, .disconnected])
    waitUntil {
      nap(milliseconds: 50)
      return bench.poll().values == canopyValues()
    }
    #expect(bench.poll().values == canopyValues())
  }

  @Test func whatCannotBeOpenedSaysWhy() throws {
    let bench = try Bench(line("/dev/null"))
    #expect(bench.poll().reasons == [.disconnected, .disconnected])
    #expect(bench.meter.lastError?.hasPrefix("cannot open \"/dev/null\": ") == true)
    let missing = try Bench(line(link(9)))
    #expect(missing.poll().reasons == [.disconnected, .disconnected])
    #expect(missing.meter.lastError == "cannot open \"\(link(9))\": No such file or directory")
  }

  private static func word(_ line: Int, _ unit: Int, _ address: Int) -> UInt16 {
    UInt16(line << 12 | unit << 8 | address)
  }

  /// Words that say whose they are, on eight lines at once; of a hundred answers one is late, one foreign and one
  /// corrupt.
  @Test func noAnswerIsTakenForAnotherQuestions() throws {
    let lines = 8
    let field = try FieldSimulator(
      FieldDescription(
        servers: (0..<lines).map { line in
          FieldServer(
            .terminal(link: link(line)),
            devices: (1...4).map { unit in
              FieldDevice(
                units: [UInt8(unit)],
                registers: [0, 200].map { block in
                  FieldRegister(
                    .holding, UInt16(block), words: (block..<block + 4).map { Self.word(line, unit, $0) })
                })
            })
        }))
    defer { field.stop() }
    for late in [60, 130] {
      try field.set(FieldFault(.late(.milliseconds(late))), for: FaultTerm(share: 0.005))
    }
    for kind in [FieldFault.Kind.foreign, .corrupt] {
      try field.set(FieldFault(kind), for: FaultTerm(share: 0.01))
    }
    let devices = (1...4).map { unit in
      DeviceConfig(
        name: "d\(unit)", bus: "lan", unit: UInt8(unit), readsGaps: false,
        points: [0, 200].flatMap { block in
          (block..<block + 4).map { point("r\($0)", .holding, UInt16($0), .uint16) }
        })
    }
    let counts = Mutex((good: 0, wrong: 0))
    let links = (0..<lines).map { link($0) }
    try onThreads(lines) { line in
      let bus = GatewaySourcesTests.line(links[line], timeout: .milliseconds(40))
      guard let bench = try? Bench(bus, devices) else { return }
      var (good, wrong) = (0, 0)
      for poll in 0..<2500 {
        for reading in bench.poll(poll % 8) where reading.quality == .good {
          let place = Int(reading.point)
          let right = Self.word(line, place / 8 + 1, place % 8 / 4 * 200 + place % 4)
          good += 1
          if reading.value != .unsigned(UInt64(right)) { wrong += 1 }
        }
      }
      counts.withLock { $0 = ($0.good + good, $0.wrong + wrong) }
    }
    let result = counts.withLock { $0 }
    #expect(result.wrong == 0)
    #expect(result.good > 40_000, "of 80,000")
  }
}

/// One thread for each number below `count`; returns when all are done.
private func onThreads(_ count: Int, from first: Int = 0, _ body: @escaping @Sendable (Int) -> Void) throws {
  guard first < count else { return }
  let thread = try WorkerThread(name: "line \(first)") { body(first) }
  try onThreads(count, from: first + 1, body)
  thread.join()
}
