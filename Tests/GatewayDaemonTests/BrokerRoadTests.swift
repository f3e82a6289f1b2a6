import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// From the register to an NGSI-LD broker with the real programs, beside a platform that gets the same rows.
@Suite(.serialized) struct BrokerRoadTests {
  @Test func aBrokerHasEveryReadingUpToItsNewestThroughKillsAndLostAnswers() throws {
    var options = BrokerSimulator.Options()
    (options.tenant, options.lostShare, options.busyShare) = ("city", 0.3, 0.1)
    let broker = try BrokerSimulator(options)
    defer { broker.stop() }
    let cabinet = try Cabinet(devices: 1)
    try cabinet.write(config: config(cabinet, broker))
    for round in 1...3 {
      try cabinet.startAndWait()
      try cabinet.wait("observations at the broker", within: .seconds(60)) {
        broker.books.history.count >= round * 60
      }
      cabinet.killHard()
    }
    // What the last kill left is sent too.
    try cabinet.startAndWait()
    try cabinet.wait("the rows of before", within: .seconds(60)) { broker.books.history.count >= 240 }
    #expect(try cabinet.stop() == 0)

    let books = broker.books
    #expect(books.violations == [] && books.lostAnswers > 0)
    let readings = try readings(cabinet)
    #expect(readings.count >= 240)
    for (point, attribute) in [("d.gas", "no2"), ("d.heat", "temperature")] {
      let entity = "urn:ngsi-ld:AirQualityObserved:cab17:d"
      let newest = try #require(books.current["\(entity) \(attribute)"])
      let missing = readings.filter { reading in
        reading.point == point && reading.time <= newest
          && books.history[
            BrokerSimulator.Observation(entity: entity, attribute: attribute, observedAt: reading.time)]
            == nil
      }
      #expect(missing.isEmpty)
      let all = books.history.keys.filter { $0.attribute == attribute }.map(\.observedAt)
      #expect(all.max() == newest)
    }
  }

  @Test func anOutagesBacklogIsWholeInTheHistoryThroughKillsAndLostAnswers() throws {
    var options = BrokerSimulator.Options()
    (options.tenant, options.lostShare) = ("city", 0.3)
    let broker = try BrokerSimulator(options)
    defer { broker.stop() }
    let cabinet = try Cabinet(devices: 1)
    try cabinet.write(
      config: config(cabinet, broker).replacing(
        "tenant: city, batch: {linger: 20ms}",
        with: "tenant: city, history: temporal, backlog: newest, batch: {linger: 20ms, max-readings: 20}"))
    try cabinet.startAndWait()
    try cabinet.wait("observations at the broker", within: .seconds(60)) { broker.books.history.count >= 20 }
    broker.set(isAway: true)
    try cabinet.wait("a backlog", within: .seconds(60)) { cabinet.count("queued") ?? 0 >= 200 }
    let preview = try cabinet.control(["preview", "broker"]).output
    #expect(preview.contains("POST \(broker.url)/ngsi-ld/v1/entityOperations/upsert?options=update\n"))
    #expect(preview.contains("POST \(broker.url)/ngsi-ld/v1/temporal/entities\n"), "\(preview)")
    broker.set(isAway: false)
    for count in [20, 60] {
      try cabinet.wait("some of it", within: .seconds(60)) { broker.books.backlog.count >= count }
      cabinet.killHard()
      try cabinet.startAndWait()
    }
    try cabinet.wait("all of it", within: .seconds(60)) {
      broker.books.backlog.count >= 100 && cabinet.count("queued") ?? .max < 20
    }
    #expect(try cabinet.stop() == 0)

    let books = broker.books
    #expect(books.violations == [] && books.lostAnswers > 0 && books.setBacks == 0)
    for (point, attribute) in [("d.gas", "no2"), ("d.heat", "temperature")] {
      let entity = "urn:ngsi-ld:AirQualityObserved:cab17:d"
      let newest = try #require(books.current["\(entity) \(attribute)"])
      let missing = try readings(cabinet).filter { reading in
        reading.point == point && reading.time <= newest
          && books.history[
            BrokerSimulator.Observation(entity: entity, attribute: attribute, observedAt: reading.time)]
            == nil
      }
      #expect(missing.isEmpty)
    }
  }

  private func config(_ cabinet: Cabinet, _ broker: BrokerSimulator) -> String {
    """
    gateway: {id: cab17, location: {longitude: 2.1734, latitude: 41.3851}}
    store: {capacity: 16MiB, commit: 100ms}
    defaults: {every: 50ms, window: raw}
    buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])"}]
    devices:
      - name: d
        bus: lan
        unit: 1
        entity: {type: AirQualityObserved, fixed: {typeofLocation: outdoor}}
        points:
          - {name: gas, at: holding 1, type: uint16, unit: GQ, attribute: no2}
          - {name: heat, at: holding 2, type: int16, scale: 0.1, unit: KEL, attribute: temperature}
          - {name: spare, at: holding 3, type: uint16}
    destinations:
      - {name: platform, url: "\(cabinet.platform.url)", batch: {linger: 20ms}}
      - {name: broker, url: "\(broker.url)", format: ngsi-ld, tenant: city, batch: {linger: 20ms},
         retry: {initial: 100ms, max: 300ms}}
    """
  }

  /// The good readings that the platform has.
  private func readings(_ cabinet: Cabinet) throws -> [(point: String, time: String)] {
    var readings: [(point: String, time: String)] = []
    for stream in cabinet.platform.stats.streams {
      for row in cabinet.platform.rows(of: stream.stream) {
        let json = try JSONValue(parsing: row.text)
        guard json["quality"]?.string == "good", let point = json["point"]?.string,
          let time = json["time"]?.string
        else { continue }
        readings.append((point, time))
      }
    }
    return readings
  }
}
