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

  private let format: any BatchFormat
  private var buffer = ByteBuffer()

  init() { self.init(Self.config) }

  private init(_ config: NGSIConfig) {
    format = DestinationConfig(name: "b", url: "", format: .ngsi(config)).makeFormat(gateway: "c")
    format.use(Catalogue(points: Self.points))
    format.begin(&buffer)
  }

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

  private mutating func finish(_ rows: ClosedRange<UInt64> = 1...9) -> (
    text: String, request: FinishedRequest
  ) {
    let request = format.finish(&buffer, rows: rows)
    let text = buffer.withBytes { String(decoding: $0[request.start...], as: UTF8.self) }
    format.begin(&buffer)
    return (text, request)
  }

  @Test mutating func aRequestIsTheStandards() throws {
    #expect(format.append(row(0, 0, .double(21.5)), seq: 1, to: &buffer) == .written)
    #expect(format.append(window(1, 60, mean: 56.3), seq: 2, to: &buffer) == .written)
    #expect(format.append(row(2, 60, .double(1)), seq: 3, to: &buffer) == .left)
    #expect(format.append(row(6, 60, .unsigned(1)), seq: 4, to: &buffer) == .written)
    let (text, request) = finish()
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
    var other = NGSILDTests(config)
    #expect(other.format.append(row(0, 0, .double(1)), seq: 1, to: &other.buffer) == .written)
    let (text, request) = other.finish()
    #expect(!text.contains("@context"))
    #expect(request.head.contentType == "application/json")
    let link =
      #"<https://city.example/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json""#
    #expect(request.head.headers == ["Accept: application/json", "Link: \(link)"])
  }

  @Test mutating func anAttributeGoesOnceInARequestItsOldestFirst() throws {
    #expect(format.append(row(0, 0, .double(1)), seq: 1, to: &buffer) == .written)
    // Another attribute may have another time.
    #expect(format.append(row(3, 5, .double(1)), seq: 2, to: &buffer) == .written)
    #expect(format.append(row(0, 10, .double(2)), seq: 3, to: &buffer) == .next)
    let (text, request) = finish(1...2)
    #expect(request.items[0].rows == [1, 2] && !text.contains("10:10:10"))
    #expect(format.append(row(0, 10, .double(2)), seq: 3, to: &buffer) == .written)
    #expect(finish(3...3).text.contains(#""no2":{"type":"Property","value":2,"#))
  }

  /// A value of several parts: rows of one time may be cut apart between requests, and no part is taken away.
  @Test mutating func partsOfOneTimeStayTogetherAcrossRequests() throws {
    #expect(format.append(row(4, 0, .double(1.5)), seq: 1, to: &buffer) == .written)
    #expect(
      finish(1...1).text.contains(#""activePower":{"type":"Property","value":{"L1":1500},"unitCode":"WTT","#))
    #expect(format.append(row(5, 0, .double(2)), seq: 2, to: &buffer) == .written)
    let (text, request) = finish(2...2)
    #expect(text.contains(#""value":{"L1":1500,"L2":2000}"#) && request.items[0].rows == [2])
    #expect(format.append(row(4, 10, .double(3)), seq: 3, to: &buffer) == .written)
    #expect(format.append(row(4, 10, .double(3)), seq: 4, to: &buffer) == .next)
    #expect(format.append(row(5, 20, .double(3)), seq: 4, to: &buffer) == .next)
    #expect(format.append(row(5, 10, .double(4)), seq: 4, to: &buffer) == .written)
    #expect(finish(3...4).text.contains(#""value":{"L1":3000,"L2":4000}"#))
  }

  @Test mutating func whatHasNoValueIsNotSent() throws {
    #expect(format.append(row(0, 0, nil, quality: .bad, reason: .timeout), seq: 1, to: &buffer) == .left)
    #expect(format.append(window(1, 60, mean: 0, count: 0), seq: 2, to: &buffer) == .left)
    // A number that means nothing.
    #expect(format.append(row(6, 0, .unsigned(7)), seq: 3, to: &buffer) == .left)
    #expect(format.append(row(7, 0, .unsigned(7)), seq: 4, to: &buffer) == .unknown)
    #expect(finish(1...4).request.items.isEmpty)
  }

  @Test mutating func whatIsNotGoodSaysSo() throws {
    let doubtful = row(0, 0, .double(3), quality: .uncertain, reason: .markedInvalid, time: .unsynced)
    #expect(format.append(doubtful, seq: 1, to: &buffer) == .written)
    // 101 % is not hidden, and no share.
    #expect(format.append(window(1, 60, mean: 101), seq: 2, to: &buffer) == .written)
    #expect(format.append(row(3, 0, .double(270)), seq: 3, to: &buffer) == .written)
    let text = finish(1...3).text
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

  @Test func aPointWhoseUnitWasAnotherIsNotSentAsIfItFitted() {
    var other = NGSILDTests(Self.config)
    var points = Self.points
    points[0].unit = "CEL"
    points[1].unit = "C62"
    other.format.use(Catalogue(points: points))
    #expect(other.format.append(row(0, 0, .double(1)), seq: 1, to: &other.buffer) == .left)
    #expect(other.format.append(window(1, 0, mean: 0.5), seq: 2, to: &other.buffer) == .written)
    #expect(other.finish().text.contains(#""value":0.5,"unitCode":"C62""#))
  }
}
