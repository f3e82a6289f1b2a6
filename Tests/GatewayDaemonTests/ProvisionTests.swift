import GatewayCore
import GatewaySimulator
import Testing

/// `gatewayctl provision` with the real programs, and the rows' road behind it.
@Suite(.serialized) struct ProvisionTests {
  private func write(
    _ cabinet: Cabinet, _ server: SensorThingsSimulator, every: String, alarm: String = ""
  ) throws {
    try cabinet.write(
      config: """
        gateway: {id: test-cabinet, location: {longitude: 2.1734, latitude: 41.3851}}
        store: {capacity: 16MiB, commit: 100ms}
        defaults: {every: \(every), window: raw}
        buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])"}]
        devices:
          - name: canopy
            bus: lan
            unit: 1
            points:
              - {name: no2, at: holding 0, type: uint16, unit: GQ\(alarm)}
              - {name: energy, at: holding 1, type: uint32, unit: KWH, kind: counter, window: 1s}
        destinations:
          - name: frost
            url: "\(server.url)/"
            format: sensorthings
            sensorthings: {failed: send}
            batch: {linger: 20ms}
            timeout: 2s
            retry: {initial: 100ms, max: 300ms}
        """)
  }

  private func numbers(_ server: SensorThingsSimulator) -> [UInt64] {
    server.observations.compactMap { $0.recordID.split(separator: "-").last.flatMap { UInt64($0) } }.sorted()
  }

  private func lastError(_ cabinet: Cabinet) -> String? {
    cabinet.status()?["destinations"]?.array?.first?["lastError"]?.string
  }

  @Test func rowsWaitForProvisioningAndArriveOnce() throws {
    let cabinet = try Cabinet()
    let server = try SensorThingsSimulator(listen: ListenAddress(port: .random(in: 20_000..<32_000)))
    defer { server.stop() }
    try write(cabinet, server, every: "50ms")
    try cabinet.startAndWait()
    try cabinet.wait("the alarm") {
      lastError(cabinet)?.contains("run gatewayctl provision frost") == true
    }
    #expect(try cabinet.control(["status"]).code == 2)
    #expect(server.posts == 0)
    let wrong = try cabinet.control(["provision", "forst"])
    #expect(wrong.code == 64 && wrong.output.contains("frost"), "\(wrong.output)")
    let first = try cabinet.control(["provision", "frost"])
    // A Thing, a Sensor, two ObservedProperties, two Datastreams.
    #expect(
      first.code == 0 && first.output == "2 Datastreams are known; 6 entities were made\n", "\(first.output)")
    // A preview knows the Datastreams too.
    let preview = try cabinet.control(["preview", "frost"])
    #expect(
      preview.code == 0 && preview.output.contains(#"[{"Datastream":{"@iot.id":"#), "\(preview.output)")
    let again = try cabinet.control(["provision", "frost", "--json"])
    #expect(again.code == 0 && again.output == #"{"created":0,"datastreams":2}"# + "\n", "\(again.output)")
    // Answers are lost, and the daemon is killed in the middle.
    server.set(.closeAfter, for: FaultTerm(share: 0.3))
    for life in 1...3 {
      let before = server.observations.count
      try cabinet.wait("rows in life \(life)") { server.observations.count > before + 30 }
      cabinet.killHard()
      try cabinet.startAndWait()
    }
    server.clearFaults()
    _ = try cabinet.stop()
    try write(cabinet, server, every: "1h")
    try cabinet.startAndWait()
    var stored: UInt64 = 0
    try cabinet.wait("the queue to be empty", within: .seconds(60)) {
      stored = cabinet.count("stored") ?? 0
      return cabinet.count("queued") == 0 && cabinet.count("stored") == stored && stored > 0
    }
    #expect(numbers(server) == Array(1...stored))
    #expect(server.count("Datastreams") == 2 && server.count("Things") == 1)
  }

  @Test func anAlarmHasADatastreamOfItsOwnWhoseResultIsWhetherItIsRaised() throws {
    let cabinet = try Cabinet()
    let server = try SensorThingsSimulator(listen: ListenAddress(port: .random(in: 20_000..<32_000)))
    defer { server.stop() }
    try write(cabinet, server, every: "50ms", alarm: ", alarm: {name: high, above: 60000}")
    try cabinet.startAndWait()
    let made = try cabinet.control(["provision", "frost", "--json"])
    #expect(made.code == 0 && made.output.contains(#""datastreams":3"#), "\(made.output)")
    // The results that are no numbers.
    func alarms() -> Int { server.observations.count { $0.result == nil } }
    try cabinet.wait("readings") { server.observations.count > 10 }
    #expect(alarms() == 0)
    for (round, value) in [UInt16(60_001), 60_000, 65_535].enumerated() {
      cabinet.field.write([value], at: 0, in: .holding, unit: 1)
      try cabinet.wait("alarm \(round)") { alarms() == round + 1 }
    }
    #expect(try cabinet.stop() == 0)
  }

  @Test func aServerThatIsAwaySaysSo() throws {
    let cabinet = try Cabinet()
    let server = try SensorThingsSimulator(listen: ListenAddress(port: .random(in: 20_000..<32_000)))
    try write(cabinet, server, every: "1s")
    server.stop()
    try cabinet.startAndWait()
    let result = try cabinet.control(["provision", "frost"])
    #expect(result.code == 69 && result.output.contains("cannot reach \(server.url)"), "\(result.output)")
  }
}
