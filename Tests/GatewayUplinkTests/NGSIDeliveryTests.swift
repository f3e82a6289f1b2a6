import GatewayCore
import GatewaySimulator
import GatewaySystem
import GatewayUplink
import Testing

/// Whole deliveries by the real forwarder to a broker that loses answers, is busy and refuses.
@Suite struct NGSIDeliveryTests {
  private static let points = ["a.no2", "a.o3", "b.no2", "b.spare"].map {
    PointDescription(name: $0, unit: "GQ", kind: .gauge, window: .raw, functions: .standard)
  }

  private static func entity(_ device: String) -> EntityConfig {
    EntityConfig(
      id: "urn:ngsi-ld:AirQualityObserved:c:\(device)", type: "AirQualityObserved",
      location: Location(longitude: 1, latitude: 2),
      attributes: ["no2", "o3"].map { EntityAttribute(point: "\(device).\($0)", name: $0) })
  }

  /// `rounds` readings of every point, a second apart.
  private static func rows(_ rounds: Int) -> [Row] {
    (0..<rounds).flatMap { round in
      (0..<UInt32(points.count)).map { point in
        Row(
          point: point, time: Timestamp(microseconds: 1_795_342_200_000_000 + Int64(round) * 1_000_000),
          boot: BootTime(microseconds: 0), quality: .good, reason: .none, timeQuality: .synced,
          body: .reading(.double(Double(round) + Double(point) / 10)))
      }
    }
  }

  /// What became of `rounds` readings of each point.
  private func deliver(
    _ options: BrokerSimulator.Options, rounds: Int
  ) throws -> (books: BrokerSimulator.Books, queue: MemoryQueue.Books, quarantined: [QuarantinedRow]) {
    let broker = try BrokerSimulator(options)
    defer { broker.stop() }
    let queue = MemoryQueue(points: Self.points)
    let rows = Self.rows(rounds)
    for start in stride(from: 0, to: rows.count, by: 50) {
      queue.store(Array(rows[start..<min(start + 50, rows.count)]))
    }
    let format = DestinationConfig.Format.ngsi(
      NGSIConfig(tenant: options.tenant, entities: [Self.entity("a"), Self.entity("b")]))
    let destination = DestinationConfig(
      name: "broker", url: broker.url, format: format, usesGzip: false, maximumReadings: 20,
      linger: .milliseconds(1),
      timeout: .seconds(60),
      retryInitial: .milliseconds(1), retryMaximum: .milliseconds(2))
    let quarantine = MemoryQuarantine()
    let forwarder = try Forwarder(
      destination: destination, gateway: "c", queue: queue, quarantine: quarantine, credentialsDirectory: nil,
      configDirectory: "/nonexistent", heartbeat: Heartbeat(name: "uplink"))
    try forwarder.start()
    defer {
      forwarder.requestStop()
      forwarder.join()
    }
    // As often as it takes: a loaded machine is slow.
    for _ in 0..<30 where !queue.waitUntilSettled(UInt64(rows.count)) {}
    #expect(queue.settledThrough == UInt64(rows.count), "\(String(describing: forwarder.status.lastError))")
    return (broker.books, queue.now, quarantine.rows)
  }

  private func observations(_ rounds: Int) -> Set<BrokerSimulator.Observation> {
    Set(
      Self.rows(rounds).compactMap { row in
        let name = Self.points[Int(row.point)].name.split(separator: ".")
        guard name[1] != "spare" else { return nil }
        return BrokerSimulator.Observation(
          entity: "urn:ngsi-ld:AirQualityObserved:c:\(name[0])", attribute: String(name[1]),
          observedAt: row.time.description)
      })
  }

  @Test("fault 45: no observation is lost though answers are", arguments: BrokerSimulator.Manner.allCases)
  func noObservationIsLostThoughAnswersAre(manner: BrokerSimulator.Manner) throws {
    var options = BrokerSimulator.Options()
    (options.manner, options.tenant, options.lostShare, options.busyShare) = (manner, "city", 0.3, 0.1)
    let (books, queue, quarantined) = try deliver(options, rounds: 150)
    #expect(books.violations == [] && books.lostAnswers > 0)
    #expect(Set(books.history.keys) == observations(150))
    #expect(queue.violations == 0 && queue.lost == 0 && quarantined.isEmpty)
    #expect(queue.delivered == UInt64(Self.rows(150).count))
    // What an attribute shows in the end is its newest value.
    #expect(books.current.count == 3)
    #expect(Set(books.current.values) == [Self.rows(150).last!.time.description])
  }

  @Test func aHealthyBrokerGetsEachObservationOnce() throws {
    let books = try deliver(BrokerSimulator.Options(), rounds: 40).books
    #expect(books.violations == [] && books.history.values.allSatisfy { $0 == 1 })
    #expect(Set(books.history.keys) == observations(40) && books.requests == 40)
  }

  @Test(
    "fault 44: of a partly refused batch one value goes aside, and all else flows",
    arguments: BrokerSimulator.Manner.allCases)
  func aRefusedValueGoesAsideAloneAndAllElseFlows(manner: BrokerSimulator.Manner) throws {
    var options = BrokerSimulator.Options()
    // The seventh reading of a.o3.
    (options.manner, options.poison) = (manner, 7.1)
    let (books, queue, quarantined) = try deliver(options, rounds: 20)
    #expect(quarantined.count == 1 && quarantined.first?.row.body == .reading(.double(7.1)))
    #expect(quarantined.first?.cause.contains("BadRequestData") == true)
    #expect(books.violations == [] && books.history.count == observations(20).count - 1)
    #expect(queue.delivered == UInt64(Self.rows(20).count - 1) && queue.violations == 0)
    // One request a round, and few more to find it.
    #expect(books.requests <= 20 + 4)
  }
}
