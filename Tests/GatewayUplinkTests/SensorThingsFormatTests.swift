import GatewayCore
import GatewayUplink
import Testing

/// The body of `CreateObservations`, byte for byte.
@Suite struct SensorThingsFormatTests {
  private let nine = Timestamp(microseconds: 1_795_381_200_000_000)  // 2026-11-22T21:00:00Z
  private let points = [
    PointDescription(name: "canopy.no2", unit: "GQ", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(
      name: "canopy.temperature", unit: "CEL", kind: .gauge, window: .tumbling(seconds: 60),
      functions: .standard),
    PointDescription(
      name: "mains.energy", unit: "KWH", kind: .counter, window: .tumbling(seconds: 60), functions: .standard),
    PointDescription(name: "new.one", unit: nil, kind: .gauge, window: .raw, functions: .standard),
  ]

  private func id(_ text: String) throws -> ThingsID { try #require(ThingsID(try JSONValue(parsing: text))) }

  private func format(_ options: SensorThingsOptions = SensorThingsOptions()) throws -> SensorThings {
    let book = DatastreamBook(
      url: "", gateway: "c", thing: try id("1"),
      datastreams: [
        "canopy.no2 GQ": try id("42"), "canopy.temperature CEL": try id(#""a'b""#),
        "mains.energy KWH": try id("44"),
      ])
    let format = SensorThings(destination: "frost", options: options, book: .success(book))
    format.stream = StreamID(bits: 0x6b22_b4c8_d715_5218)
    format.use(Catalogue(points: points))
    return format
  }

  private func row(
    _ point: PointIndex, _ body: Row.Body, second: Int64 = 0, _ quality: Quality = .good,
    _ reason: QualityReason = .none, _ timeQuality: TimeQuality = .synced
  ) -> Row {
    Row(
      point: point, time: nine.advanced(by: .seconds(second)), boot: BootTime(microseconds: 0),
      quality: quality,
      reason: reason, timeQuality: timeQuality, body: body)
  }

  private func summary(count: UInt64 = 60, bad: UInt64 = 0, isPartial: Bool = false) -> WindowSummary {
    WindowSummary(
      seconds: 60, count: count, bad: bad, isPartial: isPartial, mean: 17.31, min: 17.2, max: 17.4,
      sum: 1038.6,
      standardDeviation: 0.05, last: .double(17.3))
  }

  private func request(
    _ format: SensorThings, _ rows: [Row], fates: [RowFate]? = nil
  ) -> (body: String, request: FinishedRequest) {
    var buffer = ByteBuffer()
    format.begin(&buffer)
    for (index, row) in rows.enumerated() {
      let fate = format.append(row, seq: UInt64(index + 1), to: &buffer)
      #expect(fate == fates?[index] ?? .written)
    }
    let request = format.finish(&buffer, rows: 1...UInt64(rows.count))
    return (buffer.withBytes { String(decoding: $0[request.start...], as: UTF8.self) }, request)
  }

  @Test("an estimated time says its bound")
  func anEstimatedTimeSaysItsBound() throws {
    var estimated = row(0, .reading(.double(21.5)), .good, .none, .estimated)
    estimated.timeError = .milliseconds(12_500)
    let parameters = #""recordId":"6b22b4c8d7155218-1","timeQuality":"estimated","timeError":12.5}]"#
    #expect(request(try format(), [estimated]).0.contains(parameters))
  }

  @Test func rowsAreGroupedByDatastreamAndQuality() throws {
    let rows = [
      row(0, .reading(.double(21.5))), row(1, .window(summary()), second: 60),
      row(0, .reading(.unsigned(.max)), second: 1, .good, .none, .unsynced),
      row(0, .reading(.signed(-3)), second: 2, .uncertain, .edgesLost),
      row(2, .window(summary(bad: 2)), second: 60),
    ]
    let (body, request) = request(try format(), rows)
    let columns = #""components":["phenomenonTime","resultTime","result","parameters"],"dataArray@iot.count""#
    let expected =
      #"[{"Datastream":{"@iot.id":42},\#(columns):2,"dataArray":["#
      + #"["2026-11-22T21:00:00.000Z","2026-11-22T21:00:00.000Z",21.5,{"recordId":"6b22b4c8d7155218-1"}],"#
      + #"["2026-11-22T21:00:01.000Z","2026-11-22T21:00:01.000Z",18446744073709551615,"#
      + #"{"recordId":"6b22b4c8d7155218-3","timeQuality":"unsynced"}]]},"#
      + #"{"Datastream":{"@iot.id":"a'b"},\#(columns):1,"dataArray":["#
      + #"["2026-11-22T21:01:00.000Z","2026-11-22T21:01:00.000Z",17.31,{"recordId":"6b22b4c8d7155218-2","#
      + #""window":60,"statistic":"mean","min":17.2,"max":17.4,"last":17.3,"count":60}]]},"#
      + #"{"Datastream":{"@iot.id":42},"#
      + #""components":["phenomenonTime","resultTime","result","resultQuality","parameters"],"#
      + #""dataArray@iot.count":1,"dataArray":[["2026-11-22T21:00:02.000Z","2026-11-22T21:00:02.000Z",-3,"#
      + #"{"quality":"uncertain","reason":"edges-lost"},{"recordId":"6b22b4c8d7155218-4"}]]},"#
      + #"{"Datastream":{"@iot.id":44},\#(columns):1,"dataArray":["#
      + #"["2026-11-22T21:01:00.000Z","2026-11-22T21:01:00.000Z",17.3,{"recordId":"6b22b4c8d7155218-5","#
      + #""window":60,"mean":17.31,"min":17.2,"max":17.4,"statistic":"last","count":60,"bad":2}]]}]"#
    #expect(body == expected)
    #expect(request.head.path == "/CreateObservations" && !request.head.isRepeatable)
    #expect(request.head.obstacle == nil)
    #expect(request.items.map(\.rows) == [[1, 3], [2], [4], [5]])
    // An array's answer is read by place: the rows stand there as the items say.
    let records = try #require(try JSONValue(parsing: body).array).flatMap { $0["dataArray"]?.array ?? [] }
      .compactMap { $0.array?.last?["recordId"]?.string?.split(separator: "-").last.flatMap { UInt64($0) } }
    #expect(records == request.items.flatMap(\.rows))
  }

  @Test func aWindowMayBeAnInterval() throws {
    let (body, _) = request(
      try format(SensorThingsOptions(windowTime: .interval)),
      [row(1, .window(summary(isPartial: true)), second: 60)])
    #expect(
      body.contains(
        #"[["2026-11-22T21:00:00.000Z/2026-11-22T21:01:00.000Z","2026-11-22T21:01:00.000Z",17.31"#))
    #expect(body.contains(#""count":60,"partial":true}"#))
  }

  @Test("durations are never the result: where there is nothing else, the number of readings is")
  func durationsAreParameters() throws {
    func observation(_ functions: WindowFunctions) throws -> String {
      let format = try format()
      format.use(
        Catalogue(points: [
          PointDescription(
            name: "canopy.no2", unit: "GQ", kind: .state, window: .tumbling(seconds: 60), functions: functions
          )
        ]))
      var window = summary()
      window.extras = [
        ExtraStatistic(.durations, .double(40), state: 0), ExtraStatistic(.durations, .double(20), state: 1),
      ]
      return request(format, [row(0, .window(window), second: 60)]).body
    }
    let alone = try observation(.durations)
    #expect(alone.contains(#""2026-11-22T21:01:00.000Z",60,{"#), "\(alone)")
    #expect(alone.contains(#""window":60,"statistic":"count","durations":{"0":40,"1":20}}"#), "\(alone)")
    let beside = try observation([.durations, .last])
    #expect(beside.contains(#""2026-11-22T21:01:00.000Z",17.3,{"#), "\(beside)")
    #expect(beside.contains(#""window":60,"statistic":"last","durations":{"0":40,"1":20}}"#), "\(beside)")
  }

  @Test func rowsWithoutAValueAreLeftOrNull() throws {
    let rows = [
      row(0, .reading(nil), .bad, .timeout), row(1, .window(summary(count: 0, bad: 3)), .bad, .timeout),
      row(0, .reading(.signed(1))),
    ]
    let left = request(try format(), rows, fates: [.left, .left, .written])
    #expect(left.request.items.map(\.rows) == [[3]])
    let sent = request(try format(SensorThingsOptions(failedRows: .null)), rows)
    #expect(
      sent.body.contains(#"Z",null,{"quality":"bad","reason":"timeout"},{"recordId":"6b22b4c8d7155218-1"}]"#))
    #expect(
      sent.body.contains(
        #"Z",null,{"quality":"bad","reason":"timeout"},{"recordId":"6b22b4c8d7155218-2","window":60,"#
          + #""statistic":"mean","count":0,"bad":3}]"#))
  }

  @Test func aRowWithoutADatastreamStandsAloneAndIsNotSent() throws {
    let format = try format()
    var buffer = ByteBuffer()
    format.begin(&buffer)
    #expect(format.append(row(0, .reading(.signed(1))), seq: 1, to: &buffer) == .written)
    #expect(format.append(row(3, .reading(.signed(1))), seq: 2, to: &buffer) == .next)
    #expect(format.finish(&buffer, rows: 1...1).head.obstacle == nil)
    format.begin(&buffer)
    #expect(format.append(row(3, .reading(.signed(1))), seq: 2, to: &buffer) == .written)
    #expect(format.append(row(0, .reading(.signed(1))), seq: 3, to: &buffer) == .next)
    #expect(
      format.finish(&buffer, rows: 2...2).head.obstacle
        == #"point "new.one" (C62) has no Datastream: run gatewayctl provision frost"#)
    let unknown = SensorThings(destination: "frost", options: SensorThingsOptions(), book: nil)
    unknown.use(Catalogue(points: points))
    #expect(
      request(unknown, [row(0, .reading(.signed(1)))]).request.head.obstacle
        == "no Datastream of it is known: run gatewayctl provision frost")
  }

  @Test func theQuestionIsForTheRowsOfEachGroup() throws {
    let rows = [row(1, .window(summary()), second: 60), row(1, .window(summary()), second: 120)]
    let lookups = request(try format(), rows).request.lookups
    #expect(lookups.map(\.rows) == [[1, 2]])
    #expect(
      lookups.first?.path
        == "/Datastreams('a''b')/Observations?$select=parameters&$orderby=resultTime&$filter="
        + "resultTime%20ge%202026-11-22T21:01:00.000Z%20and%20resultTime%20le%202026-11-22T21:02:00.000Z")
    #expect(request(try format(SensorThingsOptions(looksUp: false)), rows).request.lookups.isEmpty)
  }

  @Test func noRequestIsLongerThanItsDraftSaid() throws {
    let format = try format(SensorThingsOptions(windowTime: .interval, failedRows: .null))
    let worst = -2.2250738585072014e-308
    let longest = WindowSummary(
      seconds: 86_400, count: .max, bad: .max, isPartial: true, mean: worst, min: worst, max: worst,
      sum: worst,
      standardDeviation: worst, last: .double(worst))
    format.use(
      Catalogue(points: [
        PointDescription(
          name: "mains.energy", unit: "KWH", kind: .gauge, window: .raw,
          functions: WindowFunctions(rawValue: 127))
      ]))
    var buffer = ByteBuffer()
    format.begin(&buffer)
    for (index, reason) in QualityReason.allCases.enumerated() {
      let before = buffer.count
      let row = row(0, .window(longest), index % 2 == 0 ? .uncertain : .good, reason, .unsynced)
      #expect(format.append(row, seq: .max, to: &buffer) == .written)
      #expect(buffer.count - before <= format.longestRow)
    }
    let draft = buffer.count
    let request = format.finish(&buffer, rows: 1...2)
    #expect(buffer.count - request.start <= draft + 2)
  }
}
