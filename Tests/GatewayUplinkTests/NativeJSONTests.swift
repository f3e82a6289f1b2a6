import GatewayCore
import GatewayUplink
import Testing

/// The contract's batch, byte for byte.
@Suite struct NativeJSONTests {
  private let nine = Timestamp(microseconds: 1_795_381_200_000_000)  // 2026-11-22T21:00:00Z
  private let points = [
    PointDescription(name: "canopy.no2", unit: "GQ", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(
      name: "canopy.temperature", unit: "CEL", kind: .gauge, window: .tumbling(seconds: 60),
      functions: .standard),
    PointDescription(name: "io.door", unit: nil, kind: .state, window: .raw, functions: .standard),
    PointDescription(
      name: "io.all", unit: nil, kind: .gauge, window: .tumbling(seconds: 3600),
      functions: WindowFunctions(rawValue: 127)),
    PointDescription(
      name: "odd\"\\\u{1}é", unit: "a\"b", kind: .gauge, window: .tumbling(seconds: 1),
      functions: [.max, .sum]),
  ]

  private func row(
    _ point: PointIndex, _ body: Row.Body, after microseconds: Int64 = 0, _ quality: Quality = .good,
    _ reason: QualityReason = .none, _ timeQuality: TimeQuality = .synced
  ) -> Row {
    Row(
      point: point, time: Timestamp(microseconds: nine.microseconds + microseconds),
      boot: BootTime(microseconds: 0), quality: quality, reason: reason, timeQuality: timeQuality, body: body)
  }

  private func summary(count: UInt64 = 60, bad: UInt64 = 0, isPartial: Bool = false) -> WindowSummary {
    WindowSummary(
      seconds: 60, count: count, bad: bad, isPartial: isPartial, mean: count == 0 ? 0 : 17.31,
      min: count == 0 ? 0 : 17.2, max: count == 0 ? 0 : 17.4, sum: count == 0 ? 0 : 1038.6,
      standardDeviation: count == 0 ? 0 : 0.05, last: .double(count == 0 ? 0 : 17.3))
  }

  private func batch(_ rows: [Row], first: UInt64) -> String {
    let format = NativeJSON(gateway: "cabinet-0417")
    format.stream = StreamID(bits: 0x6b22_b4c8_d715_5218)
    format.use(Catalogue(points: points))
    var buffer = ByteBuffer()
    format.begin(&buffer)
    for (index, row) in rows.enumerated() {
      #expect(format.append(row, seq: first + UInt64(index), to: &buffer) == .written)
    }
    let start = format.finish(&buffer, rows: first...first + UInt64(rows.count) - 1).start
    return buffer.withBytes { String(decoding: $0[start...], as: UTF8.self) }
  }

  /// What stands between the brackets for this one row.
  private func text(_ row: Row) -> String {
    let all = batch([row], first: 7)
    let head =
      #"{"gateway":"cabinet-0417","stream":"6b22b4c8d7155218","first":7,"last":7,"readings":[{"seq":7,"#
    #expect(all.hasPrefix(head) && all.hasSuffix("}]}"))
    return String(all.dropFirst(head.utf8.count).dropLast(3))
  }

  @Test func theBatchIsTheContractsExample() {
    let rows = [row(0, .reading(.double(21.5))), row(1, .window(summary()), after: 60_000_000)]
    let expected =
      #"{"gateway":"cabinet-0417","stream":"6b22b4c8d7155218","first":1201,"last":1202,"readings":["#
      + #"{"seq":1201,"point":"canopy.no2","time":"2026-11-22T21:00:00.000Z","value":21.5,"unit":"GQ","#
      + #""quality":"good"},"#
      + #"{"seq":1202,"point":"canopy.temperature","time":"2026-11-22T21:01:00.000Z","window":60,"mean":17.31,"#
      + #""min":17.2,"max":17.4,"last":17.3,"count":60,"unit":"CEL","quality":"good"}]}"#
    #expect(batch(rows, first: 1201) == expected)
  }

  @Test func aFailedReadingHasAReasonAndNoValue() {
    #expect(
      text(row(0, .reading(nil), .bad, .timeout))
        == #""point":"canopy.no2","time":"2026-11-22T21:00:00.000Z","unit":"GQ","quality":"bad","#
        + #""reason":"timeout""#)
  }

  @Test func unsureTimesSaySo() {
    #expect(
      text(row(2, .reading(.signed(-1)), .good, .none, .unsynced))
        == #""point":"io.door","time":"2026-11-22T21:00:00.000Z","value":-1,"quality":"good","#
        + #""timeQuality":"unsynced""#)
    #expect(
      text(row(2, .reading(.double(1.25)), .uncertain, .someBad, .unsynced))
        == #""point":"io.door","time":"2026-11-22T21:00:00.000Z","value":1.25,"quality":"uncertain","#
        + #""reason":"some-bad","timeQuality":"unsynced""#)
  }

  @Test func integersKeepAll64Bits() {
    #expect(text(row(2, .reading(.unsigned(.max)))).contains(#""value":18446744073709551615,"#))
    #expect(text(row(2, .reading(.signed(.min)))).contains(#""value":-9223372036854775808,"#))
  }

  @Test func aWindowCarriesTheConfiguredFunctionsInOrder() {
    #expect(
      text(row(3, .window(summary(bad: 2, isPartial: true)), .uncertain, .someBad))
        == #""point":"io.all","time":"2026-11-22T21:00:00.000Z","window":60,"mean":17.31,"min":17.2,"#
        + #""max":17.4,"last":17.3,"count":60,"sum":1038.6,"stddev":0.05,"partial":true,"bad":2,"#
        + #""quality":"uncertain","reason":"some-bad""#)
  }

  @Test func anEmptyWindowHasACountAndNoStatistics() {
    #expect(
      text(row(1, .window(summary(count: 0, bad: 60)), .bad, .disconnected))
        == #""point":"canopy.temperature","time":"2026-11-22T21:00:00.000Z","window":60,"count":0,"bad":60,"#
        + #""unit":"CEL","quality":"bad","reason":"disconnected""#)
  }

  @Test func namesAreEscaped() {
    #expect(
      text(row(4, .window(summary())))
        == #""point":"odd\"\\\u0001é","time":"2026-11-22T21:00:00.000Z","window":60,"max":17.4,"sum":1038.6,"#
        + #""unit":"a\"b","quality":"good""#)
  }

  @Test func everyTimeIsFormattedAsIfAlone() throws {
    var generator = SplitMix(seed: 41)
    // Steps within a second, over seconds, back, below 1970 and beyond 9999.
    var times: [Int64] = [
      0, -1, -1000, -1_000_000, .min, .max, 253_402_300_799_999_999, 253_402_300_800_000_000,
    ]
    for _ in 0..<2000 {
      let step = [Int64](arrayLiteral: 1, 999, 1000, 400_000, 1_000_000, 86_400_000_000).randomElement(
        using: &generator)!
      times.append(nine.microseconds + Int64.random(in: -step...step, using: &generator))
    }
    let rows = times.map {
      Row(
        point: 0, time: Timestamp(microseconds: $0), boot: BootTime(microseconds: 0), quality: .good,
        reason: .none, timeQuality: .synced, body: .reading(.signed(0)))
    }
    let readings = try #require(try JSONValue(parsing: batch(rows, first: 1))["readings"]?.array)
    for (reading, row) in zip(readings, rows) {
      #expect(reading["time"]?.string == row.time.description, "seed 41, \(row.time.microseconds)")
    }
  }

  @Test func noRowIsLongerThanPromised() {
    let worst = -2.2250738585072014e-308
    let longest = WindowSummary(
      seconds: .max, count: .max, bad: .max, isPartial: true, mean: worst, min: worst, max: worst, sum: worst,
      standardDeviation: worst, last: .double(worst))
    let format = NativeJSON(gateway: "cabinet")
    format.use(
      Catalogue(points: [
        PointDescription(
          name: "p", unit: nil, kind: .gauge, window: .raw, functions: WindowFunctions(rawValue: 127))
      ]))
    var buffer = ByteBuffer()
    format.begin(&buffer)
    let before = buffer.count
    for reason in QualityReason.allCases {
      let row = Row(
        point: 0, time: nine, boot: BootTime(microseconds: 0), quality: .uncertain, reason: reason,
        timeQuality: .unsynced, body: .window(longest))
      let start = buffer.count
      #expect(format.append(row, seq: .max, to: &buffer) == .written)
      #expect(buffer.count - start <= format.longestRow)
    }
    #expect(before <= format.overhead)
  }

  @Test func aPointOutsideTheCatalogueIsRefused() {
    let format = NativeJSON(gateway: "cabinet")
    var buffer = ByteBuffer()
    format.begin(&buffer)
    let before = buffer.count
    #expect(format.append(row(0, .reading(nil)), seq: 1, to: &buffer) == .unknown)
    format.use(Catalogue(points: points))
    #expect(format.append(row(5, .reading(nil)), seq: 1, to: &buffer) == .unknown)
    #expect(format.append(row(.max, .reading(nil)), seq: 1, to: &buffer) == .unknown)
    #expect(buffer.count == before)
  }
}
