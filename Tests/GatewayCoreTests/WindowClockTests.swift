import GatewayCore
import Testing

/// Windows while the clock is set: no reading is lost or counted twice, no row comes twice whole, and nothing stays open.
@Suite struct WindowClockTests {
  private static let second: Int64 = 1_000_000
  private static let noon: Int64 = 1_790_000_040_000_000
  private static let year = 365 * 86_400 * second

  private static let points = [
    PointDescription(
      name: "d.a", unit: nil, kind: .gauge, window: .tumbling(seconds: 60), functions: .standard),
    PointDescription(
      name: "d.b", unit: nil, kind: .gauge, window: .tumbling(seconds: 60), functions: .standard),
  ]

  /// A box with a clock that can be set; a reading of each point each second of boot time, numbered from 0.
  private struct Box {
    var aggregator: WindowAggregator
    var boot: Int64 = 0
    var offset: Int64
    var rows: [Row] = []
    var readings: [PointIndex: UInt64] = [:]
    /// Points that say nothing any more.
    var silent: Set<PointIndex> = []

    init(showing time: Int64) {
      offset = time
      aggregator = WindowAggregator(points: points, startedAt: Timestamp(microseconds: time))
    }

    var now: Timestamp { Timestamp(microseconds: boot + offset) }

    mutating func run(seconds: Int) {
      for _ in 0..<seconds {
        for point in [0, 1] as [PointIndex] where !silent.contains(point) {
          let number = readings[point] ?? 0
          readings[point] = number + 1
          let moment = Moment(time: now, boot: BootTime(microseconds: boot))
          aggregator.add(Reading(point: point, at: moment, value: .unsigned(number))) { rows.append($0) }
        }
        close()
        boot += second
      }
    }

    mutating func close() {
      aggregator.closeDue(at: now, boot: BootTime(microseconds: boot)) { rows.append($0) }
    }

    func windows(_ point: PointIndex) -> [(row: Row, window: WindowSummary)] {
      rows.compactMap { row in
        guard row.point == point, case .window(let window) = row.body else { return nil }
        return (row, window)
      }
    }

    var open: Int { aggregator.openPanes.map(\.base).count }

    /// All readings of `point` that are in rows or in open windows: each once, in their order.
    func isComplete(_ point: PointIndex) -> Bool {
      var next = 0.0
      for (_, window) in windows(point) {
        guard window.min == next, window.max == next + Double(window.count) - 1 else { return false }
        next += Double(window.count)
      }
      let rest = aggregator.openPanes.map(\.base).filter { $0.point == point }
      if let rest = rest.first, rest.min != next { return false }
      return next + Double(rest.reduce(0) { $0 + $1.count }) == Double(readings[point] ?? 0)
    }
  }

  @Test("fault 18: random steps: each reading counts in exactly one window")
  func randomSteps() {
    let seed = UInt64.random(in: .min ... .max)
    var dice = SplitMix(seed: seed)
    for _ in 0..<200 {
      var box = Box(showing: Self.noon)
      for _ in 0..<Int.random(in: 1...8, using: &dice) {
        box.run(seconds: Int.random(in: 1...200, using: &dice))
        let sign: Int64 = Bool.random(using: &dice) ? 1 : -1
        let steps = [1, 2, 30, 61, 3600, 10 * 365 * 86_400]
        box.offset += sign * Self.second * Int64(steps.randomElement(using: &dice) ?? 1)
      }
      box.run(seconds: 130)
      for point in [0, 1] as [PointIndex] { #expect(box.isComplete(point), "seed \(seed)") }
    }
  }

  @Test("fault 18: a window that a step back cuts or enters again gives two rows, one of them partial")
  func aWindowThatIsEnteredAgain() {
    var box = Box(showing: Self.noon)
    box.run(seconds: 70)
    box.offset -= 30 * Self.second
    box.run(seconds: 120)
    let times = box.windows(0).map(\.row.time)
    // The window before the step was whole when the step entered it again; the one in which it came was cut.
    for time in Set(times) where times.count(where: { $0 == time }) > 1 {
      let rows = box.windows(0).filter { $0.row.time == time }
      #expect(rows.count == 2)
      #expect(rows.count { $0.window.isPartial } == 1)
    }
    #expect(times.count == Set(times).count + 2)
    #expect(box.isComplete(0))
  }

  @Test("fault 18: ten years forward and back: windows go on, and none stays open")
  func tenYearsAndBack() {
    var box = Box(showing: Self.noon)
    box.run(seconds: 90)
    box.offset += 10 * Self.year
    box.run(seconds: 90)
    box.offset -= 10 * Self.year
    box.run(seconds: 300)
    #expect(box.isComplete(0) && box.isComplete(1))
    let last = box.windows(0).suffix(3)
    #expect(last.allSatisfy { $0.window.count == 60 && !$0.window.isPartial })
    #expect(box.open == 2)
  }

  @Test("a window that a step forward cuts short is partial")
  func aStepForwardCutsShort() {
    var box = Box(showing: Self.noon)
    box.run(seconds: 90)
    box.offset += 3600 * Self.second
    // The pipeline may look before the next reading comes.
    box.close()
    box.run(seconds: 200)
    do {
      #expect(box.windows(0).allSatisfy { $0.window.isPartial || $0.window.count == 60 })
    }
  }

  @Test(
    "fault 17: the window in which the clock is set for the first time began in its middle: it is partial")
  func theFirstWindowAfter1970() {
    var box = Box(showing: 5 * Self.second)
    box.run(seconds: 10)
    box.offset = Self.noon + 7 * Self.second
    box.run(seconds: 200)
    do {
      #expect(box.windows(0).allSatisfy { $0.window.isPartial || $0.window.count == 60 })
    }
  }

  @Test("a box that started with a clock that was ahead has whole windows once it is set back")
  func aClockThatWasAheadAtTheStart() {
    var box = Box(showing: Self.noon + 10 * Self.year)
    box.run(seconds: 90)
    box.offset -= 10 * Self.year
    box.run(seconds: 400)
    do {
      #expect(box.windows(0).suffix(2).allSatisfy { !$0.window.isPartial })
    }
  }

  @Test("a window that is begun anew in the commit of its first row survives a restart")
  func aWindowBegunAnewSurvives() throws {
    var box = Box(showing: Self.noon)
    box.run(seconds: 30)
    let first = try #require(box.aggregator.openPanes.map(\.base).first)
    let row = WindowAggregator.row(first, length: 60 * Self.second)
    box.run(seconds: 5)
    box.aggregator.close(storedAs: row)
    #expect(box.aggregator.openPanes.map(\.base).contains { $0.point == 0 })
    let now = try #require(box.aggregator.openPanes.map(\.base).first)
    box.aggregator.close(storedAs: WindowAggregator.row(now, length: 60 * Self.second))
    #expect(!box.aggregator.openPanes.map(\.base).contains { $0.point == 0 })
  }

  @Test("a point that says nothing after a step back keeps no window open until the clock is there again")
  func aSilentPointKeepsNoWindowOpen() {
    var box = Box(showing: Self.noon + 10 * Self.year)
    box.run(seconds: 90)
    box.silent = [1]
    box.offset -= 10 * Self.year
    box.run(seconds: 300)
    do {
      #expect(!box.aggregator.openPanes.map(\.base).contains { $0.point == 1 })
    }
  }
}
