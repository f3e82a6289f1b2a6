import GatewayCore
import Testing

@Suite struct WindowAggregatorTests {
  private let minute: Int64 = 60_000_000

  private func points(_ count: Int = 1) -> [PointDescription] {
    (0..<count).map {
      PointDescription(
        name: "device.p\($0)", unit: "CEL", kind: .gauge, window: .tumbling(seconds: 60), functions: .standard
      )
    }
  }

  private func reading(_ point: PointIndex = 0, at micros: Int64, _ value: Double?) -> Reading {
    let moment = Moment(time: Timestamp(microseconds: micros), boot: BootTime(microseconds: micros - 500))
    guard let value else { return Reading(point: point, at: moment, failed: .timeout, timeQuality: .synced) }
    return Reading(point: point, at: moment, value: .double(value))
  }

  private func summary(_ row: Row) -> WindowSummary? {
    if case .window(let summary) = row.body { summary } else { nil }
  }

  @Test func aWindowHoldsExactlyTheReadingsOfItsMinute() throws {
    var aggregator = WindowAggregator(points: points(), startedAt: Timestamp(microseconds: 0))
    var rows: [Row] = []
    for (time, value) in [(minute, 1.0), (minute + 1, 2), (2 * minute - 1, 6), (2 * minute, 100)] {
      aggregator.add(reading(at: time, value)) { rows.append($0) }
    }
    let row = try #require(rows.first)
    #expect(rows.count == 1)
    #expect(row.time.microseconds == 2 * minute)
    #expect(row.boot.microseconds == 2 * minute - 500)
    #expect(
      summary(row)
        == WindowSummary(
          seconds: 60, count: 3, bad: 0, isPartial: false, mean: 3, min: 1, max: 6, sum: 9,
          standardDeviation: 7.0.squareRoot(), last: .double(6)))
    #expect(row.quality == .good)
  }

  @Test func aWindowWithoutALaterReadingClosesTwoSecondsAfterItsEnd() {
    var aggregator = WindowAggregator(points: points(), startedAt: Timestamp(microseconds: 0))
    var rows: [Row] = []
    aggregator.add(reading(at: minute + 5, 1)) { rows.append($0) }
    aggregator.closeDue(at: Timestamp(microseconds: 2 * minute + 1_999_999)) { rows.append($0) }
    #expect(rows.isEmpty)
    aggregator.closeDue(at: Timestamp(microseconds: 2 * minute + 2_000_000)) { rows.append($0) }
    #expect(rows.count == 1)
    aggregator.closeDue(at: Timestamp(microseconds: 9 * minute)) { rows.append($0) }
    #expect(rows.count == 1)
  }

  @Test func failedReadingsAreCountedAndNeverAveraged() throws {
    var aggregator = WindowAggregator(points: points(2), startedAt: Timestamp(microseconds: 0))
    var rows: [Row] = []
    for value in [nil, 4.0, nil, 8.0] { aggregator.add(reading(at: minute, value)) { rows.append($0) } }
    aggregator.add(reading(1, at: minute, nil)) { rows.append($0) }
    aggregator.closeDue(at: Timestamp(microseconds: 3 * minute)) { rows.append($0) }
    #expect(rows.count == 2)
    #expect(rows.map(\.quality) == [.uncertain, .bad])
    #expect(rows.map(\.reason) == [.someBad, .timeout])
    #expect(summary(rows[0])?.mean == 6)
    #expect(summary(rows[0])?.bad == 2)
    #expect(summary(rows[1])?.count == 0)
  }

  @Test func theWindowInWhichTheDaemonStartedIsPartial() {
    var aggregator = WindowAggregator(points: points(), startedAt: Timestamp(microseconds: minute + 1))
    var rows: [Row] = []
    for time in [minute + 2, 2 * minute, 3 * minute] {
      aggregator.add(reading(at: time, 1)) { rows.append($0) }
    }
    #expect(rows.compactMap(summary).map(\.isPartial) == [true, false])
  }

  @Test func aClockThatStepsBackLosesAndDoublesNothing() {
    var aggregator = WindowAggregator(points: points(), startedAt: Timestamp(microseconds: 0))
    var rows: [Row] = []
    let times = [5 * minute, 5 * minute + 1, 2 * minute, 2 * minute + 1, 3 * minute, -minute, -minute + 7]
    for time in times { aggregator.add(reading(at: time, 1)) { rows.append($0) } }
    aggregator.closeDue(at: Timestamp(microseconds: 9 * minute)) { rows.append($0) }
    #expect(rows.map(\.time.microseconds) == [6 * minute, 3 * minute, 4 * minute, 0])
    #expect(rows.compactMap(summary).reduce(0) { $0 + $1.count } == UInt64(times.count))
    #expect(rows.compactMap(summary).map(\.isPartial) == [true, true, true, true])
  }

  @Test func statisticsEqualTheTwoPassFormulasOnRandomSeries() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<200 {
      var aggregator = WindowAggregator(points: points(), startedAt: Timestamp(microseconds: 0))
      let offset = Double.random(in: -1e6...1e6, using: &generator)
      let values = (0..<Int.random(in: 2...200, using: &generator)).map { _ in
        offset + Double.random(in: -1...1, using: &generator)
      }
      var rows: [Row] = []
      for value in values { aggregator.add(reading(at: minute, value)) { rows.append($0) } }
      aggregator.closeDue(at: Timestamp(microseconds: 9 * minute)) { rows.append($0) }
      let result = try #require(rows.first.flatMap(summary))
      let mean = values.reduce(0, +) / Double(values.count)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
      #expect(abs(result.mean - mean) <= 1e-12 * abs(mean) + 1e-12, "seed \(seed)")
      #expect(abs(result.standardDeviation - variance.squareRoot()) <= 1e-6, "seed \(seed)")
      #expect(
        result.min == values.min() && result.max == values.max() && result.last == .double(values.last!))
    }
  }
}

@Suite struct PipelineStateTests {
  private let second: Int64 = 1_000_000

  private func catalogue(_ names: [String]) -> Catalogue {
    Catalogue(
      points: names.map {
        PointDescription(
          name: $0, unit: nil, kind: .gauge, window: .tumbling(seconds: 60), functions: .standard)
      })
  }

  private func reading(_ point: PointIndex, _ time: Int64, _ value: Value?) -> Reading {
    Reading(
      point: point, at: Moment(time: Timestamp(microseconds: time), boot: BootTime(microseconds: time - 3)),
      value: value, quality: value == nil ? .bad : .good, reason: value == nil ? .timeout : .none)
  }

  /// Runs random readings through an aggregator, cutting commits as the pipeline does, and replays what was
  /// written: the replay must know what the aggregator knew at the last commit.
  @Test func theReplayKnowsWhatTheAggregatorKnewAtTheLastCommit() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SplitMix(seed: seed)
    var points = catalogue(["a.x", "a.y", "b.z"]).points
    points[1].functions = .extras
    points[2].functions = .extras
    points[2].window = .sliding(seconds: 60, slide: 20)
    let catalogue = Catalogue(points: points)
    for _ in 0..<200 {
      var aggregator = WindowAggregator(points: catalogue.points, startedAt: Timestamp(microseconds: 0))
      var replay = PipelineReplay()
      var acquired: UInt64 = 0
      var time = 1000 * second
      for commit in 0..<Int.random(in: 1...12, using: &generator) {
        var rows = RowEncoder()
        var journal = RowEncoder()
        for _ in 0..<Int.random(in: 0...40, using: &generator) {
          time += Int64.random(in: 0...10 * second, using: &generator)
          let value: Value? =
            Int.random(in: 0..<5, using: &generator) == 0
            ? nil : .signed(.random(in: -9...9, using: &generator))
          let next = reading(.random(in: 0...2, using: &generator), time, value)
          journal.append(next)
          aggregator.add(next) { rows.append($0) }
          acquired += 1
        }
        aggregator.closeDue(at: Timestamp(microseconds: time)) { rows.append($0) }
        let count = rows.rowCount
        var payload = rows.takeBytes(reserving: 64)
        let books = PipelineState.Books(acquired: acquired, ringDropped: 2)
        if commit == 0 || Bool.random(using: &generator) {
          PipelineStateEncoder.append(books: books, checkpoint: aggregator.openPanes, to: &payload)
        } else {
          PipelineStateEncoder.append(books: books, journal: journal, to: &payload)
        }
        replay.apply(
          StoredCommit(
            firstSeq: 1, rowCount: count, catalogueID: catalogue.id, boot: BootID(high: 0, low: 0),
            payload: payload.copyBytes(), stream: StreamID(bits: 1)), catalogue: catalogue)
        #expect(replay.state.windows.map(\.window) == aggregator.openPanes, "seed \(seed)")
        #expect(replay.state.books == books)
      }
    }
  }

  @Test func windowsSurviveAChangeOfTheConfigurationByName() throws {
    let before = catalogue(["a.x", "a.gone", "b.z"])
    var aggregator = WindowAggregator(points: before.points, startedAt: Timestamp(microseconds: 0))
    for point in 0..<3 {
      aggregator.add(reading(PointIndex(point), 61 * second, .signed(Int64(point)))) { _ in }
    }
    let state = PipelineState(
      windows: aggregator.openPanes.map {
        PipelineState.OpenWindow(point: before.points[Int($0.base.point)], window: $0)
      })
    let after = catalogue(["b.z", "new.one", "a.x"])
    var next = WindowAggregator(points: after.points, startedAt: Timestamp(microseconds: 0))
    let leftover = state.restore(into: &next, points: after.points)
    #expect(leftover.map(\.point.name) == ["a.gone"])
    #expect(next.openPanes.map(\.base.last) == [.signed(2), .signed(0)])
    let closing = try #require(leftover.first?.closingRow(point: 0))
    #expect(closing.time.microseconds == 120 * second)
    guard case .window(let summary) = closing.body else { return #expect(Bool(false), "a window's row") }
    #expect(summary.isPartial && summary.count == 1 && summary.last == .signed(1))
  }

  @Test func damagedStateNeverCrashesTheReplay() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SplitMix(seed: seed)
    let catalogue = catalogue(["a.x", "a.y"])
    var aggregator = WindowAggregator(points: catalogue.points, startedAt: Timestamp(microseconds: 0))
    for point in 0..<2 { aggregator.add(reading(PointIndex(point), 61 * second, .double(0.3))) { _ in } }
    var buffer = ByteBuffer()
    PipelineStateEncoder.append(
      books: PipelineState.Books(acquired: 2, ringDropped: 0), checkpoint: aggregator.openPanes, to: &buffer
    )
    for _ in 0..<5000 {
      var bytes = buffer.copyBytes()
      for _ in 0..<2 {
        bytes[.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      var replay = PipelineReplay()
      replay.apply(
        StoredCommit(
          firstSeq: 1, rowCount: 0, catalogueID: catalogue.id, boot: BootID(high: 0, low: 0), payload: bytes,
          stream: StreamID(bits: 1)),
        catalogue: catalogue)
      #expect(replay.state.windows.count <= 2, "seed \(seed)")
    }
  }
}
