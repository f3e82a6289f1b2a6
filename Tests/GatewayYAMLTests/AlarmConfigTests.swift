import GatewayCore
import GatewayYAML
import Testing

/// What the keys of an alarm mean; `Fixtures/alarms.yaml` has the mistakes.
@Suite struct AlarmConfigTests {
  private func config(_ points: String) throws -> GatewayConfig {
    let text = """
      gateway: {id: x}
      buses: [{name: lan, type: modbus-tcp, address: h}]
      devices:
        - {name: first, bus: lan, points: [{name: p, at: coil 0}]}
        - {name: io, bus: lan, points: [\(points)]}
      destinations: []
      """
    return try ConfigFile.check(Array(text.utf8), file: "test.yaml")
  }

  private func alarms(_ keys: String) throws -> [AlarmConfig] {
    try config("{name: door, at: coil 1, \(keys)}").devices[1].points[0].treatment.alarms
  }

  @Test func theContractsAlarmHasItsConditionsName() throws {
    #expect(try alarms("alarm: {equals: 1}") == [AlarmConfig(name: "equals", condition: .equals(1))])
    #expect(try alarms("window: raw") == [])
    #expect(try alarms("alarms: []") == [])
  }

  @Test func everyConditionIsReadWithItsDelayAndHysteresis() throws {
    let list = try alarms(
      "alarms: [{name: high, above: 60.5, for: 30s, hysteresis: 2}, {below: -1e1}, {stale: 10m}, {rate: 6/min},"
        + " {name: fast, rate: 7.2/h, hysteresis: 0.001}]")
    #expect(
      list == [
        AlarmConfig(name: "high", condition: .above(60.5), delay: 30_000_000, hysteresis: 2),
        AlarmConfig(name: "below", condition: .below(-10)),
        AlarmConfig(name: "stale", condition: .stale(600_000_000)),
        AlarmConfig(name: "rate", condition: .rate(0.1)),
        AlarmConfig(name: "fast", condition: .rate(0.002), hysteresis: 0.001),
      ])
  }

  @Test func anAlarmKnowsItsPointInTheCatalogue() throws {
    let config = try config(
      "{name: a, at: coil 1}, {name: b, at: coil 2, unit: C62, alarms: [{equals: 1}, {stale: 5s}]}")
    #expect(config.hasAlarms)
    #expect(config.alarms.map(\.point) == [2, 2])
    #expect(config.catalogue[2].name == "io.b")
    #expect(
      config.alarms[1].description
        == PointDescription(
          name: "io.b", unit: "C62", kind: .alarm, window: .raw, functions: [], alarm: "stale"))
    #expect(try !self.config("{name: a, at: coil 1}").hasAlarms)
  }

  @Test func aThousandAlarmsArePossibleAndNoMore() throws {
    func points(_ count: Int) -> String {
      (0..<count).map { "{name: p\($0), at: coil \($0), alarm: {equals: 1}}" }.joined(separator: ", ")
    }
    #expect(try config(points(1000)).alarms.count == 1000)
    do {
      _ = try config(points(1001))
      Issue.record("1001 alarms were taken")
    } catch let problems as ConfigProblems {
      #expect(
        problems.list.map(\.sentence) == [
          "there are 1001 alarms, described in 19916 bytes, up to this device; 1000 alarms and 65536 bytes are"
            + " possible"
        ])
    }
  }
}
