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
    var boot = BootID(high: 0, low: 0)
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
  private let treatments: [PointTreatment]
  private let derived: DerivedPoints
  private let stopping = Atomic<Bool>(false)
  private let leastInterval = Atomic<Int64>(0)
  private let books = Mutex(PipelineState.Books())
  private let remainder = Mutex<PipelineState?>(nil)
  private let thread = Mutex<WorkerThread?>(nil)

  /// `treatments`: of the catalogue's points, in their order.
  init(
    catalogue: Catalogue, treatments: [PointTreatment] = [], derived: DerivedPoints = DerivedPoints(),
    wake: EventSignal, heartbeat: Heartbeat
  ) {
    live = LiveTable(points: catalogue.points, treatments: treatments)
    (self.treatments, self.derived) = (treatments, derived)
    self.wake = wake
    self.heartbeat = heartbeat
  }

  /// Readings ever made and dropped, as of the last look into the rings.
  var currentBooks: PipelineState.Books { books.withLock { $0 } }

  func start(_ setup: Setup, ports: [SourcePort], queue: CommitQueue) throws(SystemError) {
    books.withLock { $0 = setup.state.books }
    var started: WorkerThread? = try WorkerThread(name: "pipeline") { [self] in
      var worker = PipelineWorker(setup: setup, treatments, derived, ports: ports, queue: queue, live: live)
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
