internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem
internal import Synchronization

/// The disk's thread: commits from the queue into the store, one at a time. A commit that the medium refuses
/// stays in the queue and is tried again every second, so a fault costs no row while there is memory.
final class StoreWriter: Sendable {
  private static let evictionInterval = Duration.seconds(60)
  private static let retryInterval = Duration.seconds(1)
  /// The journal of windowed readings is replaced by a checkpoint when it has cost this many times as much.
  private static let journalFactor = 8

  private let store: DurableStore
  private let queue: CommitQueue
  private let heartbeat: Heartbeat
  private let retry: EventSignal
  private let stopping = Atomic<Bool>(false)
  private let currentFault = Mutex<String?>(nil)
  /// Rows older than this are dropped; nil keeps them while there is room.
  private let retention = Mutex<Duration?>(nil)
  private let thread = Mutex<WorkerThread?>(nil)

  init(store: DurableStore, queue: CommitQueue, heartbeat: Heartbeat) throws(SystemError) {
    self.store = store
    self.queue = queue
    self.heartbeat = heartbeat
    retry = try EventSignal()
  }

  /// Why the last commit could not be written; nil when it was.
  var fault: String? { currentFault.withLock { $0 } }

  func start() throws(SystemError) {
    var started: WorkerThread? = try WorkerThread(name: "store") { [self] in run() }
    thread.withLock { swap(&$0, &started) }
  }

  /// How long rows are kept from now on.
  func retain(_ age: Duration?) { retention.withLock { $0 = age } }

  /// Ends when the queue is empty and closed; a medium that refuses to write is then tried only once more.
  func finish() {
    stopping.store(true, ordering: .releasing)
    queue.close()
    retry.raise()
    var running: WorkerThread?
    thread.withLock { swap(&$0, &running) }
    running?.join()
  }

  private func run() {
    var journalBytes = 0
    var nextEviction = SystemClock.boot
    while !queue.isFinished {
      heartbeat.beat()
      if SystemClock.boot >= nextEviction {
        nextEviction = SystemClock.boot.advanced(by: Self.evictionInterval)
        evictOldRows()
      }
      guard let commit = queue.first(timeout: Self.retryInterval) else {
        store.writeLedgerIfDue(at: SystemClock.time)
        store.extendOneSlot()
        continue
      }
      let usesCheckpoint = needsCheckpoint(commit, journalBytes)
      if write(commit, usesCheckpoint: usesCheckpoint) {
        journalBytes = usesCheckpoint ? 0 : journalBytes + commit.journal.count
        queue.removeFirst()
        store.packOldSegments()
        store.thinOldRows()
      } else if stopping.load(ordering: .acquiring) {
        return JournalLog.line(.error, "cannot store the last \(queue.rowCount) rows: they are lost")
      } else {
        retry.wait(timeout: Self.retryInterval)
      }
    }
  }

  /// Only by a clock that can be trusted: one that jumped ahead would cost everything that is queued.
  private func evictOldRows() {
    guard let age = retention.withLock({ $0 }), SystemClock.isSynchronized else { return }
    let cutoff = Timestamp(microseconds: SystemClock.time.microseconds - age.microseconds)
    do throws(StoreError) {
      try store.evict(storedBefore: cutoff)
    } catch {
      JournalLog.write(.error, kind: "store", "\(error)")
    }
  }

  private func needsCheckpoint(_ commit: PendingCommit, _ journalBytes: Int) -> Bool {
    if commit.beginsPipeline || journalBytes > Self.journalFactor * commit.checkpoint.count { return true }
    let withJournal = commit.rowBytes + commit.journal.count
    let withCheckpoint = commit.rowBytes + commit.checkpoint.count
    return DurableStore.bytesOnMedium(payload: withCheckpoint)
      <= DurableStore.bytesOnMedium(payload: withJournal)
      || store.nextAppendNeedsCheckpoint(payload: withJournal, catalogue: commit.catalogue)
  }

  private func write(_ commit: PendingCommit, usesCheckpoint: Bool) -> Bool {
    commit.setState(usesCheckpoint: usesCheckpoint)
    do throws(StoreError) {
      try commit.payload.withBytes { payload throws(StoreError) in
        try store.append(
          payload: payload, rowCount: commit.rowCount, catalogue: commit.catalogue, time: commit.time)
      }
      currentFault.withLock { $0 = nil }
      return true
    } catch {
      JournalLog.write(.error, kind: "store", "\(error)")
      currentFault.withLock { $0 = "\(error)" }
      return false
    }
  }
}
