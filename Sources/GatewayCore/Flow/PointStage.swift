/// Everything between a source's readings and rows: counters that add up, tests of quality, derived points, then
/// windows or reports by exception. Owned by the pipeline's thread; pure: what time it is, the caller says.
///
/// Promises: readings of a point come out in the order in which they went in; each one is in a row, in the state of an
/// open window, waits for its successor (`waiting`), or is counted as `unchanged`; of a private point nothing but rows of
/// windows comes out, and nothing of it is in `journal`, `panes` or `waiting`.
package struct PointStage: ~Copyable, Sendable {
  /// What a point's readings go through; places in the arrays of states, -1: none.
  private struct Plan {
    var treatment: PointTreatment
    var isWindowed: Bool
    var counter = -1
    var tests = -1
    var report = -1
  }

  private let plans: [Plan]
  private var counters: [CounterState] = []
  private var qualities: [QualityState] = []
  private var reports: [ReportState] = []
  private var aggregator: WindowAggregator
  private var derived: DerivedPoints
  private let hasSpikes: Bool
  /// Derived readings that are not judged yet.
  private var made: [Reading] = []
  /// Readings that were not worth sending.
  package private(set) var unchanged: UInt64 = 0

  /// Rows since the last `takeRows`.
  package private(set) var rows = RowEncoder()
  /// The windowed readings since then, as they went into their windows.
  package private(set) var journal = RowEncoder()
  /// The readings since the last `forgetJudged`, as they came out of their tests.
  package private(set) var judged: [Reading] = []

  /// `boot`: the present one. Counters and windows of `state` go on where the point is still the same.
  package init(
    points: [PointDescription], treatments: [PointTreatment] = [], derived: DerivedPoints = DerivedPoints(),
    state: PipelineState = PipelineState(), startedAt: Timestamp, boot: BootID
  ) {
    let names = Dictionary(
      state.counters.map { ($0.point.name, $0) }, uniquingKeysWith: { first, _ in first })
    var plans: [Plan] = []
    aggregator = WindowAggregator(points: points, treatments: treatments, startedAt: startedAt)
    _ = state.restore(into: &aggregator, points: points)
    for (place, point) in points.enumerated() {
      let treatment = place < treatments.count ? treatments[place] : PointTreatment()
      var plan = Plan(treatment: treatment, isWindowed: point.window != .raw)
      if treatment.counter != nil {
        plan.counter = counters.count
        var counter = CounterState()
        if let known = names[point.name], known.point.unit == point.unit {
          counter = known.counter
          counter.resume(inSameBoot: known.boot == boot)
          aggregator.goOn(PointIndex(place), from: counter.value, at: counter.time)
        }
        counters.append(counter)
      }
      if !treatment.tests.isEmpty {
        plan.tests = qualities.count
        qualities.append(QualityState())
      }
      if treatment.report != nil {
        plan.report = reports.count
        reports.append(ReportState())
      }
      plans.append(plan)
    }
    self.plans = plans
    self.derived = derived
    hasSpikes = plans.contains { $0.treatment.tests.spike != nil }
    judged.reserveCapacity(2048)
    takeUp(state.waiting, names: points)
  }

  private mutating func takeUp(_ waiting: [PipelineState.WaitingReading], names points: [PointDescription]) {
    let places = Dictionary(
      points.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
    for waiting in waiting {
      guard let place = places[waiting.point.name] else { continue }
      var reading = waiting.reading
      reading.point = PointIndex(place)
      // It was counted before it waited.
      judge(reading)
    }
  }

  /// Windows that gave no row.
  package var suppressed: UInt64 { aggregator.suppressed }

  package mutating func take(_ readings: UnsafeBufferPointer<Reading>) {
    for reading in readings { take(reading) }
  }

  @inline(__always)
  private mutating func take(_ reading: Reading) {
    let plan = plans[Int(reading.point)]
    guard plan.counter >= 0, let config = plan.treatment.counter else { return judge(reading) }
    judge(counters[plan.counter].take(reading, by: config, quantum: plan.treatment.quantum))
  }

  @inline(__always)
  private mutating func judge(_ reading: Reading) {
    let place = plans[Int(reading.point)].tests
    guard place >= 0 else { return finish(reading) }
    var (first, second): (Reading?, Reading?)
    qualities[place].judge(reading, by: plans[Int(reading.point)].treatment.tests) { judged in
      if first == nil { first = judged } else { second = judged }
    }
    if let first { finish(first) }
    if let second { finish(second) }
  }

  @inline(__always)
  private mutating func finish(_ reading: Reading) {
    judged.append(reading)
    let plan = plans[Int(reading.point)]
    if !derived.isEmpty { derive(from: reading) }
    if plan.isWindowed {
      if !plan.treatment.staysInMemory { journal.append(reading) }
      aggregator.add(reading) { rows.append($0) }
      return
    }
    if plan.report >= 0, let config = plan.treatment.report, !reports[plan.report].isDue(reading, by: config)
    {
      unchanged &+= 1
      return
    }
    rows.append(reading)
  }

  private mutating func derive(from reading: Reading) {
    var ready: [Reading] = []
    swap(&ready, &made)
    derived.add(reading) { ready.append($0) }
    for reading in ready { take(reading) }
    ready.removeAll(keepingCapacity: true)
    swap(&ready, &made)
  }

  /// Closes the windows whose end is past.
  package mutating func closeDue(at now: Moment) {
    if hasSpikes { releaseSilent(at: now) }
    let (plans, qualities) = (plans, qualities)
    aggregator.closeDue(
      at: now.time, boot: now.boot,
      isAwaited: { place, end in
        let tests = plans[place].tests
        return tests >= 0 && (qualities[tests].waiting?.time.microseconds ?? .max) < end
      }, { rows.append($0) })
  }

  /// A reading whose successor does not come waits no longer than two periods.
  private mutating func releaseSilent(at now: Moment) {
    for place in plans.indices where plans[place].treatment.tests.spike != nil {
      let tests = plans[place].tests
      guard let waiting = qualities[tests].waiting,
        waiting.boot.advanced(by: .microseconds(plans[place].treatment.patience)) < now.boot
      else { continue }
      var released: Reading?
      qualities[tests].flush { released = $0 }
      if let released { finish(released) }
    }
  }

  package mutating func forgetJudged() { judged.removeAll(keepingCapacity: true) }

  /// Gives up the rows, to be followed by the state, and begins the next commit.
  package mutating func takeRows(reserving capacity: Int) -> ByteBuffer {
    journal.removeAll()
    return rows.takeBytes(reserving: capacity)
  }

  /// The same without giving them up.
  package mutating func forgetRows() {
    journal.removeAll()
    rows.removeAll()
  }

  /// Bytes that a point takes which has everything but percentiles.
  package static var stateSize: Int {
    MemoryLayout<CounterState>.stride + MemoryLayout<QualityState>.stride + MemoryLayout<ReportState>.stride
      + MemoryLayout<WindowAggregator.Accumulator?>.stride + MemoryLayout<WindowAggregator.Extras>.stride
  }

  // MARK: - What is kept over a restart

  /// What is to be stored; nothing of private points.
  package var panes: [WindowAggregator.Pane] { aggregator.openPanes }
  package var counted: [(point: PointIndex, counter: CounterState)] { counted { !$0.staysInMemory } }
  package var waiting: [Reading] { waiting { !$0.staysInMemory } }

  /// What goes on in this process, under a configuration's points: the state without its books and pulse totals.
  package func remainder(of points: [PointDescription], boot: BootID) -> PipelineState {
    var state = PipelineState()
    func isPrivate(_ point: PointIndex) -> Bool { plans[Int(point)].treatment.staysInMemory }
    state.windows = aggregator.allPanes.map {
      PipelineState.OpenWindow(
        point: points[Int($0.base.point)], window: $0, staysInMemory: isPrivate($0.base.point))
    }
    state.counters = counted { _ in true }.map {
      PipelineState.CounterTotal(
        point: points[Int($0.point)], counter: $0.counter, boot: boot, staysInMemory: isPrivate($0.point))
    }
    state.waiting = waiting { _ in true }.map {
      PipelineState.WaitingReading(
        point: points[Int($0.point)], reading: $0, staysInMemory: isPrivate($0.point))
    }
    return state
  }

  /// Those that have counted.
  private func counted(
    where isWanted: (PointTreatment) -> Bool
  ) -> [(point: PointIndex, counter: CounterState)] {
    plans.enumerated().compactMap { place, plan in
      guard plan.counter >= 0, counters[plan.counter].quantum != 0, isWanted(plan.treatment) else {
        return nil
      }
      return (PointIndex(place), counters[plan.counter])
    }
  }

  /// Readings that wait for their successor.
  private func waiting(where isWanted: (PointTreatment) -> Bool) -> [Reading] {
    plans.compactMap { plan in
      plan.tests >= 0 && isWanted(plan.treatment) ? qualities[plan.tests].waiting : nil
    }
  }
}
