import GatewayCore
import Testing

@Suite struct PointStageTests {
  private static let boot = BootID(high: 1, low: 2)
  private let second: Int64 = 1_000_000

  private func point(
    _ name: String, _ window: Window = .raw, _ functions: WindowFunctions = .standard,
    kind: PointKind = .gauge
  ) -> PointDescription {
    PointDescription(name: name, unit: nil, kind: kind, window: window, functions: functions)
  }

  private func treatment(_ change: (inout PointTreatment) -> Void) -> PointTreatment {
    var treatment = PointTreatment()
    change(&treatment)
    return treatment
  }

  private func stage(
    _ points: [PointDescription], _ treatments: [PointTreatment], state: PipelineState = PipelineState(),
    boot: BootID = boot
  ) -> PointStage {
    PointStage(
      points: points, treatments: treatments, state: state, startedAt: Timestamp(microseconds: 0), boot: boot)
  }

  private func reading(_ point: PointIndex, at seconds: Int64, _ value: Double) -> Reading {
    let moment = Moment(
      time: Timestamp(microseconds: seconds * second), boot: BootTime(microseconds: seconds * second))
    return Reading(point: point, at: moment, value: .double(value))
  }

  private func take(_ stage: inout PointStage, _ readings: [Reading]) {
    readings.withUnsafeBufferPointer { stage.take($0) }
  }

  private func rows(_ stage: inout PointStage) -> [Row] {
    let count = stage.rows.rowCount
    let bytes = stage.takeRows(reserving: 64)
    return bytes.withBytes { bytes in
      var decoder = RowDecoder(bytes, rowCount: count)
      var rows: [Row] = []
      while let row = try? decoder.next() { rows.append(row) }
      return rows
    }
  }

  /// What a commit would say, and what a replay of it knows.
  private func replayed(_ stage: borrowing PointStage, _ points: [PointDescription]) -> PipelineState {
    let catalogue = Catalogue(points: points)
    let books = PipelineState.Books(suppressed: stage.suppressed, unchanged: stage.unchanged)
    var rest = PipelineStateEncoder.Rest(totals: [])
    (rest.counters, rest.waiting) = (stage.counted, stage.waiting)
    var bytes = ByteBuffer()
    PipelineStateEncoder.append(books: books, checkpoint: stage.panes, to: &bytes)
    PipelineStateEncoder.append(rest, books, to: &bytes)
    var replay = PipelineReplay()
    replay.apply(
      StoredCommit(
        firstSeq: 1, rowCount: 0, catalogueID: catalogue.id, boot: Self.boot, payload: bytes.copyBytes(),
        stream: StreamID(bits: 1)), catalogue: catalogue)
    return replay.state
  }

  @Test func ofAPrivatePointNothingButItsWindowsLeavesAndNothingIsKept() {
    let points = [point("street.speed", .tumbling(seconds: 60), [.mean, .count])]
    var spike = QualityTests()
    spike.spike = .init(suspect: 100, bad: nil)
    var stage = stage(
      points,
      [
        treatment {
          $0.publishesOnlyAggregates = true
          $0.tests = spike
        }
      ])
    take(&stage, (60..<130).map { reading(0, at: $0, 77.25) })
    #expect(stage.journal.rowCount == 0 && stage.panes.isEmpty && stage.waiting.isEmpty)
    let rows = rows(&stage)
    #expect(rows.count == 1)
    guard case .window(let summary) = rows.first?.body else { return #expect(Bool(false), "a window") }
    #expect(summary.count == 60 && summary.mean == 77.25)
  }

  @Test func windowsOfTooFewReadingsGiveNoRowAndAreCounted() {
    let points = [point("street.cars", .tumbling(seconds: 60))]
    var stage = stage(points, [treatment { $0.minimumCount = 5 }])
    take(&stage, [60, 70, 80, 90, 120, 121, 122, 123, 124, 180].map { reading(0, at: $0, 1) })
    #expect(rows(&stage).map(\.time.microseconds) == [180 * second])
    #expect(stage.suppressed == 1)
    #expect(replayed(stage, points).books.suppressed == 1)
  }

  @Test func aCounterGoesOnWhereARestartLeftIt() {
    let points = [
      point("m.energy", .raw, kind: .counter), point("m.window", .tumbling(seconds: 60), .increase),
    ]
    let treatments = [
      treatment { $0.counter = CounterConfig(modulus: 65_536) },
      treatment { $0.counter = CounterConfig(modulus: 65_536) },
    ]
    var first = stage(points, treatments)
    take(&first, [reading(0, at: 10, 65_000), reading(1, at: 10, 65_000)])
    let state = replayed(first, points)
    var second = stage(points, treatments, state: state)
    take(
      &second,
      [reading(0, at: 20, 464), reading(1, at: 20, 464), reading(0, at: 70, 564), reading(1, at: 70, 564)])
    let rows = rows(&second)
    #expect(
      rows.filter { $0.point == 0 }.map(\.body) == [.reading(.double(66_000)), .reading(.double(66_100))])
    guard case .window(let summary) = rows.last(where: { $0.point == 1 })?.body else {
      return #expect(Bool(false), "a window")
    }
    #expect(summary.value(of: .increase) == .double(1000) && summary.isPartial)
  }

  @Test func aReadingThatWaitsForItsSuccessorIsThereAfterARestart() {
    let points = [point("m.level")]
    let tests = treatment { $0.tests.spike = .init(suspect: 5, bad: nil) }
    var first = stage(points, [tests])
    take(&first, [reading(0, at: 1, 10), reading(0, at: 2, 11)])
    #expect(rows(&first).count == 1 && first.waiting.count == 1)
    var second = stage(points, [tests], state: replayed(first, points))
    #expect(rows(&second).isEmpty)
    take(&second, [reading(0, at: 3, 12)])
    #expect(rows(&second).map(\.body) == [.reading(.double(11))])
  }

  @Test func whatIsNotWorthSendingIsCounted() {
    let points = [point("m.level")]
    let report = treatment { $0.report = ReportConfig(change: .absolute(0.5), heartbeat: 60 * second) }
    var stage = stage(points, [report])
    take(&stage, [(1, 10), (2, 10.4), (3, 10.6), (4, 10.2), (70, 10.3)].map { reading(0, at: $0.0, $0.1) })
    #expect(rows(&stage).map(\.body) == [10, 10.6, 10.3].map { .reading(.double($0)) })
    #expect(stage.unchanged == 2)
    #expect(replayed(stage, points).books.unchanged == 2)
  }

  @Test func badReadingsKeepTheirValueAndStayOutOfWindows() {
    let points = [point("m.level", .tumbling(seconds: 60), [.mean, .max, .good]), point("m.raw")]
    let tests = treatment { $0.tests.range = .init(suspect: nil, bad: .init(least: 0, most: 100)) }
    var stage = stage(points, [tests, tests])
    let values: [(Int64, Double)] = [(60, 10), (61, 9999), (62, 20), (120, 0)]
    take(&stage, values.map { reading(0, at: $0.0, $0.1) })
    take(&stage, [reading(1, at: 121, 9999)])
    let rows = rows(&stage)
    guard case .window(let summary) = rows.first?.body else { return #expect(Bool(false), "a window") }
    #expect(summary.count == 2 && summary.bad == 1 && summary.mean == 15 && summary.max == 20)
    #expect(summary.value(of: .good) == .double(2.0 / 3))
    #expect(rows.last?.body == .reading(.double(9999)))
    #expect(rows.last?.quality == .bad && rows.last?.reason == .outOfRange)
  }

  @Test func aPrivateWindowsRowHoldsNoReading() throws {
    let points = [point("street.speed", .tumbling(seconds: 60), [.mean, .count])]
    var stage = stage(points, [treatment { $0.publishesOnlyAggregates = true }])
    take(
      &stage,
      [(60, 10), (61, 20), (62, 60), (120, 5), (180, 5), (181, 6), (240, 1)].map {
        reading(0, at: $0.0, $0.1)
      })
    let rows = rows(&stage)
    // A window of one reading is the reading.
    #expect(rows.map(\.time.microseconds) == [120 * second, 240 * second] && stage.suppressed == 1)
    guard case .window(let summary) = rows[0].body else { return #expect(Bool(false), "a window") }
    #expect(summary.mean == 30 && summary.min == 30 && summary.max == 30 && summary.last == .double(30))
  }

  /// Ten polls may see one passage.
  @Test func ofACounterMinCountCountsWhatItCounted() {
    let points = [point("street.cars", .tumbling(seconds: 60), [.increase, .count], kind: .counter)]
    var stage = stage(
      points,
      [
        treatment {
          $0.counter = CounterConfig()
          $0.minimumCount = 5
        }
      ])
    let counts: [(Int64, Double)] = [(60, 100), (70, 101), (80, 101), (120, 103), (130, 110), (180, 110)]
    take(&stage, counts.map { reading(0, at: $0.0, $0.1) })
    #expect(rows(&stage).map(\.time.microseconds) == [180 * second] && stage.suppressed == 1)
  }

  @Test func whatIsKeptInMemoryGoesOnBehindAReload() throws {
    let points = [point("street.speed", .tumbling(seconds: 60), [.mean, .count])]
    let hidden = treatment { $0.publishesOnlyAggregates = true }
    var first = stage(points, [hidden])
    take(&first, [reading(0, at: 60, 1), reading(0, at: 61, 2)])
    #expect(first.panes.isEmpty)
    let remainder = first.remainder(of: points, boot: Self.boot)
    #expect(remainder.windows.map(\.staysInMemory) == [true])
    var second = stage(points, [hidden], state: remainder)
    take(&second, [reading(0, at: 62, 3), reading(0, at: 120, 9)])
    guard case .window(let summary) = try #require(rows(&second).first).body else {
      return #expect(Bool(false), "a window")
    }
    #expect(summary.count == 3 && summary.mean == 2)
  }

  /// The last reading of a window waits for its successor longer than the window does.
  @Test func aWindowWaitsForTheReadingThatWaits() {
    let points = [point("m.level", .tumbling(seconds: 60))]
    let tests = treatment {
      $0.tests.spike = .init(suspect: 5, bad: nil)
      $0.patience = 20 * second
    }
    var stage = stage(points, [tests])
    take(&stage, stride(from: Int64(60), through: 115, by: 11).map { reading(0, at: $0, 1) })
    stage.closeDue(at: moment(123))
    #expect(stage.rows.rowCount == 0)
    take(&stage, [reading(0, at: 126, 1)])
    stage.closeDue(at: moment(127))
    guard case .window(let summary) = rows(&stage).first?.body else {
      return #expect(Bool(false), "a window")
    }
    #expect(summary.count == 6 && !summary.isPartial)
  }

  @Test func aReadingWhoseSuccessorDoesNotComeLeavesAfterTwoPeriods() {
    let points = [point("m.level")]
    let tests = treatment {
      $0.tests.spike = .init(suspect: 5, bad: nil)
      $0.patience = 4 * second
    }
    var stage = stage(points, [tests])
    take(&stage, [reading(0, at: 10, 7)])
    stage.closeDue(at: moment(13))
    #expect(stage.rows.rowCount == 0)
    stage.closeDue(at: moment(15))
    #expect(rows(&stage).map(\.body) == [.reading(.double(7))] && stage.judged.count == 1)
  }

  private func moment(_ seconds: Int64) -> Moment {
    Moment(
      time: Timestamp(microseconds: seconds * second), boot: BootTime(microseconds: seconds * second))
  }

  @Test func percentilesLieInTheirWindowAndForgetAnOutlier() throws {
    let points = [point("m.level", .tumbling(seconds: 60), .percentiles)]
    var stage = stage(points, [PointTreatment()])
    take(
      &stage,
      [(60, 4), (61, 4), (120, 1e30), (121, 20), (180, 20), (181, 20), (240, 1)].map {
        reading(0, at: $0.0, $0.1)
      })
    let rows = rows(&stage)
    let medians = rows.compactMap { row -> Double? in
      guard case .window(let summary) = row.body else { return nil }
      return summary.value(of: .p50)?.asDouble
    }
    // (In the second one they lie further apart than there are bins.)
    #expect(medians.count == 3 && medians[0] == 4 && medians[2] == 20)
  }

  @Test func aWindowInWhichTheClockWasSetIsPartial() {
    let points = [point("m.level", .tumbling(seconds: 900))]
    var stage = stage(points, [PointTreatment()])
    var ahead = reading(0, at: 960, 1)
    ahead.time = Timestamp(microseconds: 1260 * second)
    take(&stage, [reading(0, at: 910, 1), ahead])
    var last = reading(0, at: 1800, 1)
    last.time = Timestamp(microseconds: 2100 * second)
    take(&stage, [last])
    guard case .window(let summary) = rows(&stage).first?.body else {
      return #expect(Bool(false), "a window")
    }
    #expect(summary.isPartial && summary.count == 2)
  }

  @Test func whatIsRememberedOfAPointFitsAKibibyte() { #expect(PointStage.stateSize <= 1024) }
}
