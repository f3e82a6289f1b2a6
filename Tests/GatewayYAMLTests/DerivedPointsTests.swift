internal import GatewayCore
internal import GatewayYAML
internal import Testing

@Suite struct DerivedPointsTests {
  private static func reading(
    _ point: PointIndex, _ value: Double?, _ second: Int64, _ quality: Quality = .good,
    _ reason: QualityReason = .none, _ timeQuality: TimeQuality = .synced
  ) -> Reading {
    let moment = Moment(
      time: Timestamp(microseconds: second * 1_000_000 + 5), boot: BootTime(microseconds: second * 1_000_000))
    guard let value else {
      return Reading(point: point, at: moment, failed: .timeout, timeQuality: timeQuality)
    }
    return Reading(
      point: point, at: moment, value: .double(value), quality: quality, reason: reason,
      timeQuality: timeQuality)
  }

  /// u and i are read, power and others are derived.
  private static func points() throws -> DerivedPoints {
    DerivedPoints(
      try FormulaTests.config([
        "name: u, at: input 1, type: int16", "name: twice, formula: 2 * power",
        "name: i, at: input 2, type: int16",
        "name: power, formula: u * i", "name: inverse, formula: 1 / u",
        "name: other, at: input 3, type: int16",
      ]))
  }

  /// `test` stands for a derived point's own tests.
  private static func run(
    _ readings: [Reading], _ test: (Reading) -> Reading = { $0 }
  ) throws -> [[Reading]] {
    var points = try points()
    return readings.map { reading in
      var results: [Reading] = []
      points.add(reading) { results.append(test($0)) }
      var next = 0
      while next < results.count {
        points.add(results[next]) { results.append(test($0)) }
        next += 1
      }
      return results
    }
  }

  @Test func whatItsOwnTestsFoundCountsForThoseDerivedFromIt() throws {
    let results = try Self.run([Self.reading(0, 230, 1), Self.reading(2, 2, 1)]) { reading in
      var tested = reading
      if reading.point == 3 { (tested.quality, tested.reason) = (.uncertain, .suspectRange) }
      return tested
    }
    #expect(results[1].map(\.point) == [3, 1])
    #expect(results[1].map(\.quality) == [.uncertain, .uncertain])
    #expect(results[1].map(\.reason) == [.suspectRange, .suspectRange])
  }

  @Test func aReadingGivesOutOnlyWhatIsComputedFromItself() throws {
    var points = try Self.points()
    var results: [PointIndex] = []
    points.add(Self.reading(0, 230, 1)) { results.append($0.point) }
    points.add(Self.reading(2, 2, 1)) { results.append($0.point) }
    #expect(results == [4, 3])
  }

  @Test func aPointIsComputedWhenAllItsInputsWereReadAnew() throws {
    let results = try Self.run([
      Self.reading(0, 230, 1), Self.reading(0, 231, 2), Self.reading(2, 2, 3), Self.reading(2, 3, 4),
      Self.reading(5, 9, 4), Self.reading(0, 200, 5),
    ])
    #expect(results.map { $0.map(\.point) } == [[4], [4], [3, 1], [], [], [3, 4, 1]])
    #expect(results[2].map(\.value) == [.double(462), .double(924)])
    #expect(results[5].map(\.value) == [.double(600), .double(0.005), .double(1200)])
  }

  @Test func itsTimeIsThatOfTheLatestInput() throws {
    let results = try Self.run([Self.reading(2, 2, 7), Self.reading(0, 230, 4)])
    #expect(results[1][0].boot == BootTime(microseconds: 7_000_000))
    #expect(results[1][0].time == Timestamp(microseconds: 7_000_005))
    #expect(results[1][2].boot == BootTime(microseconds: 7_000_000))
  }

  @Test func itsQualityIsTheWorstOfItsInputs() throws {
    let results = try Self.run([
      Self.reading(0, 230, 1, .uncertain, .flatLine), Self.reading(2, 2, 1, .good, .none, .unsynced),
      Self.reading(0, 230, 2), Self.reading(2, nil, 2), Self.reading(0, 230, 3, .bad, .outOfRange),
      Self.reading(2, 1, 3),
    ])
    #expect(results[1].map(\.quality) == [.uncertain, .uncertain])
    #expect(results[1].map(\.reason) == [.flatLine, .flatLine])
    #expect(results[1].map(\.timeQuality) == [.unsynced, .unsynced])
    for failed in results[3] + results[4] + results[5] {
      #expect(failed.value == nil && failed.quality == .bad && failed.reason == .badInput)
    }
    #expect(results[3].count == 2 && results[4].count == 1 && results[5].count == 2)
    #expect(results[3].allSatisfy { $0.timeQuality == .synced })
  }

  @Test func aDivisionByNoughtIsNotANumber() throws {
    let result = try Self.run([Self.reading(0, 0, 1)])[0][0]
    #expect(result.value == nil && result.quality == .bad && result.reason == .notANumber)
  }

  @Test func aConfigurationWithoutFormulasHasNone() throws {
    var points = DerivedPoints(try FormulaTests.config(["name: u, at: input 1, type: int16"]))
    #expect(points.isEmpty)
    points.add(Self.reading(0, 1, 1)) { _ in Issue.record("nothing is derived") }
  }
}
