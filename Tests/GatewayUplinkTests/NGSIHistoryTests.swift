import GatewayCore
import GatewayUplink
import Testing

/// What is posted to a broker's temporal API, to the byte.
@Suite struct NGSIHistoryTests {
  private static let points = [
    PointDescription(name: "aq.no2", unit: "GQ", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(name: "mains.l1", unit: "KWT", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(name: "mains.l2", unit: "KWT", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(name: "aq.spare", unit: nil, kind: .gauge, window: .raw, functions: .standard),
  ]

  private static let config = NGSIConfig(
    tenant: "city", contextURL: "https://city.example/c.jsonld", history: .temporal,
    entities: [
      EntityConfig(
        id: "urn:aq", type: "AirQualityObserved", location: Location(longitude: 4, latitude: 5),
        fixed: [#""typeofLocation":{"type":"Property","value":"outdoor"}"#],
        attributes: [EntityAttribute(point: "aq.no2", name: "no2")]),
      EntityConfig(
        id: "urn:mains", type: "ThreePhaseAcMeasurement",
        attributes: [
          EntityAttribute(point: "mains.l1", name: "activePower", part: "L1"),
          EntityAttribute(point: "mains.l2", name: "activePower", part: "L2"),
        ]),
    ])

  /// The format of a lane with its buffer.
  private final class Desk {
    let format: any BatchFormat
    private var buffer = ByteBuffer()

    init(_ config: NGSIConfig = NGSIHistoryTests.config, lane: ForwarderState.Lane = .backlog) {
      let destination = DestinationConfig(name: "b", url: "", format: .ngsi(config))
      format = destination.makeFormat(for: lane, gateway: "c")
      format.use(Catalogue(points: NGSIHistoryTests.points))
      format.begin(&buffer)
    }

    func append(_ point: PointIndex, _ seconds: Int64, _ value: Double?, milliseconds: Int64 = 0) -> RowFate {
      let row = Row(
        point: point,
        time: Timestamp(microseconds: (1_795_342_200_000 + seconds * 1000) * 1000 + milliseconds),
        boot: BootTime(microseconds: 0), quality: value == nil ? .bad : .good, reason: .none,
        timeQuality: .synced, body: .reading(value.map { .double($0) }))
      return format.append(row, seq: 1, to: &buffer)
    }

    /// Each request's body.
    func finish() -> (texts: [String], request: FinishedRequest) {
      let request = format.finish(&buffer, rows: 1...9)
      let starts = [request.start] + request.further.map(\.start)
      let texts = zip(starts, starts.dropFirst() + [buffer.count]).map { start, end in
        buffer.withBytes { String(decoding: $0[start..<end], as: UTF8.self) }
      }
      format.begin(&buffer)
      return (texts, request)
    }
  }

  private let desk = Desk()

  private func instance(_ value: String, _ unit: String, _ time: String) -> String {
    #"{"type":"Property","value":\#(value),"unitCode":"\#(unit)","observedAt":"2026-11-22T10:\#(time).000Z","#
      + #""quality":{"type":"Property","value":"good"}}"#
  }

  @Test func eachEntityIsARequestAndEachAttributeAListOfInstances() {
    for round in 0..<2 {
      #expect(desk.append(0, Int64(round) * 60, 21.5 + Double(round)) == .written)
      #expect(desk.append(1, Int64(round) * 60, 1) == .written)
      #expect(desk.append(2, Int64(round) * 60, 2) == .written)
      #expect(desk.append(3, Int64(round) * 60, 2) == .left)
    }
    #expect(desk.append(0, 120, nil) == .left)
    let (texts, request) = desk.finish()
    let end = #"],"@context":["https://city.example/c.jsonld"]}"#
    // No location and nothing fixed: they have no time.
    #expect(
      texts == [
        #"{"id":"urn:aq","type":"AirQualityObserved","no2":["# + instance("21.5", "GQ", "10:00") + ","
          + instance("22.5", "GQ", "11:00") + end,
        #"{"id":"urn:mains","type":"ThreePhaseAcMeasurement","activePower":["#
          + instance(#"{"L1":1000,"L2":2000}"#, "WTT", "10:00") + ","
          + instance(#"{"L1":1000,"L2":2000}"#, "WTT", "11:00") + end,
      ])
    let head = RequestHead(
      path: "/ngsi-ld/v1/temporal/entities", contentType: "application/ld+json",
      headers: ["Accept: application/json", "NGSILD-Tenant: city"])
    #expect(request.head == head && request.further.map(\.head) == [head] && request.isHistory)
  }

  @Test func liveRowsAndOtherDestinationsGoToTheUpsert() {
    var config = Self.config
    for (lane, history) in [(ForwarderState.Lane.live, NGSIConfig.History.temporal), (.backlog, .upsert)] {
      config.history = history
      let other = Desk(config, lane: lane)
      #expect(other.append(0, 0, 1) == .written)
      let request = other.finish().request
      #expect(request.head.path.contains("upsert") && !request.isHistory)
    }
  }

  @Test func oneTimeOfAnAttributeIsOneInstanceOfABatch() {
    #expect(desk.append(0, 0, 1) == .written)
    // Within the same millisecond, which is what a broker sees.
    #expect(
      desk.append(0, 0, 2, milliseconds: 0) == .next && desk.append(0, 0, 2, milliseconds: 999) == .next)
    #expect(desk.append(0, 0, 2, milliseconds: 1000) == .written)
    // A clock that was set back.
    #expect(desk.append(0, -5, 3) == .written && desk.append(0, 0, 3) == .next)
    #expect(desk.append(1, 0, 1) == .written && desk.append(1, 0, 1) == .next)
    #expect(desk.finish().texts.count == 2)
    #expect(desk.append(0, 0, 3) == .written)
  }

  /// A backlog may go out from either end: the parts of one time are cut apart at the other end of a batch then.
  @Test(arguments: [[1, 2], [2, 1]] as [[PointIndex]])
  func partsOfOneTimeStayTogetherWhicheverBatchGoesFirst(order: [PointIndex]) throws {
    #expect(
      desk.append(order[0], 0, 1) == .written && desk.append(order[0], order[0] == 1 ? -9 : 9, 7) == .written)
    _ = desk.finish()
    #expect(
      desk.append(order[1], order[0] == 1 ? 9 : -9, 7) == .written && desk.append(order[1], 0, 2) == .written)
    let text = try #require(desk.finish().texts.first)
    let (first, second) = ("\"L\(order[0])\":1000", "\"L\(order[1])\":2000")
    #expect(text.contains("{\(first),\(second)}"), "\(text)")
  }

  @Test func aBatchStaysWithinItsBytes() throws {
    let queue = MemoryQueue(points: Self.points)
    let rows = (0..<3000).map { index in
      Row(
        point: PointIndex(index % 3),
        time: Timestamp(microseconds: 1_795_342_200_000_000 + Int64(index / 3) * 1_000_000),
        boot: BootTime(microseconds: 0), quality: .uncertain, reason: .markedInvalid, timeQuality: .unsynced,
        body: .reading(.double(0.1 + Double(index))))
    }
    queue.store(rows)
    let destination = DestinationConfig(
      name: "b", url: "", format: .ngsi(Self.config), usesGzip: false, maximumReadings: 5000,
      maximumBytes: 64 << 10)
    var builder = BatchBuilder(
      destination, gateway: "c", queue: queue, format: destination.makeFormat(for: .backlog, gateway: "c"))
    var batch = SealedBatch()
    var next: UInt64 = 1
    while next <= 3000 {
      builder.fill(rowLimit: 5000, through: 3000, isEnd: true)
      builder.seal(into: &batch)
      #expect(batch.rows.lowerBound == next && batch.requestCount == 2 && batch.byteCount <= 64 << 10)
      next = batch.rows.upperBound + 1
    }
  }
}
