import GatewayCore
import GatewaySimulator
import GatewaySystem
import GatewayUplink
import Glibc
import Testing

/// Against a server that somebody else wrote. `GATEWAY_PYTHON` names a Python that has django-ogc-sensorthings;
/// without it the `python3` of the path is tried.
@Suite struct RealSensorThingsTests {
  private static let python = getenv("GATEWAY_PYTHON").map { String(cString: $0) } ?? "python3"

  private static let isThere: Bool = {
    let process = try? ChildProcess(
      "/usr/bin/env", [python, "-c", "import sensorthings"], mergesErrors: true)
    return process?.wait().status == 0
  }()

  /// Delivers `count` rows of a queue that knows of no delivery before.
  private func deliver(
    _ count: Int, _ destination: DestinationConfig, _ state: TemporaryDirectory
  ) throws -> (queue: MemoryQueue, quarantine: MemoryQuarantine) {
    let (queue, quarantine) = (MemoryQueue(), MemoryQuarantine())
    queue.store(count)
    if case .sensorThings(let options) = destination.format, options.failedRows == .null {
      let last = MemoryQueue.row(UInt64(count))
      queue.store([
        Row(
          point: 0, time: last.time.advanced(by: .seconds(1)), boot: last.boot, quality: .bad,
          reason: .timeout,
          timeQuality: .synced, body: .reading(nil))
      ])
    }
    let forwarder = try Forwarder(
      destination: destination, gateway: "cabinet-0417", queue: queue, quarantine: quarantine,
      credentialsDirectory: nil, configDirectory: "/", heartbeat: Heartbeat(name: "uplink"),
      stateDirectory: state.path)
    try forwarder.start()
    for _ in 0..<6000 where queue.settledThrough < queue.storedThrough {
      _ = try EventSignal().wait(timeout: .milliseconds(10))
    }
    #expect(queue.settledThrough == queue.storedThrough, "\(forwarder.status)")
    forwarder.requestStop()
    forwarder.join()
    return (queue, quarantine)
  }

  @Test(.enabled(if: isThere, "SKIPPED: no Python with django-ogc-sensorthings; GATEWAY_PYTHON may name one"))
  func djangoIsProvisionedAndKeepsEachRowOnce() throws {
    let directory = try GatewaySimulator.TemporaryDirectory.make(prefix: "sensorthings")
    defer { GatewaySimulator.TemporaryDirectory.remove(directory) }
    let process = try ChildProcess(
      "/usr/bin/env", [Self.python, "Tests/GatewayUplinkTests/sensorthings_server.py", directory])
    defer { process.kill(SIGKILL) }
    let port = try #require(process.readLine(timeout: .seconds(120)))
    let state = try TemporaryDirectory()
    var destination = DestinationConfig(
      name: "frost", url: "http://127.0.0.1:\(port)/sensorthings/v1.1",
      format: .sensorThings(SensorThingsOptions()),
      usesGzip: false, maximumReadings: 30, linger: .milliseconds(1), timeout: .seconds(30),
      retryInitial: .milliseconds(5), retryMaximum: .milliseconds(50))
    let client = try PlatformClient(
      destination, files: SecretFiles(credentialsDirectory: nil, configDirectory: "/"))
    func observations() throws -> Int64? {
      try client.get("/Observations?$count=true&$top=1")["@iot.count"]?.integer
    }
    for created in [7, 0] {
      var provisioner = Provisioner(
        client, url: destination.url, gateway: "cabinet-0417", location: Location(longitude: 2, latitude: 41))
      let made = try provisioner.run(MemoryQueue.defaultPoints)
      #expect(made.created == created)
      try made.book.save(to: state.path, for: "frost")
    }
    let name = DatastreamBook.fileName(for: "frost")
    state.write(name, String(decoding: try readFile("\(state.path)/\(name)"), as: UTF8.self))
    #expect(try deliver(250, destination, state).queue.now.delivered == 250)
    #expect(try observations() == 250)
    // The same rows by a gateway that lost its ledger, and fifty more: the server is asked.
    #expect(try deliver(300, destination, state).queue.now.delivered == 300)
    #expect(try observations() == 300)
    // A row without a value is refused there, with all others of its group; alone it goes to quarantine.
    destination.format = .sensorThings(SensorThingsOptions(failedRows: .null))
    let (queue, quarantine) = try deliver(320, destination, state)
    #expect(queue.now.delivered == 320)
    #expect(quarantine.rows.map(\.seq) == [321])
    #expect(try observations() == 320)
  }
}
