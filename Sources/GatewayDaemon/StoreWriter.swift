internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem
internal import Synchronization

/// The writing thread: commits from the queue into the stores, one at a time. What neither the disk nor memory takes
/// stays in the queue and is tried again every second.
final class StoreWriter: Sendable {
  private static let evictionInterval = Duration.seconds(60)
  private static let retryInterval = Duration.seconds(1)
  /// The journal of windowed readings is replaced by a checkpoint when it has cost this many times as much.
  private static let journalFactor = 8

  private let stores: Stores
  private let queue: CommitQueue
  private let heartbeat: Heartbeat
  private let clock: ClockState
  private let bootFile: BootFile?
  private let retry: EventSignal
  private let stopping = Atomic<Bool>(false)
  private let busySince = Atomic<Int64>(.min)
  private let currentFault = Mutex<String?>(nil)
  /// Rows older than this are dropped; nil keeps them while there is room.
  private let retention = Mutex<Duration?>(nil)
  private let thread = Mutex<WorkerThread?>(nil)

  init(
    stores: Stores, queue: CommitQueue, heartbeat: Heartbeat, clock: ClockState, bootFile: BootFile? = nil
  ) throws(SystemError) {
    (self.clock, self.bootFile) = (clock, bootFile)
    self.stores = stores
    self.queue = queue
    self.heartbeat = heartbeat
    retry = try EventSignal()
  }

  /// What the commit that is under way has taken so far; nil while none is.
  var busy: Duration? {
    let since = busySince.load(ordering: .relaxed)
    return since == .min ? nil : BootTime(microseconds: since).duration(to: SystemClock.boot)
  }

  /// Why the last commit could be put nowhere; nil when it was.
  var fault: String? { currentFault.withLock { $0 } }

  func start() throws(SystemError) {
    var started: WorkerThread? = try WorkerThread(name: "store") { [self] in run() }
    thread.withLock { swap(&$0, &started) }
  }

  /// How long rows are kept from now on.
  func retain(_ age: Duration?) { retention.withLock { $0 = age } }

  /// Ends when the queue is empty and closed; what nobody takes is then tried only once more.
  func finish() {
    stopping.store(true, ordering: .releasing)
    queue.close()
    retry.raise()
    var running: WorkerThread?
    thread.withLock { swap(&$0, &running) }
    running?.join()
  }

  private func run() {
    // Since the disk's last checkpoint; nil: it lacks some.
    var journalBytes: Int? = 0
    var nextEviction = SystemClock.boot
    while !queue.isFinished {
      heartbeat.beat()
      if SystemClock.boot >= nextEviction {
        nextEviction = SystemClock.boot.advanced(by: Self.evictionInterval)
        evictOldRows()
      }
      stores.endMemoryIfDrained()
      bootFile?.tend(stores.presentDisk, at: SystemClock.boot)
      guard let commit = queue.first(timeout: Self.retryInterval) else {
        stores.useIdleTime(at: SystemClock.time)
        continue
      }
      busySince.store(SystemClock.boot.microseconds, ordering: .relaxed)
      let isTaken = take(commit, &journalBytes)
      busySince.store(.min, ordering: .relaxed)
      if isTaken {
        queue.removeFirst()
      } else if stopping.load(ordering: .acquiring) {
        return JournalLog.line(.error, "cannot store the last \(queue.rowCount) rows: they are lost")
      } else {
        retry.wait(timeout: Self.retryInterval)
      }
    }
  }

  /// Only by a clock that can be trusted.
  private func evictOldRows() {
    guard let age = retention.withLock({ $0 }), clock.mayJudgeAges(at: SystemClock.boot) else { return }
    let cutoff = Timestamp(microseconds: SystemClock.time.microseconds - age.microseconds)
    for store in stores.writable {
      do throws(StoreError) {
        try store.evict(storedBefore: cutoff)
      } catch {
        JournalLog.write(.error, kind: "store", "\(error)")
      }
    }
  }

  /// False when neither the disk nor memory has it now.
  private func take(_ commit: PendingCommit, _ journalBytes: inout Int?) -> Bool {
    guard let disk = stores.disk(for: commit) else {
      journalBytes = nil
      return keepInMemory(commit)
    }
    let usesCheckpoint = journalBytes.map { needsCheckpoint(commit, disk, $0) } ?? true
    do throws(StoreError) {
      try disk.append(commit, usesCheckpoint: usesCheckpoint)
      journalBytes = usesCheckpoint ? 0 : (journalBytes ?? 0) + commit.journal.count
      currentFault.withLock { $0 = nil }
    } catch {
      journalBytes = nil
      stores.hold(commit, error)
    }
    return true
  }

  private func needsCheckpoint(_ commit: PendingCommit, _ disk: DurableStore, _ journalBytes: Int) -> Bool {
    if commit.beginsPipeline || journalBytes > Self.journalFactor * commit.checkpoint.count { return true }
    let withJournal = commit.rowBytes + commit.journal.count
    let withCheckpoint = commit.rowBytes + commit.checkpoint.count
    return DurableStore.bytesOnMedium(payload: withCheckpoint)
      <= DurableStore.bytesOnMedium(payload: withJournal)
      || disk.nextAppendNeedsCheckpoint(payload: withJournal, catalogue: commit.catalogue)
  }

  /// The rows alone: no start reads what is there, and the disk's next commit brings all the state.
  private func keepInMemory(_ commit: PendingCommit) -> Bool {
    guard commit.rowCount > 0 else { return true }
    do {
      guard let memory = try stores.memory(for: commit.catalogue) else { return false }
      for piece in try commit.rowsInPieces(ofAtMost: memory.maximumPayload) {
        try memory.append(piece.bytes, rowCount: piece.rowCount, of: commit)
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

extension DurableStore {
  /// On the thread that writes this store, with one form of the state.
  func append(_ commit: PendingCommit, usesCheckpoint: Bool) throws(StoreError) {
    commit.setState(usesCheckpoint: usesCheckpoint)
    try commit.payload.withBytes { payload throws(StoreError) in
      try append(
        payload: payload, rowCount: commit.rowCount, catalogue: commit.catalogue, time: commit.time,
        rowsBoot: commit.rowsBoot)
    }
    makeRoom()
  }

  /// Some of its rows, without state.
  fileprivate func append(_ rows: [UInt8], rowCount: Int, of commit: PendingCommit) throws(StoreError) {
    try rows.span.bytes.withUnsafeBytes { rows throws(StoreError) in
      try append(
        payload: rows, rowCount: rowCount, catalogue: commit.catalogue, time: commit.time,
        rowsBoot: commit.rowsBoot)
    }
    makeRoom()
  }
}
