internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// One source's end of the pipeline: its ring and its counters.
final class SourcePort: @unchecked Sendable {
  // Sendable: the consumer is touched by the pipeline's thread alone.
  var consumer: ReadingRing.Consumer
  let meter: BusMeter

  init(consumer: consuming ReadingRing.Consumer, meter: BusMeter) {
    self.consumer = consumer
    self.meter = meter
  }
}

/// The pipeline's thread: rings → live table, windows, rows → commits for the writer.
///
/// Promises: a reading that left its ring is in the commit that is handed over within the commit interval, as a
/// row or in the state of its window; readings of one source keep their order; what was counted is in the commit
/// too.
/// While the commit queue is full nothing moves: no reading leaves its ring, no window closes without those that
/// wait for it there, and no commit costs memory.
final class Pipeline: Sendable {
  struct Setup: Sendable {
    var catalogue: Catalogue
    var commitInterval: Duration
    /// What an earlier run or configuration left open.
    var state: PipelineState
    /// The catalogue's pulse points, whose totals go behind each commit.
    var pulses: [PulsePoint] = []
    /// What earlier runs counted, where the disk has not said it yet.
    var past = Past(PulseTotals(), isKnown: true)
    /// The lane of alarms; nil where there is none.
    var alarms: AlarmLane?
  }

  struct PulsePoint: Sendable {
    var point: PointIndex
    var counter: PulseCounter
  }

  let live: LiveTable
  /// Raised by a source whose ring is half full.
  let wake: EventSignal
  let heartbeat: Heartbeat
  private let stopping = Atomic<Bool>(false)
  private let leastInterval = Atomic<Int64>(0)
  private let books = Mutex(PipelineState.Books())
  private let remainder = Mutex<PipelineState?>(nil)
  private let thread = Mutex<WorkerThread?>(nil)

  init(catalogue: Catalogue, wake: EventSignal, heartbeat: Heartbeat) {
    live = LiveTable(points: catalogue.points)
    self.wake = wake
    self.heartbeat = heartbeat
  }

  /// Readings ever made and dropped, as of the last look into the rings.
  var currentBooks: PipelineState.Books { books.withLock { $0 } }

  func start(_ setup: Setup, ports: [SourcePort], queue: CommitQueue) throws(SystemError) {
    books.withLock { $0 = setup.state.books }
    var started: WorkerThread? = try WorkerThread(name: "pipeline") { [self] in
      var worker = PipelineWorker(setup: setup, ports: ports, queue: queue, live: live)
      while !stopping.load(ordering: .acquiring) {
        heartbeat.beat()
        wake.wait(timeout: worker.tick)
        worker.leastInterval = .microseconds(leastInterval.load(ordering: .relaxed))
        worker.turn(at: SystemClock.moment)
        books.withLock { $0 = worker.books }
      }
      let rest = worker.finish(at: SystemClock.moment)
      books.withLock { $0 = rest.books }
      remainder.withLock { $0 = rest }
    }
    thread.withLock { swap(&$0, &started) }
  }

  /// Commits are to be no closer than this, whatever the configuration says.
  func spaceCommits(by interval: Duration) {
    leastInterval.store(interval.microseconds, ordering: .relaxed)
  }

  /// Call when the sources have stopped: takes what is left in the rings, commits it, and ends the thread.
  func finish() -> PipelineState? {
    stopping.store(true, ordering: .releasing)
    wake.raise()
    var running: WorkerThread?
    thread.withLock { swap(&$0, &running) }
    running?.join()
    return remainder.withLock { $0 }
  }
}

/// The state that only the pipeline's thread touches.
private struct PipelineWorker: ~Copyable {
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
  private var aggregator: WindowAggregator
  private let hasWindows: Bool
  private var alarms: AlarmDesk?
  private var rows = RowEncoder()
  private var journal = RowEncoder()
  private var nextCommit: BootTime
  private var hasCommitted = false

  init(setup: Pipeline.Setup, ports: [SourcePort], queue: CommitQueue, live: LiveTable) {
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
    aggregator = WindowAggregator(points: catalogue.points, startedAt: now.time)
    hasWindows = catalogue.points.contains { $0.window != .raw }
    nextCommit = now.boot.advanced(by: commitInterval)
    alarms = setup.alarms?.makeDesk()
    _ = setup.state.restore(into: &aggregator, points: catalogue.points)
  }

  /// How long readings may lie in the rings: short beside the commit interval.
  var tick: Duration { min(.milliseconds(100), commitInterval / 4) }

  var books: PipelineState.Books {
    let dropped = ports.reduce(0) { $0 + $1.meter.ringDropped.load(ordering: .relaxed) }
    return PipelineState.Books(
      acquired: base.acquired + drained + dropped, ringDropped: base.ringDropped + dropped)
  }

  mutating func turn(at now: Moment) {
    let isDrained = drainRings(untilFull: true)
    // Whatever rows wait for: alarms do not wait for them.
    alarms?.turn(at: now, isDrained: isDrained)
    guard isDrained else { return }
    aggregator.closeDue(at: now.time) { rows.append($0) }
    if now.boot >= nextCommit, !queue.isBehind {
      commit(at: now.time)
      // A late turn does not shorten the next interval.
      nextCommit = max(nextCommit.advanced(by: max(commitInterval, leastInterval)), now.boot)
    }
  }

  /// False when the queue is full: then something may be left in the rings.
  private mutating func drainRings(untilFull: Bool) -> Bool {
    for port in ports {
      if untilFull && queue.isFull { return false }
      while take(from: port) > 0 {
        guard rows.bytes.count + journal.bytes.count >= Self.commitBytes else { continue }
        commit(at: SystemClock.time)
        if untilFull && queue.isFull { return false }
      }
    }
    return true
  }

  /// In bounded pieces, so that one commit stays small however full the ring is.
  private mutating func take(from port: SourcePort) -> Int {
    let taken = port.consumer.drain(limit: 1024) { readings in
      live.record(readings)
      for reading in readings { collect(reading) }
    }
    drained += UInt64(taken)
    return taken
  }

  private mutating func collect(_ reading: Reading) {
    alarms?.take(reading)
    guard hasWindows, aggregator.isWindowed(reading.point) else { return rows.append(reading) }
    journal.append(reading)
    aggregator.add(reading) { rows.append($0) }
  }

  /// Hands over what there is; nothing is written when nothing was read.
  private mutating func commit(at time: Timestamp) {
    if let earlier = past.takeUp() {
      base.acquired += earlier.acquired
      base.ringDropped += earlier.ringDropped
    }
    let books = books
    // Read after the rings were: no total that a row says is above what is kept.
    let totals = pulses.map(\.counter.total)
    guard
      rows.rowCount > 0 || journal.rowCount > 0 || books != committedBooks || totals != committedTotals
    else { return }
    let counted = zip(pulses, totals).filter { $0.1 > 0 }.map { (point: $0.0.point, pulses: $0.1) }
    var journalState = ByteBuffer(capacity: 64 + journal.bytes.count)
    PipelineStateEncoder.append(books: books, journal: journal, to: &journalState)
    PipelineStateEncoder.append(totals: counted, to: &journalState)
    let windows = aggregator.openWindows
    var checkpoint = ByteBuffer(capacity: 64 + windows.count * PipelineStateEncoder.bytesPerWindow)
    PipelineStateEncoder.append(books: books, checkpoint: windows, to: &checkpoint)
    PipelineStateEncoder.append(totals: counted, to: &checkpoint)
    let count = rows.rowCount
    // The next commit is likely to be of this one's size.
    let payload = rows.takeBytes(reserving: rows.bytes.count + checkpoint.count + 64)
    queue.push(
      PendingCommit(
        payload: payload, journal: journalState, checkpoint: checkpoint, rowCount: count,
        catalogue: catalogue, time: time, beginsPipeline: !hasCommitted, knowsPast: past.isKnown))
    hasCommitted = true
    journal.removeAll()
    committedBooks = books
    committedTotals = totals
  }

  /// Everything that was acquired, whatever the queue's limit says; the open windows stay open for whoever
  /// goes on from here.
  mutating func finish(at now: Moment) -> PipelineState {
    _ = drainRings(untilFull: false)
    alarms?.turn(at: now, isDrained: true)
    aggregator.closeDue(at: now.time) { rows.append($0) }
    commit(at: now.time)
    let windows = aggregator.openWindows.map {
      PipelineState.OpenWindow(point: catalogue.points[Int($0.point)], window: $0)
    }
    let totals = pulses.map {
      PipelineState.PulseTotal(point: catalogue.points[Int($0.point)], pulses: $0.counter.total)
    }
    return PipelineState(books: books, windows: windows, totals: totals)
  }
}
