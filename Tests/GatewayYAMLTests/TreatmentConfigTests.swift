internal import GatewayCore
internal import GatewayYAML
internal import Testing

/// `qc`, `counter`, `max-rate`, `report` and `heartbeat`, in files that are right; those that are wrong are
/// `Fixtures/treatment.yaml`.
@Suite struct TreatmentConfigTests {
  private func point(_ keys: String) throws -> PointConfig {
    let text = """
      gateway: {id: x}
      defaults: {every: 1s}
      buses: [{name: lan, type: modbus-tcp, address: h}]
      devices: [{name: d, bus: lan, points: [{name: p, at: input 1, \(keys)}]}]
      """
    let config = try ConfigFile.check(Array(text.utf8), file: "test.yaml")
    return try #require(config.devices.first?.points.first)
  }

  @Test func allTestsOfQualityAreRead() throws {
    let point = try point(
      """
      type: int16, qc: {range: [-40, 85], suspect: [-20, 60.5], rate: 5/min, spike: [2, 4], \
      flat: {within: 0.1, for: [30m, 2h]}, attenuated: {std: [0.5, 0.1], over: 12h}}
      """)
    var tests = QualityTests()
    tests.range = .init(suspect: .init(least: -20, most: 60.5), bad: .init(least: -40, most: 85))
    tests.rate = 5.0 / 60
    tests.spike = .init(suspect: 2, bad: 4)
    tests.flat = .init(tolerance: 0.1, times: .init(suspect: 1_800_000_000, bad: 7_200_000_000))
    tests.attenuation = .init(
      usesRange: false, limits: .init(suspect: 0.5, bad: 0.1), period: 43_200_000_000)
    #expect(point.treatment.tests == tests)
  }

  @Test func oneLimitIsWhereAReadingIsSuspect() throws {
    let point = try point(
      "type: int16, qc: {suspect: [0, 1], rate: 36/h, spike: 2, flat: {within: 1, for: 1h},"
        + " attenuated: {range: 3, over: 2s}}")
    var tests = QualityTests()
    tests.range = .init(suspect: .init(least: 0, most: 1), bad: nil)
    tests.rate = 0.01
    tests.spike = .init(suspect: 2, bad: nil)
    tests.flat = .init(tolerance: 1, times: .init(suspect: 3_600_000_000, bad: nil))
    tests.attenuation = .init(usesRange: true, limits: .init(suspect: 3, bad: nil), period: 2_000_000)
    #expect(point.treatment.tests == tests)
    #expect(try self.point("type: int16").treatment.tests.isEmpty)
  }

  @Test(
    arguments: [
      ("type: uint32, counter: {bits: 32}", 0x1p32, nil), ("type: uint16, counter: {bits: 16}", 65_536, nil),
      ("type: uint32, scale: 0.01, counter: {bits: 32}, max-rate: 6/min", 42_949_672.96, 0.1),
      ("type: uint64, counter: {bits: 64}", 0x1p64, nil),
      ("type: uint32, counter: {modulus: 100000}", 100_000, nil),
      ("type: uint32, scale: 0.01, counter: {modulus: 42949672.96}", 42_949_672.96, nil),
      ("type: uint32, counter: {bits: 24}", 0x1p24, nil), ("type: float32, counter: {bits: 32}", 0x1p32, nil),
      ("type: bcd16, counter: {modulus: 10000}", 10_000, nil),
      ("type: float32, max-rate: 5/s", nil, 5), ("type: float32, counter: {}", nil, nil),
    ] as [(String, Double?, Double?)])
  func aCounterWrapsInThePointsUnit(keys: String, modulus: Double?, rate: Double?) throws {
    let counter = try #require(try point("kind: counter, \(keys)").treatment.counter)
    #expect(counter == CounterConfig(modulus: modulus, maximumRate: rate))
  }

  @Test(
    arguments: [
      ("uint32", nil), ("uint32, scale: 0.01", 0.01), ("uint32, scale: 0.3", 0.1),
      ("float32, scale: 0.001", nil),
      ("uint32, scale: 10", 1), ("int32, scale: 0.25, offset: 0.1", 0.05),
    ] as [(String, Double?)])
  func countsAreWholeMultiplesOfTheScale(type: String, quantum: Double?) throws {
    #expect(try point("type: \(type)").quantum == quantum)
  }

  @Test func aReportNamesItsChangeAndHeartbeat() throws {
    func report(_ keys: String) throws -> ReportConfig? {
      try point("type: int16, window: raw, \(keys)").treatment.report
    }
    #expect(
      try report("report: {change: 0.5}, heartbeat: 10m")
        == ReportConfig(change: .absolute(0.5), heartbeat: 600_000_000))
    #expect(try report("report: {percent: 2}") == ReportConfig(change: .relative(0.02)))
    #expect(try report("report: {on: change}") == ReportConfig(change: .any))
    #expect(try report("every: 1s") == nil)
  }
}
