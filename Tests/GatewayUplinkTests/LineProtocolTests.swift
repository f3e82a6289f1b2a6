import GatewayCore
import GatewayUplink
import Testing

/// InfluxDB's line protocol, byte for byte.
@Suite struct LineProtocolTests {
  private let nine = Timestamp(microseconds: 1_795_381_200_000_123)
  private let points = [
    PointDescription(name: "canopy.no2", unit: "GQ", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(
      name: "canopy.temperature", unit: "CEL", kind: .gauge, window: .tumbling(seconds: 60),
      functions: .standard),
    PointDescription(name: "io.door", unit: nil, kind: .state, window: .raw, functions: .standard),
    PointDescription(
      name: "o d,d=\u{1}.a=b c\\", unit: "a, b=\"c\"", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(
      name: "io.all", unit: nil, kind: .gauge, window: .tumbling(seconds: 60),
      functions: WindowFunctions(rawValue: 127)),
  ]

  private func row(
    _ point: PointIndex, _ body: Row.Body, _ quality: Quality = .good, _ reason: QualityReason = .none,
    _ timeQuality: TimeQuality = .synced
  ) -> Row {
    Row(
      point: point, time: nine, boot: BootTime(microseconds: 0), quality: quality, reason: reason,
      timeQuality: timeQuality, body: body)
  }

  private func summary(count: UInt64 = 60, bad: UInt64 = 0, isPartial: Bool = false) -> WindowSummary {
    WindowSummary(
      seconds: 60, count: count, bad: bad, isPartial: isPartial, mean: 17.31, min: 17.2, max: 17.4,
      sum: 1038.6,
      standardDeviation: 0.05, last: .double(17))
  }

  private static let database = InfluxConfig.Place.database("city", retentionPolicy: nil)

  private func write(
    _ rows: [Row], _ config: InfluxConfig = InfluxConfig(place: database)
  ) -> (text: String, request: FinishedRequest) {
    let format = LineProtocol(config, gateway: "cabinet-0417")
    format.stream = StreamID(bits: 0x6b22_b4c8_d715_5218)
    format.use(Catalogue(points: points))
    var buffer = ByteBuffer()
    format.begin(&buffer)
    for (index, row) in rows.enumerated() {
      #expect(format.append(row, seq: 1201 + UInt64(index), to: &buffer) == .written)
    }
    let request = format.finish(&buffer, rows: 1201...1200 + UInt64(max(rows.count, 1)))
    return (buffer.withBytes { String(decoding: $0, as: UTF8.self) }, request)
  }

  private let end = #",seq=1201i,stream="6b22b4c8d7155218" 1795381200000123"# + "\n"

  @Test func aReadingIsALineWithTagsInOrderAndAFloat() {
    let start = "canopy,device=canopy,gateway=cabinet-0417,point=no2,unit=GQ "
    #expect(write([row(0, .reading(.double(21.5)))]).text == start + #"value=21.5,quality="good""# + end)
    // Whole numbers are floats too: a scaled register would be now one, now the other.
    #expect(write([row(0, .reading(.signed(-3)))]).text == start + #"value=-3,quality="good""# + end)
    #expect(
      write([row(0, .reading(nil), .bad, .timeout, .unsynced)]).text
        == start + #"quality="bad",reason="timeout",timeQuality="unsynced""# + end)
    for number in [Double.nan, .infinity, -.infinity] {
      #expect(
        write([row(0, .reading(.double(number)), .bad, .notANumber)]).text
          == start + #"quality="bad",reason="not-a-number""# + end)
    }
  }

  @Test func aWindowHasItsStatisticsAndItsLengthAsATag() {
    let start = "canopy,device=canopy,gateway=cabinet-0417,point=temperature"
    #expect(
      write([row(1, .window(summary()))]).text == start
        + #",unit=CEL,window=60 mean=17.31,min=17.2,max=17.4,last=17,count=60i,quality="good""# + end)
    #expect(
      write([row(1, .window(summary(count: 0, bad: 60)), .bad, .disconnected)]).text == start
        + #",unit=CEL,window=60 count=0i,bad=60i,quality="bad",reason="disconnected""# + end)
  }

  @Test func partialWindowsOfOneTimeStayApart() {
    let rows = Array(repeating: row(4, .window(summary(isPartial: true)), .uncertain, .someBad), count: 2)
    let lines = write(rows).text.split(separator: "\n").map { $0.split(separator: " ") }
    #expect(
      lines[0][0] == "io,device=io,gateway=cabinet-0417,point=all,row=6b22b4c8d7155218-1201,window=60")
    #expect(
      lines[1][0] == "io,device=io,gateway=cabinet-0417,point=all,row=6b22b4c8d7155218-1202,window=60")
    #expect(lines[0][1].contains("sum=1038.6,stddev=0.05,count=60i,partial=true,"))
  }

  @Test func namesAreEscaped() {
    #expect(
      write([row(3, .reading(.unsigned(1)))]).text
        == #"o\ d\,d=_,device=o\ d\,d\=_,gateway=cabinet-0417,point=a\=b\ c_,unit=a\,\ b\="c" value=1,quality="good""#
        + end)
  }

  @Test func theMeasurementIsAsConfigured() {
    var config = InfluxConfig(place: Self.database)
    for (text, start) in [("cabinet", "cabinet,"), ("{gateway}/{device}.{point}", "cabinet-0417/io.door,")] {
      config.measurement = text
      #expect(write([row(2, .reading(nil), .bad, .timeout)], config).text.hasPrefix(start))
    }
  }

  @Test func thePathAndTheTimestampsAreOfOneUnit() {
    let v2 = InfluxConfig.Place.bucket("se/ns", organization: "cit y")
    for (precision, v1Word, time) in [
      (InfluxConfig.Precision.seconds, "s", "1795381200"), (.milliseconds, "ms", "1795381200000"),
      (.microseconds, "u", "1795381200000123"), (.nanoseconds, "n", "1795381200000123000"),
    ] {
      let old = InfluxConfig(place: .database("a&b", retentionPolicy: "one week"), precision: precision)
      let (text, request) = write([row(2, .reading(.signed(1)))], old)
      #expect(text.hasSuffix(" \(time)\n"))
      #expect(request.head.path == "/write?db=a%26b&precision=\(v1Word)&rp=one%20week")
      #expect(request.head.contentType == "text/plain; charset=utf-8")
      let path = write([], InfluxConfig(place: v2, precision: precision)).request.head.path
      #expect(path == "/api/v2/write?org=cit%20y&bucket=se%2Fns&precision=\(precision.word)")
    }
  }

  @Test func noRowIsLongerThanPromised() {
    let worst = -2.2250738585072014e-308
    let longest = WindowSummary(
      seconds: .max, count: .max, bad: .max, isPartial: true, mean: worst, min: worst, max: worst, sum: worst,
      standardDeviation: worst, last: .double(worst))
    let format = LineProtocol(InfluxConfig(place: Self.database), gateway: "cabinet-0417")
    format.use(Catalogue(points: points))
    var buffer = ByteBuffer()
    format.begin(&buffer)
    for reason in QualityReason.allCases {
      let start = buffer.count
      _ = format.append(
        row(4, .window(longest), .uncertain, reason, .unsynced), seq: .max, to: &buffer)
      #expect(buffer.count - start <= format.longestRow)
    }
    #expect(format.append(row(5, .reading(nil)), seq: 1, to: &buffer) == .unknown)
  }
}
