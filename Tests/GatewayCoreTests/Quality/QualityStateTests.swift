import GatewayCore
import Testing

/// What the tests of `qc:` do where the reference implementation has no word: order, waiting, failures, clocks.
@Suite struct QualityStateTests {
  private static func reading(_ value: Double?, _ seconds: Double, _ quality: Quality = .good) -> Reading {
    let microseconds = Int64(seconds * 1e6)
    let moment = Moment(
      time: Timestamp(microseconds: microseconds), boot: BootTime(microseconds: microseconds))
    return value.map {
      Reading(
        point: 7, at: moment, value: .double($0), quality: quality,
        reason: quality == .good ? .none : .edgesLost)
    } ?? Reading(point: 7, at: moment, failed: .timeout, timeQuality: .synced)
  }

  private static func judged(_ readings: [Reading], _ edit: (inout QualityTests) -> Void) -> [Reading] {
    var (tests, state, result) = (QualityTests(), QualityState(), [Reading]())
    edit(&tests)
    for reading in readings { state.judge(reading, by: tests) { result.append($0) } }
    state.flush { result.append($0) }
    return result
  }

  private static func reasons(_ values: [Double?], _ edit: (inout QualityTests) -> Void) -> [QualityReason] {
    judged(values.enumerated().map { reading($1, Double($0)) }, edit).map(\.reason)
  }

  @Test func withoutTestsReadingsGoThroughAsTheyCame() {
    let readings = [
      Self.reading(1, 0), Self.reading(nil, 1), Self.reading(2, 2, .uncertain), Self.reading(3, 1),
    ]
    #expect(Self.judged(readings) { _ in } == readings)
  }

  @Test func aBadReadingKeepsItsValue() {
    let judged = Self.judged([Self.reading(99, 0)]) {
      $0.range = .init(suspect: nil, bad: .init(least: 0, most: 50))
    }
    #expect(judged.map(\.value) == [.double(99)])
    #expect(judged.map(\.quality) == [.bad])
    #expect(judged.map(\.reason) == [.outOfRange])
  }

  @Test func theLimitsThemselvesAreGood() {
    let reasons = Self.reasons([0, 10, 40, 50, -0.1, 50.1, 9.9]) {
      $0.range = .init(suspect: .init(least: 10, most: 40), bad: .init(least: 0, most: 50))
    }
    #expect(
      reasons == [.suspectRange, .none, .none, .suspectRange, .outOfRange, .outOfRange, .suspectRange])
  }

  @Test func theWorstFindingCountsAndAmongEqualsTheFirst() {
    let judged = Self.judged([Self.reading(0, 0), Self.reading(30, 1, .uncertain), Self.reading(60, 2)]) {
      $0.range = .init(suspect: .init(least: 0, most: 20), bad: .init(least: 0, most: 50))
      $0.rate = 1
    }
    #expect(judged.map(\.reason) == [.none, .edgesLost, .outOfRange])
    #expect(judged.map(\.quality) == [.good, .uncertain, .bad])
    // Already suspected for its rate, and then found to be a spike.
    let reasons = Self.reasons([0, 5, 0, 90, 0]) {
      $0.rate = 1
      $0.spike = .init(suspect: 2, bad: 50)
    }
    #expect(reasons == [.none, .rateOfChange, .rateOfChange, .spike, .rateOfChange])
  }

  @Test func withTheSpikeTestAReadingWaitsForItsSuccessorOnly() {
    var tests = QualityTests()
    tests.spike = .init(suspect: 1, bad: nil)
    var (state, result) = (QualityState(), [Reading]())
    for second in 0..<5 {
      state.judge(Self.reading(Double(second), Double(second)), by: tests) { result.append($0) }
      #expect(result.count == second)
    }
    // A failure ends the waiting and stands behind what waited.
    state.judge(Self.reading(nil, 5), by: tests) { result.append($0) }
    #expect(result.map(\.boot.microseconds) == (0...5).map { $0 * 1_000_000 })
    state.flush { _ in Issue.record("nothing waits") }
  }

  @Test func besideAFailureNeitherSpikeNorRateIsJudged() {
    let reasons = Self.reasons([0, 0, 0, 9, nil, 0, 9, 0, 0]) {
      $0.spike = .init(suspect: nil, bad: 4)
      $0.rate = 20
    }
    #expect(reasons == [.none, .none, .spike, .none, .timeout, .none, .spike, .spike, .none])
    #expect(Self.reasons([0, nil, 50]) { $0.rate = 20 } == [.none, .timeout, .none])
    #expect(Self.reasons([0, 50]) { $0.rate = 20 } == [.none, .rateOfChange])
  }

  @Test func twoValuesAtOneTimeAreAnEndlessRate() {
    let judged = Self.judged([Self.reading(1, 5), Self.reading(1, 5), Self.reading(2, 5)]) { $0.rate = 1e300 }
    #expect(judged.map(\.reason) == [.none, .none, .rateOfChange])
  }

  @Test func inALaterBootEverythingBeginsAnew() {
    var readings = (0...60).map { Self.reading(20, Double($0) + 100) }
    readings += (0...60).map { Self.reading($0 == 0 ? 90 : 20, Double($0)) }
    let judged = Self.judged(readings) {
      $0.rate = 1
      $0.spike = .init(suspect: 1, bad: 2)
      $0.flat = .init(tolerance: 0.1, times: .init(suspect: 30_000_000, bad: nil))
    }
    #expect(judged.count == readings.count)
    #expect(judged.map(\.boot) == readings.map(\.boot))
    #expect(judged[30..<61].allSatisfy { $0.reason == .flatLine })
    #expect(judged[61].reason == .none)
    #expect(judged[62].reason == .spike)
    #expect(judged[63..<92].allSatisfy { $0.reason == .none })
    #expect(judged[92...].allSatisfy { $0.reason == .flatLine })
  }

  /// Longer than what 32 bits of milliseconds tell apart.
  @Test func aSensorThatIsStuckForAYearStaysFlat() {
    let day = 86_400.0
    let readings = (0...365 * 4).map { Self.reading($0 == 0 ? 5 : 4.95, Double($0) * day / 4) }
    let judged = Self.judged(readings) {
      $0.flat = .init(tolerance: 0.1, times: .init(suspect: 3_600_000_000 * 48, bad: 3_600_000_000 * 240))
    }
    #expect(judged[8..<40].allSatisfy { $0.quality == .uncertain })
    #expect(judged[40...].allSatisfy { $0.quality == .bad })
  }

  @Test func attenuationIsJudgedBehindAWholePeriodAndAnewBehindAnEmptyOne() {
    var readings = (0...10).map { Self.reading(20, Double($0) * 60) }
    readings += (0...10).map { Self.reading(20, 2000 + Double($0) * 60) }
    for usesRange in [true, false] {
      let reasons = Self.judged(readings) {
        $0.attenuation = .init(
          usesRange: usesRange, limits: .init(suspect: nil, bad: 0.1), period: 300_000_000)
      }.map(\.reason)
      let half = Array(repeating: QualityReason.none, count: 5) + Array(repeating: .attenuated, count: 6)
      #expect(reasons == half + half)
    }
  }

  @Test func theStateIsSmall() {
    #expect(MemoryLayout<QualityState>.size <= 560)
    #expect(MemoryLayout<CounterState>.size <= 80)
    #expect(MemoryLayout<ReportState>.size <= 40)
  }
}
