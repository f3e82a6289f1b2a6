import GatewayCore
import GatewayUplink
import Testing

/// What is posted to an NGSI-LD broker, to the byte.
@Suite struct NGSILDTests {
  private static let points = [
    PointDescription(name: "aq.no2", unit: "GQ", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(
      name: "aq.humidity", unit: "P1", kind: .gauge, window: .tumbling(seconds: 60), functions: .standard),
    PointDescription(name: "aq.spare", unit: nil, kind: .gauge, window: .raw, functions: .standard),
    PointDescription(name: "wind.direction", unit: "DD", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(name: "mains.l1", unit: "KWT", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(name: "mains.l2", unit: "KWT", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(name: "lamp.state", unit: nil, kind: .state, window: .raw, functions: .standard),
  ]

  private static let config = NGSIConfig(
    tenant: "city",
    entities: [
      EntityConfig(
        id: "urn:ngsi-ld:AirQualityObserved:c:aq", type: "AirQualityObserved",
        location: Location(longitude: 4.3517, latitude: 50.8503),
        fixed: [#""typeofLocation":{"type":"Property","value":"outdoor"}"#],
        attributes: [
          EntityAttribute(point: "aq.no2", name: "no2"),
          EntityAttribute(point: "aq.humidity", name: "relativeHumidity"),
          EntityAttribute(point: "wind.direction", name: "windDirection", statistic: .last),
        ]),
      EntityConfig(
        id: "urn:ngsi-ld:ThreePhaseAcMeasurement:c:mains", type: "ThreePhaseAcMeasurement",
        attributes: [
          EntityAttribute(point: "mains.l1", name: "activePower", part: "L1"),
          EntityAttribute(point: "mains.l2", name: "activePower", part: "L2"),
        ]),
      EntityConfig(
        id: "urn:ngsi-ld:Streetlight:c:lamp", type: "Streetlight",
        attributes: [
          EntityAttribute(
            point: "lamp.state", name: "powerState", statistic: .last, words: [0: "off", 1: "on"])
        ]),
    ])

  /// A format with its buffer.
  private final class Desk {
    let format: any BatchFormat
    private var buffer = ByteBuffer()

    init(_ config: NGSIConfig = NGSILDTests.config) {
      format = DestinationConfig(name: "b", url: "", format: .ngsi(config)).makeFormat(gateway: "c")
      format.use(Catalogue(points: NGSILDTests.points))
      format.begin(&buffer)
    }

    func append(_ row: Row, _ seq: UInt64) -> RowFate { format.append(row, seq: seq, to: &buffer) }

    func finish(_ rows: ClosedRange<UInt64> = 1...9) -> (text: String, request: FinishedRequest) {
      let request = format.finish(&buffer, rows: rows)
      let text = buffer.withBytes { String(decoding: $0[request.start...], as: UTF8.self) }
      format.begin(&buffer)
      return (text, request)
    }
  }

  private let desk = Desk()

  /// 2026-11-22T10:10:00Z and so many seconds.
  private func row(
    _ point: PointIndex, _ seconds: Int64, _ value: Value?, quality: Quality = .good,
    reason: QualityReason = .none,
    time: TimeQuality = .synced
  ) -> Row {
    Row(
      point: point, time: Timestamp(microseconds: (1_795_342_200 + seconds) * 1_000_000),
      boot: BootTime(microseconds: 0), quality: quality, reason: reason, timeQuality: time,
      body: .reading(value))
  }

  private func window(_ point: PointIndex, _ seconds: Int64, mean: Double, count: UInt64 = 60) -> Row {
    var row = row(point, seconds, nil, quality: count == 0 ? .bad : .good)
    row.body = .window(
      WindowSummary(
        seconds: 60, count: count, bad: 0, isPartial: false, mean: mean, min: 0, max: 99, sum: 0,
        standardDeviation: 0,
        last: .double(98)))
    return row
  }

  @Test func aRequestIsTheStandards() throws {
    #expect(desk.append(row(0, 0, .double(21.5)), 1) == .written)
    #expect(desk.append(window(1, 60, mean: 56.3), 2) == .written)
    #expect(desk.append(row(2, 60, .double(1)), 3) == .left)
    #expect(desk.append(row(6, 60, .unsigned(1)), 4) == .written)
    let (text, request) = desk.finish()
    let good = #""quality":{"type":"Property","value":"good"}"#
    #expect(
      text == #"[{"id":"urn:ngsi-ld:AirQualityObserved:c:aq","type":"AirQualityObserved","#
        + #""location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[4.3517,50.8503]}},"#
        + #""typeofLocation":{"type":"Property","value":"outdoor"},"#
        + #""dateObserved":{"type":"Property","value":{"@type":"DateTime","@value":"2026-11-22T10:11:00.000Z"}},"#
        + #""no2":{"type":"Property","value":21.5,"unitCode":"GQ","observedAt":"2026-11-22T10:10:00.000Z",\#(good)},"#
        + #""relativeHumidity":{"type":"Property","value":0.563,"unitCode":"C62","#
        + #""observedAt":"2026-11-22T10:11:00.000Z",\#(good)},"#
        + #""@context":["https://raw.githubusercontent.com/smart-data-models/dataModel.Environment/master/context.jsonld"]},"#
        + #"{"id":"urn:ngsi-ld:Streetlight:c:lamp","type":"Streetlight","#
        + #""observationDateTime":{"type":"Property","value":{"@type":"DateTime","@value":"2026-11-22T10:11:00.000Z"}},"#
        + #""powerState":{"type":"Property","value":"on","observedAt":"2026-11-22T10:11:00.000Z",\#(good)},"#
        + #""@context":["https://raw.githubusercontent.com/smart-data-models/dataModel.Streetlighting/master/context.jsonld"]}]"#
    )
    #expect(
      request.head
        == RequestHead(
          path: "/ngsi-ld/v1/entityOperations/upsert?options=update", contentType: "application/ld+json",
          headers: ["Accept: application/json", "NGSILD-Tenant: city"]))
    #expect(
      request.items == [
        BatchItem(name: "urn:ngsi-ld:AirQualityObserved:c:aq", rows: [1, 2]),
        BatchItem(name: "urn:ngsi-ld:Streetlight:c:lamp", rows: [4]),
      ])
  }

  @Test func oneLinkHeaderNamesTheContextForAll() throws {
    var config = Self.config
    (config.context, config.contextURL, config.tenant) = (.link, "https://city.example/c.jsonld", nil)
    let other = Desk(config)
    #expect(other.append(row(0, 0, .double(1)), 1) == .written)
    let (text, request) = other.finish()
    #expect(!text.contains("@context"))
    #expect(request.head.contentType == "application/json")
    let link =
      #"<https://city.example/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json""#
    #expect(request.head.headers == ["Accept: application/json", "Link: \(link)"])
  }

  @Test func anAttributeGoesOnceInARequestItsOldestFirst() throws {
    #expect(desk.append(row(0, 0, .double(1)), 1) == .written)
    // Another attribute may have another time.
    #expect(desk.append(row(3, 5, .double(1)), 2) == .written)
    #expect(desk.append(row(0, 10, .double(2)), 3) == .next)
    let (text, request) = desk.finish(1...2)
    #expect(request.items[0].rows == [1, 2] && !text.contains("10:10:10"))
    #expect(desk.append(row(0, 10, .double(2)), 3) == .written)
    #expect(desk.finish(3...3).text.contains(#""no2":{"type":"Property","value":2,"#))
  }

  /// A value of several parts: rows of one time may be cut apart between requests, and no part is taken away.
  @Test func partsOfOneTimeStayTogetherAcrossRequests() throws {
    #expect(desk.append(row(4, 0, .double(1.5)), 1) == .written)
    #expect(
      desk.finish(1...1).text.contains(
        #""activePower":{"type":"Property","value":{"L1":1500},"unitCode":"WTT","#))
    #expect(desk.append(row(5, 0, .double(2)), 2) == .written)
    let (text, request) = desk.finish(2...2)
    #expect(text.contains(#""value":{"L1":1500,"L2":2000}"#) && request.items[0].rows == [2])
    #expect(desk.append(row(4, 10, .double(3)), 3) == .written)
    #expect(desk.append(row(4, 10, .double(3)), 4) == .next)
    #expect(desk.append(row(5, 20, .double(3)), 4) == .next)
    #expect(desk.append(row(5, 10, .double(4)), 4) == .written)
    #expect(desk.finish(3...4).text.contains(#""value":{"L1":3000,"L2":4000}"#))
  }

  @Test func whatHasNoValueIsNotSent() throws {
    #expect(desk.append(row(0, 0, nil, quality: .bad, reason: .timeout), 1) == .left)
    #expect(desk.append(window(1, 60, mean: 0, count: 0), 2) == .left)
    // A number that means nothing.
    #expect(desk.append(row(6, 0, .unsigned(7)), 3) == .left)
    #expect(desk.append(row(7, 0, .unsigned(7)), 4) == .unknown)
    #expect(desk.finish(1...4).request.items.isEmpty)
  }

  @Test func whatIsNotGoodSaysSo() throws {
    let doubtful = row(0, 0, .double(3), quality: .uncertain, reason: .markedInvalid, time: .unsynced)
    #expect(desk.append(doubtful, 1) == .written)
    // 101 % is not hidden, and no share.
    #expect(desk.append(window(1, 60, mean: 101), 2) == .written)
    #expect(desk.append(row(3, 0, .double(270)), 3) == .written)
    let text = desk.finish(1...3).text
    func property(_ name: String, _ word: String) -> String {
      #""\#(name)":{"type":"Property","value":"\#(word)"}"#
    }
    let beside = [
      property("quality", "uncertain"), property("reason", "marked-invalid"),
      property("timeQuality", "unsynced"),
    ]
    #expect(text.contains("Z\"," + beside.joined(separator: ",") + "}"))
    #expect(text.contains(#""value":1.01,"#) && text.contains(property("reason", "out-of-range")))
    #expect(text.contains(#""windDirection":{"type":"Property","value":-90,"#))
  }

  @Test("an estimated time says its bound")
  func anEstimatedTimeSaysItsBound() {
    var estimated = row(0, 0, .double(3), time: .estimated)
    estimated.timeError = .milliseconds(12_500)
    #expect(desk.append(estimated, 1) == .written)
    let beside =
      #""timeQuality":{"type":"Property","value":"estimated"},"#
      + #""timeError":{"type":"Property","value":12.5,"unitCode":"SEC"}}"#
    #expect(desk.finish(1...1).text.contains(beside))
  }

  @Test func aPointWhoseUnitWasAnotherIsNotSentAsIfItFitted() {
    let other = Desk()
    var points = Self.points
    points[0].unit = "CEL"
    points[1].unit = "C62"
    other.format.use(Catalogue(points: points))
    #expect(other.append(row(0, 0, .double(1)), 1) == .left)
    #expect(other.append(window(1, 0, mean: 0.5), 2) == .written)
    #expect(other.finish().text.contains(#""value":0.5,"unitCode":"C62""#))
  }
}
