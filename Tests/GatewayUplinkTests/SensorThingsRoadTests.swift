import GatewayCore
import GatewaySimulator
import GatewaySystem
import GatewayUplink
import Testing

/// Rows through the forwarder to a SensorThings server that stores twice what comes twice.
@Suite struct SensorThingsRoadTests {
  /// A provisioned server, and forwarders to it one after the other, as after restarts.
  private final class Road {
    let server: SensorThingsSimulator
    let queue = MemoryQueue()
    let quarantine = MemoryQuarantine()
    let state: TemporaryDirectory
    private var forwarder: Forwarder
    private let destination: DestinationConfig

    init(
      _ manner: SensorThingsSimulator.Manner = .frost, _ options: SensorThingsOptions = SensorThingsOptions(),
      provisions: Bool = true, _ change: (inout DestinationConfig) -> Void = { _ in }
    ) throws {
      server = try SensorThingsSimulator(manner)
      state = try TemporaryDirectory()
      var destination = DestinationConfig(
        name: "frost", url: server.url, format: .sensorThings(options), usesGzip: false, maximumReadings: 50,
        linger: .milliseconds(1), timeout: .seconds(5), retryInitial: .milliseconds(5),
        retryMaximum: .milliseconds(20)
      )
      change(&destination)
      self.destination = destination
      if provisions { try Self.provision(destination, state) }
      forwarder = try Self.start(destination, queue, quarantine, state)
    }

    deinit {
      stop()
      server.stop()
    }

    static func provision(_ destination: DestinationConfig, _ state: TemporaryDirectory) throws {
      let files = SecretFiles(credentialsDirectory: nil, configDirectory: "/nonexistent")
      var provisioner = Provisioner(
        try PlatformClient(destination, files: files), url: destination.url, gateway: "cabinet-0417",
        location: Location(longitude: 2, latitude: 41))
      try provisioner.run(MemoryQueue.defaultPoints).book.save(to: state.path, for: destination.name)
      // So that it goes with its directory.
      let name = DatastreamBook.fileName(for: destination.name)
      state.write(name, String(decoding: try readFile("\(state.path)/\(name)"), as: UTF8.self))
    }

    private static func start(
      _ destination: DestinationConfig, _ queue: MemoryQueue, _ quarantine: MemoryQuarantine,
      _ state: TemporaryDirectory
    ) throws -> Forwarder {
      let forwarder = try Forwarder(
        destination: destination, gateway: "cabinet-0417", queue: queue, quarantine: quarantine,
        credentialsDirectory: nil, configDirectory: "/nonexistent", heartbeat: Heartbeat(name: "uplink"),
        stateDirectory: state.path)
      try forwarder.start()
      return forwarder
    }

    func provision() throws { try Self.provision(destination, state) }

    func stop() {
      forwarder.requestStop()
      forwarder.join()
    }

    func restart() throws {
      stop()
      forwarder = try Self.start(destination, queue, quarantine, state)
    }

    var status: Forwarder.Status { forwarder.status }

    func wait(_ what: String, until isTrue: () -> Bool) throws {
      for _ in 0..<6000 {
        if isTrue() { return }
        _ = try EventSignal().wait(timeout: .milliseconds(10))
      }
      Issue.record("waited in vain for \(what): \(status)")
    }

    var refused: [QuarantinedRow] { quarantine.rows }

    /// Every row up to `count` is there once, with its value, in its point's Datastream.
    func expectEachOnce(through count: UInt64, except missing: Set<UInt64> = []) {
      let found = server.observations
      let numbers = found.compactMap { $0.recordID.split(separator: "-").last.flatMap { UInt64($0) } }
      #expect(numbers.count == found.count)
      #expect(numbers.sorted() == (1...count).filter { !missing.contains($0) })
      #expect(zip(numbers, found).allSatisfy { Double($0 * 3) == $1.result })
      for remainder in [UInt64(0), 1] {
        let streams = Set(zip(numbers, found).filter { $0.0 % 2 == remainder }.map(\.1.datastream))
        #expect(streams.count <= 1)
      }
      #expect(queue.now.violations == 0 && queue.now.delivered == count - UInt64(missing.count))
    }
  }

  @Test(
    "fault 45: lost answers leave no hole and no duplicate",
    arguments: [SensorThingsSimulator.Manner.frost, .django])
  func lostAnswersLeaveNoHoleAndNoDuplicate(manner: SensorThingsSimulator.Manner) throws {
    let road = try Road(manner)
    road.server.set(.closeAfter, for: FaultTerm(share: 0.3))
    road.server.set(.closeBefore, for: FaultTerm(share: 0.1))
    road.server.set(.status(503, retryAfter: nil), for: FaultTerm(share: 0.1))
    for _ in 0..<200 { road.queue.store(20) }
    try road.wait("4000 rows") { road.queue.settledThrough == 4000 }
    #expect(road.queue.now.delivered == 4000)
    #expect(road.server.questions > 0)
    road.expectEachOnce(through: 4000)
  }

  /// The same without the question: the test above can fail.
  @Test func withoutTheQuestionRowsAreThereTwice() throws {
    let road = try Road(.frost, SensorThingsOptions(looksUp: false))
    road.server.set(.closeAfter, for: FaultTerm(count: 1))
    road.queue.store(20)
    try road.wait("20 rows") { road.queue.settledThrough == 20 }
    #expect(road.server.observations.count == 40 && road.server.questions == 0)
  }

  @Test func whatAnEarlierRunSentIsNotSentAgain() throws {
    let road = try Road(.frost) { $0.timeout = .seconds(60) }
    for _ in 0..<20 {
      // The rows arrive, and the daemon ends before it knows.
      road.server.set(.closeAfter, for: FaultTerm(count: 1))
      let posts = road.server.posts
      road.queue.store(30)
      try road.wait("a request") { road.server.posts > posts }
      try road.restart()
    }
    try road.wait("600 rows") { road.queue.settledThrough == 600 }
    road.expectEachOnce(through: 600)
  }

  /// A forwarder to a server that follows a script; its Datastreams are known.
  final class Scripted {
    let queue = MemoryQueue()
    let forwarder: Forwarder
    private let state: TemporaryDirectory

    init(
      _ url: String, credentials: String? = nil, tls: DestinationConfig.TLS = DestinationConfig.TLS()
    ) throws {
      state = try TemporaryDirectory()
      state.write(
        "sensorthings-frost.json",
        #"{"version":1,"url":"\#(url)","gateway":"c","thing":1,"#
          + #""datastreams":{"canopy.no2 GQ":1,"io.door C62":2}}"#)
      let destination = DestinationConfig(
        name: "frost", url: url, format: .sensorThings(SensorThingsOptions()), usesGzip: false,
        linger: .milliseconds(1), retryInitial: .milliseconds(1), retryMaximum: .milliseconds(2), tls: tls)
      forwarder = try Forwarder(
        destination: destination, gateway: "c", queue: queue, quarantine: MemoryQuarantine(),
        credentialsDirectory: credentials, configDirectory: "/", heartbeat: Heartbeat(name: "uplink"),
        stateDirectory: state.path)
      try forwarder.start()
    }

    deinit {
      forwarder.requestStop()
      forwarder.join()
    }
  }

  @Test func aConnectionThatEndsCostsNoSecondRequest() throws {
    // Over one connection that was good before, where curl itself would repeat a request.
    let server = try PlatformServer { number, request in
      if request.line.hasPrefix("GET") { return .answer(200, body: #"{"value":[]}"#) }
      let count = String(decoding: request.body, as: UTF8.self).split(separator: "recordId").count - 1
      let texts = Array(repeating: #""x/Observations(1)""#, count: count).joined(separator: ",")
      return number % 4 == 3 ? .close : .answer(201, body: "[\(texts)]")
    }
    defer { server.stop() }
    let road = try Scripted(server.url)
    for round in 1...12 {
      road.queue.store(10)
      #expect(road.queue.waitUntilSettled(UInt64(round * 10)))
    }
    let requests = server.requests
    let lost = requests.indices.filter { $0 % 4 == 3 && requests[$0].line.hasPrefix("POST") }
    #expect(!lost.isEmpty)
    for index in lost { #expect(requests[index + 1].line.hasPrefix("GET"), "behind request \(index)") }
    let posts = requests.filter { $0.line.hasPrefix("POST") }
    #expect(posts.allSatisfy { $0.headers["content-length"] == "\($0.body.count)" && !$0.body.isEmpty })
    #expect(posts.allSatisfy { $0.line == "POST /v1/batches/CreateObservations HTTP/1.1" })
  }

  @Test("fault 44: a row that is answered with an error goes aside, its neighbours arrive")
  func aBadRowGoesToQuarantineAndItsNeighboursArrive() throws {
    let road = try Road()
    road.server.refuse([7, 8, 31])
    road.queue.store(40)
    try road.wait("40 rows") { road.queue.settledThrough == 40 }
    #expect(Set(road.refused.map(\.seq)) == [7, 8, 31])
    #expect(road.refused.first?.cause == "error: a row that is refused")
    road.expectEachOnce(through: 40, except: [7, 8, 31])
  }

  @Test func aGroupThatFailsWholeIsTakenApart() throws {
    let road = try Road(.django)
    road.server.refuse([7, 30])
    road.queue.store(40)
    try road.wait("40 rows") { road.queue.settledThrough == 40 }
    #expect(Set(road.refused.map(\.seq)) == [7, 30])
    road.expectEachOnce(through: 40, except: [7, 30])
  }

  @Test func withoutDatastreamsRowsWaitForProvisioning() throws {
    let road = try Road(provisions: false)
    road.queue.store(10)
    try road.wait("the alarm") { road.status.state == .critical }
    #expect(road.status.lastError?.contains("run gatewayctl provision frost") == true)
    #expect(road.server.posts == 0 && road.queue.settledThrough == 0)
    try road.provision()
    try road.restart()
    try road.wait("10 rows") { road.queue.settledThrough == 10 }
    road.expectEachOnce(through: 10)
    #expect(road.status.state == .ok)
  }

  @Test func aQuestionThatIsNotAnsweredHoldsTheRows() throws {
    // Stored, and nobody can say so: nothing is sent again on a guess.
    let server = try PlatformServer { _, request in
      request.line.hasPrefix("GET") ? .answer(400, body: "no such filter") : .close
    }
    defer { server.stop() }
    let road = try Scripted(server.url)
    road.queue.store(10)
    for _ in 0..<1000 where server.requests.count < 5 {
      _ = try EventSignal().wait(timeout: .milliseconds(10))
    }
    #expect(server.requests.count >= 5)
    #expect(server.requests.filter { $0.line.hasPrefix("POST") }.count == 1)
    #expect(road.queue.settledThrough == 0 && road.forwarder.status.state == .critical)
    #expect(road.forwarder.status.lastError?.contains("asked which rows of a batch arrived") == true)
  }
}
