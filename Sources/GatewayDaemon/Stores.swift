internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// Where rows are kept: on the disk, and while that is away in memory. Promises:
///
/// * Rows that the disk was asked to take, and refused, are held and go to nobody but the disk, under the numbers that
///   they were given: their bytes may be there and be found at the next start.
/// * Rows that the disk never saw go to a store in memory, with a stream of its own, and leave from there only.
/// * What it counts never goes back in one run.
///
/// The writing thread says where commits go and makes and ends the store in memory; a thread of its own looks for a disk
/// that is away, so that nobody else waits for one; a reload changes both stores. Anybody may look.
final class Stores: Sendable {
  typealias OpenDisk = @Sendable (GatewayConfig) throws(StoreError) -> DurableStore
  /// What is made of a disk that appears late: the commit that closes what this run cannot go on with, and what is to
  /// be said once the store is in use.
  typealias TakeUp = @Sendable (DurableStore) -> (closing: PendingCommit?, publish: @Sendable () -> Void)

  /// While the disk takes no commits.
  struct Absence: Sendable {
    var cause: String
    var since: Timestamp
    /// The rows that it refused.
    var held: PendingCommit?
  }

  struct State: Sendable {
    var config: GatewayConfig
    /// nil until it was opened.
    var disk: Depot?
    var absence: Absence?
    var memory: Depot?
    var ended = EndedStores()
    /// Rows that earlier runs lost; they were told of then.
    var lostBefore: UInt64 = 0

    /// The disk's first.
    var depots: [Depot] { [disk, memory].compactMap { $0 } }
  }

  /// What a daemon of 20 MB may take more.
  private static let usualMemory = 4 << 20

  let past: Past
  let state: Mutex<State>
  /// Held while stores or their uplinks are exchanged.
  let changes = Mutex(())
  let boot: BootID
  private let clocks: BootClocks
  let secrets: Depot.Secrets
  let openDisk: OpenDisk
  let takeUp: TakeUp
  private let memoryCapacity: Int
  private let returnCount = Atomic<Int>(0)
  /// Raised when the disk is away, and to stop.
  let search: EventSignal
  let isStopping = Atomic<Bool>(false)
  let searcher = Mutex<WorkerThread?>(nil)

  /// Opens the disk's store; where that is away, one in memory takes its place. Nothing is delivered before `start`.
  init(
    _ config: GatewayConfig, boot: BootID, clocks: BootClocks = BootClocks(), secrets: Depot.Secrets,
    totals: PulseTotals, memoryCapacity: Int = usualMemory, openDisk: @escaping OpenDisk,
    takeUp: TakeUp? = nil
  ) throws(StartFailure) {
    (self.boot, self.clocks, self.secrets, self.openDisk) = (boot, clocks, secrets, openDisk)
    self.memoryCapacity = memoryCapacity
    do throws(SystemError) { search = try EventSignal() } catch { throw .system(error) }
    var state = State(config: config)
    do throws(StoreError) {
      let store = try openDisk(config)
      state.disk = Depot(store, secrets)
      state.lostBefore = store.overallBooks.lost - min(store.lostBeforeStart, store.overallBooks.lost)
      Self.tell(store.notes)
    } catch .away(let cause) {
      state.absence = Absence(cause: cause, since: SystemClock.time)
      JournalLog.line(.error, "the disk is away: \(cause); rows are kept in memory until it is there")
    } catch {
      throw .store(error)
    }
    let past = Past(totals, isKnown: state.disk != nil)
    self.past = past
    self.takeUp = takeUp ?? Self.takeUp(for: past, boot: boot)
    self.state = Mutex(state)
  }

  /// Starts the uplinks, and to look for a disk that is away.
  func start() throws(SystemError) {
    let (config, disk) = state.withLock { ($0.config, $0.disk) }
    if let disk { try disk.start(config, disk.makeUplinks(config)) }
    var thread: WorkerThread? = try WorkerThread(name: "disk") { [self] in searchWhenAway() }
    searcher.withLock { swap(&$0, &thread) }
  }

  static func tell(_ notes: [String]) {
    for note in notes { JournalLog.line(.warning, "store: \(note)") }
  }

  /// How often the disk came back: it lacks the state of what went to memory meanwhile.
  var returns: Int { returnCount.load(ordering: .acquiring) }

  func noteReturn() { returnCount.add(1, ordering: .acquiringAndReleasing) }

  // MARK: - For the writing thread

  /// The disk's store, if `commit` is to go there; else the writer turns to `memory`.
  func disk(for commit: PendingCommit) -> DurableStore? {
    state.withLock { $0.absence == nil && commit.knowsPast ? $0.disk?.store : nil }
  }

  /// The disk refused `commit`, and may have it all the same: it is held for the disk.
  func hold(_ commit: PendingCommit, _ error: StoreError) {
    state.withLock { $0.absence = Absence(cause: "\(error)", since: SystemClock.time, held: commit) }
    JournalLog.write(
      .error, kind: "store",
      "the disk is away: \(error); \(commit.rowCount) rows are held for it, others kept in memory")
    search.raise()
  }

  /// The store in memory, made when there is none that takes rows of `catalogue`. nil while that has to wait.
  func memory(for catalogue: Catalogue) throws -> DurableStore? {
    let bytes = catalogue.encoded.count
    let present = state.withLock { $0.memory }
    if let present, bytes <= present.store.maximumPayload { return present.store }
    // A reload may go on.
    return try changes.withLockIfAvailable { _ in
      if let present, !end(present) { return nil }
      let config = state.withLock { $0.config }
      let store = try DurableStore.inMemory(
        capacity: memoryCapacity, longestPayload: bytes, destinations: config.destinations.map(\.name),
        boot: boot, clocks: clocks)
      let depot = Depot(store, secrets)
      try depot.start(config, depot.makeUplinks(config))
      state.withLock { $0.memory = depot }
      return store
    } ?? nil
  }

  /// Ends the store in memory when the disk is back and every row has left it.
  func endMemoryIfDrained() {
    guard let depot = state.withLock({ $0.absence == nil ? $0.memory : nil }), depot.isDrained else { return }
    changes.withLockIfAvailable { _ in
      if end(depot) { JournalLog.write(.notice, kind: "memory", "no row is in memory only any more") }
    }
  }

  /// False when some destination lacks rows.
  private func end(_ memory: Depot) -> Bool {
    guard memory.isDrained else { return false }
    memory.stopUplinks()
    state.withLock { state in
      state.ended.add(memory.store, state.config.destinations.map(\.name))
      state.memory = nil
    }
    return true
  }

  /// The disk's store while it is there.
  var presentDisk: DurableStore? { state.withLock { $0.absence == nil ? $0.disk?.store : nil } }

  /// For when no commit waits.
  func useIdleTime(at time: Timestamp) {
    guard let disk = presentDisk else { return }
    disk.writeLedgerIfDue(at: time)
    disk.extendOneSlot()
  }

  /// Those that take rows now.
  var writable: [DurableStore] {
    state.withLock { [$0.absence == nil ? $0.disk : nil, $0.memory].compactMap { $0?.store } }
  }

  // MARK: - Changes

  /// Goes over to another configuration: uplinks are made first, which may fail, then `stop` ends what acquires.
  func adopt(_ config: GatewayConfig, after stop: () -> Void) throws {
    try changes.withLock { _ in
      let depots = depots
      let uplinks = try depots.map { try $0.makeUplinks(config) }
      let names = config.destinations.map(\.name)
      try DurableStore.check(destinations: names)
      // What a new destination cannot have is looked up in all segments, so before anything stops.
      let old = state.withLock { $0.config.destinations.map(\.name) }
      for depot in depots { try? depot.store.setDestinations(old + names.filter { !old.contains($0) }) }
      stop()
      for (depot, next) in zip(depots, uplinks) { try depot.adopt(config, next) }
      state.withLock { state in
        state.config = config
        state.ended.keep(only: config.destinations.map(\.name))
      }
    }
  }

  /// Begins every uplink anew, with what formats know of their platforms by now.
  func restartUplinks() throws {
    try changes.withLock { _ in
      let config = state.withLock { $0.config }
      for depot in depots { try depot.adopt(config, depot.makeUplinks(config)) }
    }
  }

  var depots: [Depot] { state.withLock { $0.depots } }

  /// Has every forwarder send now, and looks for a disk that is away; the rows that are queued.
  func flush() -> UInt64 {
    for depot in depots { depot.flush() }
    search.raise()
    return summary.books.queued
  }

  /// Ends what can go on at the next start: the disk's uplinks. What is in memory has to leave now.
  func requestStop() {
    let (disk, memory) = state.withLock { ($0.disk, $0.memory) }
    disk?.requestStop()
    memory?.flush()
  }

  /// For the rows in memory to leave; the stop as a whole may take 5 s.
  private static let lastDelivery = Duration.seconds(3)

  /// When the stop gives up on rows in memory.
  static var lastMoment: BootTime { SystemClock.boot.advanced(by: lastDelivery) }

  /// Call when the writer has ended. Delivers what is in memory as far as that goes, tries the disk a last time, and
  /// says what is lost.
  func finish(by deadline: BootTime = lastMoment) {
    isStopping.store(true, ordering: .releasing)
    search.raise()
    let memory = state.withLock { $0.memory }
    memory?.flush()
    while memory?.isDrained == false, SystemClock.boot < deadline { usleep(20_000) }
    memory?.stopUplinks()
    if let thread = searcher.withLock({ $0.take() }) { thread.join() }
    let (disk, held) = state.withLock { ($0.disk, $0.absence?.held) }
    disk?.stopUplinks()
    let lost = UInt64(held?.rowCount ?? 0) + (memory?.store.overallBooks.queued ?? 0)
    if lost > 0 { JournalLog.line(.error, "\(lost) rows that were only in memory are lost") }
    do throws(StoreError) { try disk?.store.close() } catch { JournalLog.line(.error, "\(error)") }
  }
}
