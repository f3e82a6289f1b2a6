import GatewayCore
import GatewaySimulator
import GatewaySystem
import GatewayUplink
import Glibc
import Testing

/// `history: temporal`: what an outage left behind goes to the temporal API of a broker, live rows to its upsert.
@Suite struct HistoryDeliveryTests {
  private static let orders = [DestinationConfig.Backlog.oldest, .newest]

  /// A broker, a cabinet's store, and a forwarder between them.
  private final class Site {
    let broker: BrokerSimulator
    let queue: MemoryQueue
    let quarantine = MemoryQuarantine()
    private(set) var times: [String] = []
    /// Of the points.
    private let names: [String]
    private let destination: DestinationConfig
    private var forwarder: Forwarder?

    init(
      _ options: BrokerSimulator.Options, order: DestinationConfig.Backlog = .oldest,
      points names: [String] = ["a.no2", "a.o3", "b.no2"]
    ) throws {
      self.names = names
      broker = try BrokerSimulator(options)
      queue = MemoryQueue(
        points: names.map {
          PointDescription(name: $0, unit: "GQ", kind: .gauge, window: .raw, functions: .standard)
        })
      let entities = Set(names.map { $0.prefix(1) }).sorted().map { device in
        EntityConfig(
          id: "urn:\(device)", type: "AirQualityObserved", location: Location(longitude: 1, latitude: 2),
          attributes: ["no2", "o3"].map { EntityAttribute(point: "\(device).\($0)", name: $0) })
      }
      destination = DestinationConfig(
        name: "broker", url: broker.url,
        format: .ngsi(NGSIConfig(tenant: options.tenant, history: .temporal, entities: entities)),
        usesGzip: false, maximumReadings: 30, linger: .milliseconds(1), timeout: .seconds(60),
        retryInitial: .milliseconds(1), retryMaximum: .milliseconds(2), backlog: order)
    }

    deinit {
      stop()
      broker.stop()
    }

    func start() throws {
      let forwarder = try Forwarder(
        destination: destination, gateway: "c", queue: queue, quarantine: quarantine,
        credentialsDirectory: nil, configDirectory: "/nonexistent", heartbeat: Heartbeat(name: "uplink"))
      try forwarder.start()
      self.forwarder = forwarder
    }

    func stop() {
      forwarder?.requestStop()
      forwarder?.join()
      forwarder = nil
    }

    var status: Forwarder.Status? { forwarder?.status }

    /// One more reading of every point, a second later.
    func store(rounds: Int) {
      for _ in 0..<rounds {
        let round = times.count
        let time = Timestamp(microseconds: 1_795_342_200_000_000 + Int64(round) * 1_000_000)
        times.append(time.description)
        queue.store(
          names.indices.map { point in
            Row(
              point: PointIndex(point), time: time, boot: BootTime(microseconds: 0), quality: .good,
              reason: .none, timeQuality: .synced,
              body: .reading(.double(Double(round) + Double(point) / 10)))
          })
        forwarder?.flush()
      }
    }

    /// As often as it takes: a loaded machine is slow.
    func waitUntilSettled() -> Bool {
      for _ in 0..<30 where !queue.waitUntilSettled(queue.storedThrough) {}
      return queue.settledThrough == queue.storedThrough
    }

    func waitUntilDelivered(_ rows: ClosedRange<UInt64>) -> Bool {
      for _ in 0..<30 where !queue.waitUntilDelivered(rows) {}
      return queue.now.deliveredRows.contains(rows.upperBound)
    }

    func observations(_ rounds: Range<Int>) -> Set<BrokerSimulator.Observation> {
      Set(
        names.flatMap { name in
          times[rounds].map { time in
            BrokerSimulator.Observation(
              entity: "urn:\(name.prefix(1))", attribute: String(name.dropFirst(2)), observedAt: time)
          }
        })
    }
  }

  @Test(arguments: HistoryDeliveryTests.orders)
  func theBacklogIsHistoryAndTheNewestIsShown(order: DestinationConfig.Backlog) throws {
    var options = BrokerSimulator.Options()
    options.tenant = "city"
    let site = try Site(options, order: order)
    // What was stored before the start is backlog; what comes then is live.
    site.store(rounds: 100)
    try site.start()
    try #require(site.waitUntilSettled())
    #expect(site.broker.books.backlog == site.observations(0..<100) && site.broker.books.current.isEmpty)
    for _ in 0..<5 {
      site.store(rounds: 1)
      try #require(site.waitUntilSettled())
    }
    let books = site.broker.books
    #expect(books.violations == [] && books.history.values.allSatisfy { $0 == 1 })
    #expect(Set(books.history.keys) == site.observations(0..<105))
    #expect(books.backlog == site.observations(0..<100))
    #expect(Set(books.current.values) == [site.times.last!] && books.current.count == 3)
    // 30 rows a batch, a request for each of two entities.
    #expect(books.requests == 20 + 5)
  }

  @Test(arguments: HistoryDeliveryTests.orders)
  func nothingIsLostOrSetBackByOutagesStartsAndLostAnswers(order: DestinationConfig.Backlog) throws {
    var options = BrokerSimulator.Options()
    (options.lostShare, options.busyShare) = (0.3, 0.1)
    let site = try Site(options, order: order)
    for _ in 0..<3 {
      try site.start()
      site.store(rounds: 5)
      try #require(site.waitUntilSettled())
      site.broker.set(isAway: true)
      let missed = site.broker.books.missed
      site.store(rounds: 1)
      while site.broker.books.missed == missed { usleep(1000) }
      site.store(rounds: 59)
      site.broker.set(isAway: false)
      site.store(rounds: 5)
      // In the midst of the backlog.
      _ = site.queue.waitUntilDelivered(site.queue.storedThrough...site.queue.storedThrough)
      site.stop()
    }
    try site.start()
    try #require(site.waitUntilSettled())
    site.store(rounds: 1)
    try #require(site.waitUntilSettled())
    let (books, queue) = (site.broker.books, site.queue.now)
    #expect(books.violations == [] && books.lostAnswers > 0 && books.setBacks == 0)
    #expect(Set(books.history.keys) == site.observations(0..<211))
    #expect(books.backlog.count > 100 && books.backlog.count < books.history.count)
    #expect(Set(books.current.values) == [site.times.last!])
    #expect(queue.violations == 0 && queue.lost == 0 && queue.delivered == queue.stored)
  }

  /// Live rows go between; each request that was confirmed is done with all the same.
  @Test func aBatchOfManyEntitiesGoesOnWhereAnAnswerWasLost() throws {
    var options = BrokerSimulator.Options()
    options.lostShare = 0.3
    let site = try Site(options, points: "abcdefghijkl".map { "\($0).no2" })
    site.store(rounds: 100)
    try site.start()
    for _ in 0..<1000 where site.queue.now.settled < 1200 {
      site.store(rounds: 1)
      try #require(site.waitUntilDelivered(site.queue.storedThrough...site.queue.storedThrough))
    }
    let books = site.broker.books
    #expect(books.backlog.isSuperset(of: site.observations(0..<100)) && books.violations == [])
    let backlog = site.observations(0..<100).reduce(0) { $0 + (books.history[$1] ?? 0) }
    #expect(backlog < 2 * 1200, "\(backlog)")
  }

  @Test(arguments: [404, 405, 501, 503])
  func aBrokerWithoutATemporalAPIHoldsTheBacklogAndLiveRowsGoOn(status: Int) throws {
    var options = BrokerSimulator.Options()
    options.historyStatus = status
    let site = try Site(options)
    site.store(rounds: 40)
    try site.start()
    while site.status?.lastError == nil { usleep(1000) }
    for round in 40..<60 {
      site.store(rounds: 1)
      let first = UInt64(round) * 3 + 1
      try #require(site.waitUntilDelivered(first...first + 2))
    }
    let (books, queue) = (site.broker.books, site.queue.now)
    #expect(Set(books.history.keys) == site.observations(40..<60) && books.violations == [])
    #expect(queue.settled == 0 && queue.delivered == 60)
    let error = try #require(site.status?.lastError)
    #expect(error.contains("status \(status)") && error.contains("leave \"history: temporal\" out"))
    #expect(site.status?.state == .critical)
  }

  @Test func aRefusedValueOfTheBacklogGoesAsideAlone() throws {
    var options = BrokerSimulator.Options()
    // The eighth reading of a.o3.
    options.poison = 7.1
    let site = try Site(options)
    site.store(rounds: 50)
    try site.start()
    try #require(site.waitUntilSettled())
    #expect(site.quarantine.rows.map(\.row.body) == [.reading(.double(7.1))])
    #expect(site.quarantine.rows.first?.cause.contains("BadRequestData") == true)
    #expect(site.broker.books.history.count == 149 && site.broker.books.violations == [])
    #expect(site.queue.now.delivered == 149 && site.queue.now.violations == 0)
  }
}
