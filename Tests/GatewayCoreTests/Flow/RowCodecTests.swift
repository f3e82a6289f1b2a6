import GatewayCore
import Testing

@Suite struct RowCodecTests {
  private func encode(_ rows: [Row]) -> [UInt8] {
    var encoder = RowEncoder()
    for row in rows { encoder.append(row) }
    return encoder.bytes.copyBytes()
  }

  private func decode(_ bytes: [UInt8], _ count: Int) throws -> [Row] {
    try bytes.withUnsafeBytes { raw in
      var decoder = RowDecoder(raw, rowCount: count)
      var rows: [Row] = []
      while let row = try decoder.next() { rows.append(row) }
      return rows
    }
  }

  private func value(_ generator: inout SplitMix) -> Value? {
    switch Int.random(in: 0..<9, using: &generator) {
    case 0: nil
    case 1: .signed(Int64.random(in: .min ... .max, using: &generator))
    case 2: .unsigned(UInt64.random(in: .min ... .max, using: &generator))
    case 3: .double(Double(Int.random(in: -100_000...100_000, using: &generator)) / 100)
    case 4: .double(Double(Float(bitPattern: UInt32.random(in: 0..<0x7F80_0000, using: &generator))))
    case 5: .double(Double(bitPattern: UInt64.random(in: 0..<0x7FF0_0000_0000_0000, using: &generator)))
    case 6:
      .double(
        [0, -0.0, 1e15, 0x1p50, 0x1p53, -0x1p63, .leastNonzeroMagnitude].randomElement(using: &generator)!)
    case 7: .signed([0, -1, .min, .max].randomElement(using: &generator)!)
    default: .double(Double(Int.random(in: -5...5, using: &generator)))
    }
  }

  private func row(_ generator: inout SplitMix, after previous: Row?) -> Row {
    let sameTime = previous != nil && Bool.random(using: &generator)
    let time =
      sameTime ? previous!.time.microseconds : Int64.random(in: -1 << 60...1 << 60, using: &generator)
    let boot = sameTime ? previous!.boot.microseconds : Int64.random(in: 0...1 << 50, using: &generator)
    var body = Row.Body.reading(value(&generator))
    if Int.random(in: 0..<4, using: &generator) == 0 {
      let count = UInt64.random(in: 0...3, using: &generator)
      func number() -> Double { count == 0 ? 0 : value(&generator)?.asDouble ?? 0 }
      body = .window(
        WindowSummary(
          seconds: 60, count: count, bad: UInt64.random(in: 0...3, using: &generator),
          isPartial: Bool.random(using: &generator), mean: number(), min: number(), max: number(),
          sum: number(),
          standardDeviation: number(), last: count == 0 ? .double(0) : value(&generator) ?? .signed(1)))
    }
    return Row(
      point: Bool.random(using: &generator)
        ? (previous?.point ?? 0) &+ 1 : .random(in: 0...100_000, using: &generator),
      time: Timestamp(microseconds: time), boot: BootTime(microseconds: boot),
      quality: Quality.allCases.randomElement(using: &generator)!,
      reason: QualityReason.allCases.randomElement(using: &generator)!,
      timeQuality: TimeQuality.allCases.randomElement(using: &generator)!, body: body)
  }

  /// Equality to the bit: `==` takes -0 for 0.
  private func bits(_ row: Row) -> String { "\(row)" }

  @Test func everyRowReadsBackToTheBit() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<300 {
      var rows: [Row] = []
      for _ in 0..<Int.random(in: 0..<40, using: &generator) {
        rows.append(row(&generator, after: rows.last))
      }
      let back = try decode(encode(rows), rows.count)
      #expect(back.map(bits) == rows.map(bits), "seed \(seed)")
    }
  }

  @Test func mutatedPayloadsNeverReadOutsideTheirBytes() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SplitMix(seed: seed)
    var refused = 0
    for _ in 0..<3000 {
      var rows: [Row] = []
      for _ in 0..<8 { rows.append(row(&generator, after: rows.last)) }
      var bytes = encode(rows)
      for _ in 0..<3 {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
      do { _ = try decode(bytes, rows.count) } catch { refused += 1 }
    }
    #expect(refused > 1000, "seed \(seed): a cut payload is noticed")
  }

  @Test func theFormatIsPinned() {
    func reading(
      _ point: PointIndex, _ micros: Int64, _ value: Value?, _ quality: Quality = .good,
      _ reason: QualityReason = .none
    ) -> Row {
      Row(
        Reading(
          point: point,
          at: Moment(time: Timestamp(microseconds: micros), boot: BootTime(microseconds: micros - 7)),
          value: value, quality: quality, reason: reason))
    }
    let window = Row(
      point: 0, time: Timestamp(microseconds: 1100), boot: BootTime(microseconds: 1093), quality: .good,
      reason: .none,
      timeQuality: .synced,
      body: .window(
        WindowSummary(
          seconds: 60, count: 2, bad: 1, isPartial: true, mean: 1.5, min: 1, max: 2, sum: 3,
          standardDeviation: 0.1,
          last: .unsigned(300))))
    let bytes = encode([
      reading(0, 1000, .signed(-3)), reading(1, 1000, .double(17.3)), reading(2, 1000, .double(0.0001)),
      reading(9, 1001, .double(Double(Float(0.1)))), reading(10, 1001, nil, .bad, .timeout), window,
    ])
    #expect(
      bytes == [
        0x1C, 0xD0, 0x0F, 0x0E, 0x05,  // signed, next, plain; time 1000, offset 7; -3
        0x4E, 0xE8, 0x0A,  // decimal, same time; 173·2·4 + 0
        0x4E, 0x0B,  // decimal: 1·2·4 + 3
        0x58, 0x02, 0x00, 0x0E, 0xCD, 0xCC, 0xCC, 0x3D,  // float32: time + 1, point + 7
        0x06, 0x02, 0x01, 0x00,  // no value, same time, next: bad, timeout, synced
        // partial window: time + 99, point - 10; 60 s, 2, 1 bad
        0x19, 0xC6, 0x01, 0x00, 0x13, 0x3C, 0x02, 0x01,
        0x02, 0xAC, 0x02, 0x04, 0x78, 0x03, 0x02, 0x03, 0x04, 0x03, 0x06, 0x04, 0x08,
      ])
  }

  @Test func extrasOfAWindowAreTheseBytes() throws {
    var row = Row(
      point: 0, time: Timestamp(microseconds: 1000), boot: BootTime(microseconds: 993), quality: .good,
      reason: .none, timeQuality: .synced,
      body: .window(
        WindowSummary(
          seconds: 60, count: 1, bad: 0, isPartial: false, mean: 1, min: 1, max: 1, sum: 1,
          standardDeviation: 0, last: .signed(1),
          extras: [
            ExtraStatistic(.first, .signed(1)), ExtraStatistic(.transitions, .unsigned(3)),
            ExtraStatistic(.durations, .double(2.5), state: 4), ExtraStatistic(.good, .double(0.5)),
          ])))
    let bytes = encode([row])
    #expect(
      bytes == [
        // window with extras, next, plain; time 1000, offset 7; 60 s, 1, 0 bad; last, mean, min, max, sum, deviation
        0x2D, 0xD0, 0x0F, 0x0E, 0x3C, 0x01, 0x00, 0x01, 0x02, 0x03, 0x02, 0x03, 0x02, 0x03, 0x02, 0x03, 0x02,
        0x03, 0x00,
        // four: bit 7 signed 1; bit 13 unsigned 3; bit 14 of state 4, 25·2·4; bit 18, 5·2·4
        0x04, 0x07, 0x01, 0x02, 0x0D, 0x02, 0x03, 0x0E, 0x03, 0x08, 0x04, 0xC8, 0x01, 0x12, 0x04, 0x28,
      ])
    #expect(try decode(bytes, 1) == [row])
    // Whatever they are: the longest row has room for them.
    guard case .window(var summary) = row.body else { return }
    summary.extras = (0..<32).map {
      ExtraStatistic(.durations, .double(-.greatestFiniteMagnitude / 3), state: Double($0) + 0.1234567891)
    }
    row.body = .window(summary)
    #expect(encode([row]).count <= RowEncoder.longestRow)
  }

  @Test func aCatalogueReadsBackAndDamageIsSeen() {
    let catalogue = Catalogue(points: [
      PointDescription(name: "a.b", unit: "CEL", kind: .gauge, window: .raw, functions: .standard),
      PointDescription(
        name: "a.ü", unit: nil, kind: .counter, window: .tumbling(seconds: 60), functions: [.sum]),
    ])
    let back = Catalogue(decoding: catalogue.encoded)
    #expect(back == catalogue)
    #expect(back?.id == catalogue.id)
    for length in 0..<catalogue.encoded.count {
      #expect(Catalogue(decoding: Array(catalogue.encoded.prefix(length))) == nil)
    }
  }
}
