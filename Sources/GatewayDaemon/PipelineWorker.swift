internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// The state that only the pipeline's thread touches.
struct PipelineWorker: ~Copyable {
  /// Rows are handed over early when they reach this, so that a commit stays far below the store's limit.
  private static let commitBytes = 256 << 10

  private let catalogue: Catalogue
  private let ports: [SourcePort]
  private let queue: CommitQueue
  private let live: LiveTable
  private let commitInterval: Duration
  var leastInterval = Duration.zero
  private let past: Past
  private var base: PipelineState.Books
  private var drained: UInt64 = 0
  private var committedBooks: PipelineState.Books
  private let pulses: [Pipeline.PulsePoint]
  private var committedTotals: [UInt64]
  private let boot: BootID
  private var stage: PointStage
  private var alarms: AlarmDesk?
  private let alarmQueue: CommitQueue?
  private var nextCommit: BootTime
  private var hasCommitted = false

  init(
    setup: Pipeline.Setup, _ treatments: [PointTreatment], _ derived: DerivedPoints, ports: [SourcePort],
    queue: CommitQueue,
    live: LiveTable
  ) {
    let now = SystemClock.moment
    catalogue = setup.catalogue
    self.ports = ports
    self.queue = queue
    self.live = live
    commitInterval = setup.commitInterval
    past = setup.past
    base = setup.state.books
    committedBooks = setup.state.books
    pulses = setup.pulses
    // What is stored, not what the counters say by now: sources may have begun to count.
    let stored = Dictionary(
      setup.state.totals.map { ($0.point.name, $0.pulses) }, uniquingKeysWith: { first, _ in first })
    committedTotals = setup.pulses.map { stored[setup.catalogue.points[Int($0.point)].name] ?? 0 }
    boot = setup.boot
    stage = PointStage(
      points: catalogue.points, treatments: treatments, derived: derived, state: setup.state,
      startedAt: now.time,
      boot: setup.boot)
    nextCommit = now.boot.advanced(by: commitInterval)
    alarms = setup.alarms?.makeDesk()
    alarmQueue = setup.alarms?.queue
  }

  /// How long readings may lie in the rings: short beside the commit interval.
  var tick: Duration { min(.milliseconds(100), commitInterval / 4) }

  var books: PipelineState.Books {
    let dropped = ports.reduce(0) { $0 + $1.meter.ringDropped.load(ordering: .relaxed) }
    return PipelineState.Books(
      acquired: base.acquired + drained + dropped, ringDropped: base.ringDropped + dropped,
      suppressed: base.suppressed + stage.suppressed, unchanged: base.unchanged + stage.unchanged)
  }

  mutating func turn(at now: Moment) {
    let isDrained = drainRings(untilFull: true)
    // Whatever rows wait for: alarms do not wait for them.
    alarms?.turn(at: now, isDrained: isDrained)
    guard isDrained else { return }
    stage.closeDue(at: now)
    passOn()
    if now.boot >= nextCommit, !queue.isBehind {
      commit(at: now.time)
      // A late turn does not shorten the next interval.
      nextCommit = max(nextCommit.advanced(by: max(commitInterval, leastInterval)), now.boot)
    }
  }

  /// A disk takes neither rows nor alarms.
  private var isFull: Bool { queue.isFull || alarmQueue?.isFull == true }

  /// False when a queue is full: then something may be left in the rings.
  private mutating func drainRings(untilFull: Bool) -> Bool {
    for port in ports {
      if untilFull && isFull { return false }
      while take(from: port) > 0 {
        guard stage.rows.bytes.count + stage.journal.bytes.count >= Self.commitBytes else { continue }
        commit(at: SystemClock.time)
        if untilFull && isFull { return false }
      }
    }
    return true
  }

  /// What came out of its tests, for people and alarms.
  private mutating func passOn() {
    stage.judged.withUnsafeBufferPointer { live.record($0) }
    for reading in stage.judged { alarms?.take(reading) }
    stage.forgetJudged()
  }

  /// In bounded pieces, so that one commit stays small however full the ring is.
  private mutating func take(from port: SourcePort) -> Int {
    let taken = port.consumer.drain(limit: 1024) { readings in
      stage.take(readings)
      passOn()
    }
    drained += UInt64(taken)
    return taken
  }

  /// Hands over what there is; nothing is written when nothing was read.
  private mutating func commit(at time: Timestamp) {
    if let earlier = past.takeUp() {
      base.acquired += earlier.acquired
      base.ringDropped += earlier.ringDropped
      base.suppressed += earlier.suppressed
      base.unchanged += earlier.unchanged
    }
    let books = books
    // Read after the rings were: no total that a row says is above what is kept.
    let totals = pulses.map(\.counter.total)
    guard
      stage.rows.rowCount > 0 || stage.journal.rowCount > 0 || books != committedBooks
        || totals != committedTotals
    else { return }
    let rest = rest(totals)
    var journal = ByteBuffer(capacity: 64 + stage.journal.bytes.count)
    PipelineStateEncoder.append(books: books, journal: stage.journal, to: &journal)
    PipelineStateEncoder.append(rest, books, to: &journal)
    let panes = stage.panes
    var checkpoint = ByteBuffer(capacity: 64 + panes.count * PipelineStateEncoder.bytesPerWindow)
    PipelineStateEncoder.append(books: books, checkpoint: panes, to: &checkpoint)
    PipelineStateEncoder.append(rest, books, to: &checkpoint)
    let count = stage.rows.rowCount
    // The next commit is likely to be of this one's size.
    let payload = stage.takeRows(reserving: stage.rows.bytes.count + checkpoint.count + 64)
    queue.push(
      PendingCommit(
        payload: payload, journal: journal, checkpoint: checkpoint, rowCount: count,
        catalogue: catalogue, time: time, beginsPipeline: !hasCommitted, knowsPast: past.isKnown))
    hasCommitted = true
    committedBooks = books
    committedTotals = totals
  }

  /// Everything that was acquired, whatever the queue's limit says; the open windows stay open for whoever
  /// goes on from here.
  mutating func finish(at now: Moment) -> PipelineState {
    _ = drainRings(untilFull: false)
    stage.closeDue(at: now)
    passOn()
    alarms?.finish(at: now)
    commit(at: now.time)
    let points = catalogue.points
    var state = stage.remainder(of: points, boot: boot)
    state.books = books
    state.totals = pulses.map {
      PipelineState.PulseTotal(point: points[Int($0.point)], pulses: $0.counter.total)
    }
    return state
  }

  private func rest(_ totals: [UInt64]) -> PipelineStateEncoder.Rest {
    var rest = PipelineStateEncoder.Rest(
      totals: zip(pulses, totals).filter { $0.1 > 0 }.map { (point: $0.0.point, pulses: $0.1) })
    (rest.counters, rest.waiting) = (stage.counted, stage.waiting)
    return rest
  }
}
