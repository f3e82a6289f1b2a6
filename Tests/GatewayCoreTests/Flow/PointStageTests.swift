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
}
