import GatewayCore
import Testing

@Suite struct RowThinnerTests {
  private static let start: Int64 = 1_790_000_000_000_000
  private static let catalogue = Catalogue(points: [
    PointDescription(name: "a.level", unit: "MTR", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(name: "a.pulses", unit: nil, kind: .counter, window: .raw, functions: .standard),
    PointDescription(
      name: "a.noise", unit: "2N", kind: .gauge, window: .tumbling(seconds: 60), functions: [.mean, .sum]),
    PointDescription(name: "a.door", unit: nil, kind: .state, window: .raw, functions: .standard),
  ])

  private struct Draws: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 31
    }
  }

  private static func row(_ point: PointIndex, _ time: Int64, _ value: Value?) -> Row {
    let moment = Moment(time: Timestamp(microseconds: time), boot: BootTime(microseconds: time - 77))
    return Row(
      value == nil
        ? Reading(point: point, at: moment, failed: .timeout, timeQuality: .synced)
        : Reading(point: point, at: moment, value: value))
  }

  /// Readings every ten seconds, by time; those of the noise level come as windows.
  private static func rows(seconds: Int, _ random: inout some RandomNumberGenerator) -> (
    raw: [Row], stored: [Row]
  ) {
    var (raw, stored, total): ([Row], [Row], UInt64) = ([], [], 1 << 60)
    var aggregator = WindowAggregator(points: catalogue.points, startedAt: Timestamp(microseconds: start))
    for second in stride(from: 0, to: seconds, by: 10) {
      let time = start + Int64(second) * 1_000_000 + Int64.random(in: 0..<500_000, using: &random)
      total =
        Int.random(in: 0..<3000, using: &random) == 0 ? 3 : total + UInt64.random(in: 0...3, using: &random)
      let values: [Value?] = [
        .double(Double.random(in: 1...2, using: &random)), .unsigned(total),
        .double(Double(Int.random(in: 300...900, using: &random)) / 10),
        .signed(Int.random(in: 0..<200, using: &random) == 0 ? 1 : 0),
      ]
      for (point, value) in values.enumerated() {
        let isLost = Int.random(in: 0..<40, using: &random) == 0
        let row = row(PointIndex(point), time, isLost ? nil : value)
        raw.append(row)
        guard point == 2, case .reading(let value) = row.body else {
          stored.append(row)
          continue
        }
        aggregator.add(
          Reading(
            point: 2, at: Moment(time: row.time, boot: row.boot), value: value, quality: row.quality,
            reason: row.reason)
        ) { stored.append($0) }
      }
    }
    aggregator.closeDue(at: Timestamp(microseconds: .max / 2)) { stored.append($0) }
    return (raw, stored)
  }

  private static func thin(_ rows: [Row], of catalogue: Catalogue, _ grain: RowThinner.Grain)
    -> RowThinner.Result
  {
    var thinner = RowThinner(grain: grain)
    for row in rows { thinner.add(row, of: catalogue) }
    return thinner.finish()
  }

  /// What rows of one point say together.
  private struct Total: Equatable {
    var count: UInt64 = 0
    var bad: UInt64 = 0
    var sum = 0.0
    var min = Double.infinity
    var max = -Double.infinity
    var last: Value?
    /// Of a counter that begins at 0 again where it goes back.
    var increase: UInt64 = 0

    mutating func add(_ row: Row) {
      switch row.body {
      case .reading(nil): bad += 1
      case .reading(let value?): add(value, count: 1, value.asDouble, value.asDouble, value.asDouble)
      case .window(let window):
        bad += window.bad
        if window.count > 0 { add(window.last, count: window.count, window.sum, window.min, window.max) }
      case .alarm: break
      }
    }

    private mutating func add(_ last: Value, count: UInt64, _ sum: Double, _ min: Double, _ max: Double) {
      if case .unsigned(let now) = last, case .unsigned(let before)? = self.last {
        increase += min < Double(before) ? now : now - before
      }
      self.count += count
      self.sum += sum
      (self.min, self.max, self.last) = (Swift.min(self.min, min), Swift.max(self.max, max), last)
    }

    func agrees(with other: Total) -> Bool {
      count == other.count && bad == other.bad && min == other.min && max == other.max && last == other.last
        && increase == other.increase && (sum - other.sum).magnitude <= 1e-12 * other.sum.magnitude
    }
  }

  private func total(_ rows: [Row], _ catalogue: Catalogue, _ name: String) -> Total {
    var total = Total(last: .unsigned(1 << 60))
    let places = Set(catalogue.points.indices.filter { catalogue.points[$0].name == name })
    for row in rows where places.contains(Int(row.point)) { total.add(row) }
    return total
  }

  @Test(arguments: RowThinner.grains.indices)
  func aWindowSaysWhatItsReadingsSay(place: Int) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = Draws(state: seed)
    let (raw, stored) = Self.rows(seconds: 3 * 86_400, &random)
    let result = Self.thin(stored, of: Self.catalogue, RowThinner.grains[place])
    if place > 1 { #expect(result.rows.count * 5 <= stored.count) }
    let byPoint = Self.catalogue.points.indices.map { index in raw.filter { Int($0.point) == index } }
    var whole = 0
    for row in result.rows {
      let point = result.catalogue.points[Int(row.point)]
      guard case .window(let window) = row.body, !window.isPartial else { continue }
      whole += 1
      #expect(
        point.window == .tumbling(seconds: window.seconds)
          && row.time.microseconds % Int64(window.seconds) == 0)
      let index = Self.catalogue.points.firstIndex { $0.name == point.name }!
      let span = row.time.microseconds - Int64(window.seconds) * 1_000_000..<row.time.microseconds
      let readings = byPoint[index].filter { span.contains($0.time.microseconds) }
      var direct = Total()
      for reading in readings { direct.add(reading) }
      #expect(window.count == direct.count && window.bad == direct.bad, "seed \(seed)")
      #expect(row.quality == (direct.count == 0 ? .bad : direct.bad > 0 ? .uncertain : .good), "seed \(seed)")
      #expect(
        row.reason == (direct.count == 0 ? .timeout : direct.bad > 0 ? .someBad : .none), "seed \(seed)")
      guard direct.count > 0 else { continue }
      #expect(
        window.min == direct.min && window.max == direct.max && window.last == direct.last, "seed \(seed)")
      let mean = direct.sum / Double(direct.count)
      #expect((window.mean - mean).magnitude <= 1e-12 * mean.magnitude, "seed \(seed)")
      let values = readings.compactMap {
        if case .reading(let value?) = $0.body { value.asDouble } else { nil }
      }
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      let deviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : 0
      #expect(
        (window.standardDeviation - deviation).magnitude <= 1e-6 * max(mean.magnitude, 1), "seed \(seed)")
    }
    #expect(whole >= 2)
  }

  @Test func totalsStayExactHoweverOftenAndInWhateverPiecesRowsAreThinned() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = Draws(state: seed)
    let (raw, stored) = Self.rows(seconds: 2 * 86_400, &random)
    var pieces = [(stored, Self.catalogue)]
    for grain in RowThinner.grains where !grain.bridgesHoles {
      pieces = pieces.flatMap { rows, catalogue in
        let middle = Int.random(in: 0...rows.count, using: &random)
        return [rows[..<middle], rows[middle...]].map { part in
          let result = Self.thin(Array(part), of: catalogue, grain)
          return (result.rows, result.catalogue)
        }
      }
      for point in Self.catalogue.points {
        // What the platform had before.
        var found = Total(last: .unsigned(1 << 60))
        for (rows, catalogue) in pieces {
          let places = Set(catalogue.points.indices.filter { catalogue.points[$0].name == point.name })
          for row in rows where places.contains(Int(row.point)) { found.add(row) }
        }
        let expected = total(raw, Self.catalogue, point.name)
        #expect(
          found.agrees(with: expected),
          "\(found.increase) \(expected.increase) seed \(seed), \(grain), \(point.name): \(found) for \(expected)"
        )
      }
    }
  }

  @Test func rowsThatAreOfDifferentPiecesBecomeOneWindowWhenTheyMeetAgain() throws {
    let minutes = (1...20).map { minute in
      Row(
        point: 2, time: Timestamp(microseconds: Int64(minute) * 60_000_000), boot: BootTime(microseconds: 0),
        quality: .good, reason: .none, timeQuality: .synced,
        body: .window(
          WindowSummary(
            seconds: 60, count: 6, bad: 0, isPartial: false, mean: 2, min: 1, max: 3, sum: 12,
            standardDeviation: 1, last: .double(2))))
    }
    let grain = RowThinner.grains.first { $0.seconds == 600 }!
    let (first, second) = (
      Self.thin(Array(minutes[..<4]), of: Self.catalogue, grain),
      Self.thin(Array(minutes[4...]), of: Self.catalogue, grain)
    )
    #expect(first.rows.count == 1 && second.rows.count == 2)
    guard case .window(let part) = first.rows[0].body, case .window(let whole) = second.rows[1].body else {
      return #expect(Bool(false))
    }
    #expect(part.isPartial && part.count == 24 && !whole.isPartial && whole.count == 60 && whole.sum == 120)
    #expect(first.catalogue.points[0].functions == WindowFunctions([.mean, .sum, .count]))
  }

  @Test func whatStandsAloneOrLiesInNoWindowWholeStaysAsItIs() {
    let odd = Row(
      point: 2, time: Timestamp(microseconds: 63_000_000), boot: BootTime(microseconds: 0), quality: .good,
      reason: .none, timeQuality: .synced,
      body: .window(
        WindowSummary(
          seconds: 7, count: 7, bad: 0, isPartial: false, mean: 2, min: 1, max: 3, sum: 14,
          standardDeviation: 1, last: .double(2))))
    let rows = [Self.row(0, 1_000_000, .double(1)), odd, Self.row(0, 3_600_000_000, .double(2))]
    let result = Self.thin(rows, of: Self.catalogue, RowThinner.grains[0])
    #expect(result.rows.map(\.time) == rows.map(\.time) && result.rows.map(\.body) == rows.map(\.body))
    #expect(
      result.rows.map { result.catalogue.points[Int($0.point)] }
        == [0, 2, 0].map { Self.catalogue.points[$0] })
  }

  @Test func aClockThatGoesBackCostsNoReading() {
    let times: [Int64] = [100, 110, 120, 130, 40, 50, 60, 70, 200]
    let rows = times.map { Self.row(0, $0 * 1_000_000, .double(1)) }
    let result = Self.thin(rows, of: Self.catalogue, RowThinner.grains[0])
    #expect(total(result.rows, result.catalogue, "a.level").count == UInt64(times.count))
    #expect(zip(result.rows, result.rows.dropFirst()).allSatisfy { $0.time <= $1.time })
  }

  /// Rows come from a medium: their checksums say that they are what was written, not that it made sense.
  @Test func noNumbersWhateverTheyAreStopIt() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = Draws(state: seed)
    let wild: [UInt64] = [0, 1, 60, .max, .max / 2, 1 << 62, 1 << 63]
    for _ in 0..<2000 {
      let number = { (random: inout Draws) in
        Bool.random(using: &random) ? wild.randomElement(using: &random)! : random.next()
      }
      var thinner = RowThinner(grain: RowThinner.grains.randomElement(using: &random)!)
      for _ in 0..<5 {
        let float = Double(bitPattern: number(&random))
        thinner.add(
          Row(
            point: PointIndex.random(in: 0...5, using: &random),
            time: Timestamp(microseconds: Int64(bitPattern: number(&random))),
            boot: BootTime(microseconds: Int64(bitPattern: number(&random))), quality: .good, reason: .none,
            timeQuality: .unsynced,
            body: Bool.random(using: &random)
              ? .reading(.unsigned(number(&random)))
              : .window(
                WindowSummary(
                  seconds: UInt32(truncatingIfNeeded: number(&random)), count: number(&random),
                  bad: number(&random), isPartial: false, mean: float, min: float, max: -float, sum: float,
                  standardDeviation: float, last: .double(float)))), of: Self.catalogue)
      }
      #expect(thinner.finish().rows.count <= 5)
    }
  }

  /// A row has room for so many states; a program of a hundred steps has more.
  @Test func theStatesOfManyWindowsFitOneRow() throws {
    let catalogue = Catalogue(points: [
      PointDescription(
        name: "a.step", unit: nil, kind: .state, window: .tumbling(seconds: 60), functions: .durations)
    ])
    var thinner = RowThinner(grain: RowThinner.grains[6])
    for minute in 0..<100 {
      let end = Int64(minute + 1) * 60_000_000
      thinner.add(
        Row(
          point: 0, time: Timestamp(microseconds: end), boot: BootTime(microseconds: end), quality: .good,
          reason: .none, timeQuality: .synced,
          body: .window(
            WindowSummary(
              seconds: 60, count: 60, bad: 0, isPartial: false, mean: 1, min: 1, max: 1, sum: 60,
              standardDeviation: 0, last: .signed(1),
              extras: [ExtraStatistic(.durations, .double(60), state: Double(minute))]))), of: catalogue)
    }
    let rows = thinner.finish().rows
    var encoder = RowEncoder()
    for row in rows { encoder.append(row) }
    guard case .window(let summary) = try #require(rows.first).body else {
      Issue.record("a window")
      return
    }
    #expect(rows.count == 1 && summary.extras.count == 7)
    #expect(summary.extras.reduce(0) { $0 + $1.value.asDouble } == 6000)
    #expect(summary.extras.last?.state == .infinity)
  }

  /// 350 and 10 degrees are north, not south.
  @Test func directionsHaveNoMeanWhenTheyAreThinned() throws {
    let catalogue = Catalogue(points: [
      PointDescription(name: "a.wind", unit: "DD", kind: .direction, window: .raw, functions: .standard)
    ])
    var thinner = RowThinner(grain: RowThinner.grains[0])
    for second in 1...30 {
      let moment = Moment(
        time: Timestamp(microseconds: Int64(second) * 1_000_000), boot: BootTime(microseconds: Int64(second)))
      thinner.add(
        Row(Reading(point: 0, at: moment, value: .double(second % 2 == 0 ? 350 : 10))), of: catalogue)
    }
    let result = thinner.finish()
    #expect(
      result.rows.count == 1 && result.catalogue.points[0].functions.isDisjoint(with: [.mean, .min, .max]))
  }
}
