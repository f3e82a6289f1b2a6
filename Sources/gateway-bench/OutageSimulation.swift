package import GatewayCore
package import GatewaySimulator
package import GatewayStore
internal import GatewayUplink

/// A cabinet that has no uplink for a long time and gets it back, in virtual time: the real store, the real outbox, a
/// link that takes as long as its bits do, and a platform that knows each number it has. Knows no clock and has no
/// thread; a month takes seconds.
package struct OutageSimulation: ~Copyable {
  package struct Plan: Sendable {
    /// Bytes that the store may use.
    package var capacity = 256 << 20
    package var eviction = EvictionPolicy.oldest
    /// Seconds without an uplink; an hour of normal life goes before.
    package var outage = 30 * 86_400
    /// Bits a second: the uplink's, and what of it the backlog may take.
    package var link = 375_000
    package var backfill = 256_000
    /// One answer in so many is lost on its way, though the platform has the batch; 0: none.
    package var lostAnswers = 100

    package init() {}
  }

  package struct Result: Sendable {
    /// Rows a second that the cabinet stores, on average.
    package var liveRate = 0.0
    /// When the uplink came back.
    package var queuedAtReturn: UInt64 = 0
    /// Seconds until nothing of the outage was left, and rows delivered a second meanwhile, the live ones left out.
    package var drainSeconds = 0
    package var drainRate = 0.0
    /// Bytes on the wire for each row meanwhile.
    package var bytesPerRow = 0.0
    /// Seconds from the commit of a live row to its arrival, at worst, since the uplink was back.
    package var worstLateness = 0.0
    package var books: DeliveryBooks
    package var platform = PlatformStats()
    package var bytesWritten: UInt64 = 0
    package var commits: UInt64 = 0

    /// What is wrong with the books; empty when they are exact.
    package var flaws: [String] {
      var flaws: [String] = []
      func expect(_ isRight: Bool, _ sentence: String) { if !isRight { flaws.append(sentence) } }
      expect(books.queued == 0, "\(books.queued) rows are still queued")
      expect(
        books.stored == books.delivered + books.queued + books.evicted + books.quarantined,
        "stored is not the sum of the others")
      // A batch may be on its way while the store gives up its rows.
      expect(platform.unique >= books.delivered, "rows were called delivered that the platform lacks")
      expect(
        platform.unique + platform.holes <= books.stored, "the platform has numbers that were not stored")
      expect(
        platform.unique - min(books.delivered, platform.unique) <= books.evicted,
        "rows arrived that were neither called delivered nor evicted")
      expect(platform.rows == platform.unique + platform.duplicates, "the platform's sums are wrong")
      expect(platform.rejected == 0, "refused: \(platform.lastRejection ?? "")")
      expect(platform.streams.count == 1, "\(platform.streams.count) streams")
      return flaws
    }
  }

  /// The least time that an exchange takes, and a connect that nobody answers.
  private static let roundTrip = Duration.milliseconds(100)

  private let plan: Plan
  private let store: DurableStore
  private let queue: any DeliveryQueue
  private let platform = VirtualPlatform()
  private var outbox: Outbox
  private var load = CabinetLoad()
  private var dice: SplitMix
  private var second = 0
  private var now = BootTime(microseconds: 0)
  private var answerTime: BootTime?
  private var isAway = false
  private var bytesSent = 0
  /// Live commits since the uplink came back whose last row has not arrived.
  private var waiting: [(last: UInt64, since: BootTime)] = []
  private var result: Result

  /// The store is made in `directory`. The same seed gives the same history.
  package init(_ plan: Plan, in directory: String, seed: UInt64) throws(StoreError) {
    self.plan = plan
    dice = SplitMix(seed: seed)
    let destination = DestinationConfig(
      name: "platform", url: "http://127.0.0.1/", backfill: plan.backfill, backlog: .oldest)
    store = try DurableStore.open(
      directory: directory, capacity: plan.capacity, destinations: [destination.name],
      boot: BootID(high: 1, low: 2), mark: StoredMark())
    store.evict(by: plan.eviction)
    queue = store.queue(for: destination.name)
    outbox = Outbox(destination, gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
    result = Result(books: store.overallBooks)
    result.liveRate = load.rowsPerSecond
  }

  package mutating func run() throws(StoreError) -> Result {
    try live(seconds: 3600)
    isAway = true
    try live(seconds: plan.outage)
    isAway = false
    try drainOutage()
    // The cabinet falls silent, so that the books can be closed.
    for _ in 0..<3600 where queue.pending(from: 1) != nil { pass(until: now.advanced(by: .seconds(1))) }
    result.books = store.overallBooks
    result.platform = platform.stats
    (result.bytesWritten, result.commits) = (store.usage.bytesWritten, store.usage.commits)
    return result
  }

  private mutating func drainOutage() throws(StoreError) {
    let last = store.storedThrough
    let before = (
      delivered: store.overallBooks.delivered, second: second, bytes: bytesSent, rows: platform.stats.rows
    )
    result.queuedAtReturn = store.overallBooks.queued
    var live: UInt64 = 0
    while queue.pending(from: 1)?.lowerBound ?? .max <= last, second - before.second < plan.outage {
      let stored = store.storedThrough
      try self.live(seconds: 1)
      live += store.storedThrough - stored
    }
    result.drainSeconds = second - before.second
    let delivered = store.overallBooks.delivered - before.delivered
    result.drainRate = Double(delivered - min(live, delivered)) / Double(max(result.drainSeconds, 1))
    result.bytesPerRow = Double(bytesSent - before.bytes) / Double(max(platform.stats.rows - before.rows, 1))
  }

  // MARK: - Time

  /// A commit each second, as the store's thread does it.
  private mutating func live(seconds: Int) throws(StoreError) {
    for _ in 0..<seconds {
      let (store, catalogue) = (store, load.catalogue)
      var last: UInt64?
      try load.commit(second: second) { payload, count, time throws(StoreError) in
        try store.append(payload: payload, rowCount: count, catalogue: catalogue, time: time)
        if count > 0 { last = store.storedThrough }
      }
      store.makeRoom()
      if let last, !isAway, result.queuedAtReturn > 0 { waiting.append((last, now)) }
      advance()
      second += 1
      pass(until: BootTime(microseconds: Int64(second) * 1_000_000))
    }
  }

  /// From event to event.
  private mutating func pass(until end: BootTime) {
    while true {
      let next = min(answerTime ?? end, outbox.wakeTime ?? end)
      if next >= end { break }
      now = max(next, now)
      if let answerTime, answerTime <= now { finish() } else { advance() }
    }
    now = end
  }

  private mutating func advance() {
    if outbox.advance(at: now) { post() }
  }

  // MARK: - Batches

  private mutating func post() {
    let bytes = BacklogBudget.wireBytes(body: outbox.withBatch { $0.byteCount })
    let travel = Duration.microseconds(Int64(bytes) * 8_000_000 / Int64(plan.link))
    answerTime = now.advanced(by: isAway ? Self.roundTrip : Self.roundTrip + travel)
    if !isAway { bytesSent += bytes }
  }

  private mutating func finish() {
    answerTime = nil
    if outbox.finish(outcome(), at: now, random: dice.unit()).mustPost { post() }
    // As the forwarder does in its next turn.
    advance()
  }

  private mutating func outcome() -> DeliveryOutcome {
    if isAway { return .failure(.unreachable, cause: "no route") }
    let (rows, status) = outbox.withBatch { [platform] batch in
      (batch.rows, batch.withBody { platform.post($0, key: String(batch.head.headers[0].dropFirst(17))) })
    }
    for commit in waiting where rows.contains(commit.last) {
      result.worstLateness = max(result.worstLateness, commit.since.duration(to: now).seconds)
    }
    waiting.removeAll { rows.contains($0.last) }
    if plan.lostAnswers > 0, dice.next() % UInt64(plan.lostAnswers) == 0 {
      return .failure(.busy, cause: "the connection was closed")
    }
    return .answer(DeliveryAnswer(status: status))
  }
}
