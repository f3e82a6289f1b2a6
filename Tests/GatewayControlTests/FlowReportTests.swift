import GatewayControl
import GatewayCore
import Testing

@Suite struct FlowReportTests {
  private var config: GatewayConfig {
    var cars = PointConfig(
      name: "cars", table: .input, address: 0, layout: RegisterLayout(type: .uint32), kind: .counter,
      window: .tumbling(seconds: 900), functions: [.increase, .count])
    cars.treatment.publishesOnlyAggregates = true
    cars.treatment.minimumCount = 5
    var door = PointConfig(name: "door", table: .coil, address: 4, layout: RegisterLayout(type: .bool))
    door.treatment.report = ReportConfig(change: .any)
    door.treatment.alarms = [AlarmConfig(name: "open", condition: .equals(1))]
    let level = PointConfig(
      name: "level", table: .input, address: 9, layout: RegisterLayout(type: .uint16), unit: "MTR",
      window: .sliding(seconds: 600, slide: 60), functions: .mean)
    let entity = EntityConfig(
      id: "urn:e", type: "TrafficFlowObserved", location: Location(longitude: 1, latitude: 2),
      attributes: [EntityAttribute(point: "street.cars", name: "intensity", statistic: .increase)])
    return GatewayConfig(
      id: "cabinet-0417", store: StoreConfig(capacity: 64 << 20, retain: .seconds(30 * 86_400)),
      buses: [],
      devices: [DeviceConfig(name: "street", bus: "lan", points: [cars, door, level])],
      destinations: [
        DestinationConfig(name: "platform", url: "https://data.city.example/v1/batches?key=secret"),
        DestinationConfig(
          name: "broker", url: "https://broker.example:8443",
          format: .ngsi(NGSIConfig(entities: [entity]))),
      ])
  }

  @Test func everyAttributeIsThereForEachDestinationAndNoSecret() throws {
    let report = FlowReport(config)
    let toPlatform = report.flows.filter { $0.destination == "platform" }
    #expect(toPlatform.map(\.point) == ["street.cars", "street.door", "street.door", "street.level"])
    #expect(toPlatform.map(\.kind) == [.windows, .changes, .alarm, .windows])
    let toBroker = report.flows.filter { $0.destination == "broker" }
    #expect(toBroker.map(\.kind) == [.windows, .alarm])
    #expect(toBroker[0].attribute == "TrafficFlowObserved.intensity" && toBroker[0].functions == ["increase"])
    #expect(
      report.destinations.map(\.address) == ["https://data.city.example", "https://broker.example:8443"])
    #expect(report.destinations.map(\.getsLocation) == [false, true])
    var text = ByteBuffer()
    report.appendJSON(to: &text)
    let json = try JSONValue(parsing: String(decoding: text.copyBytes(), as: UTF8.self))
    #expect(FlowReport(json: json) == report)
  }

  @Test func aPersonReadsWhatLeavesToWhomAndHowLongItStays() {
    #expect(
      FlowsText.of(FlowReport(config), .narrow) == """
        FLOWS  what leaves cabinet-0417

        platform  json to https://data.city.example
          street.cars      15 min
            count increase
            single readings stay in memory
            nothing of fewer than 5 events
          street.door      readings that changed
          street.door open raised and cleared
          street.level     10 min, every 1 min, m
            mean
          each with the cabinet's name, the point's,
          the time and the quality; windows also with
          how many readings were good and bad

        broker  ngsi-ld to https://broker.example:8443
          street.cars      15 min
            increase
            single readings stay in memory
            nothing of fewer than 5 events
            as TrafficFlowObserved.intensity
          street.door open raised and cleared
          each with the cabinet's name and where it
          stands, the point's, the time and the
          quality; windows also with how many readings
          were good and bad

        KEPT  in the cabinet
          a row that every destination has may be
          written over, 64 MiB at most; then the
          oldest rows go
          whatever is older than 30 d goes, delivered
          or not
          what a platform refuses for ever waits in
          quarantine for a person
          alarms stay until they are delivered, in 4
          MiB of their own

        """)
  }
}
