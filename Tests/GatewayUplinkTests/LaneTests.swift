import GatewayCore
import GatewayUplink
import Testing

/// Live rows and the backlog of an outage over whole delivery histories, in virtual time.
@Suite struct LaneTests {
  private static func destination(
    _ order: DestinationConfig.Backlog, backfill: Int? = nil, rows: Int = 8, bytes: Int = 512 << 10
  ) -> DestinationConfig {
    DestinationConfig(
      name: "platform", url: "http://127.0.0.1/", maximumReadings: rows, maximumBytes: bytes,
      linger: .seconds(1),
      backfill: backfill, backlog: order)
  }

  static let orders = [DestinationConfig.Backlog.oldest, .newest]

  /// Outages of random lengths between random stretches of life, then peace.
  private func outages(_ history: inout LaneHistory) {
    for _ in 0..<4 {
      history.live(
        seconds: Int.random(in: 1...30, using: &history.generator),
        rowsPerSecond: Int.random(in: 1...4, using: &history.generator))
      history.isAway = true
      history.live(
        seconds: Int.random(in: 1...120, using: &history.generator),
        rowsPerSecond: Int.random(in: 1...12, using: &history.generator))
      history.isAway = false
    }
    history.drain(within: 100_000)
  }

  /// What holds in every history.
  private func expectExactBooks(
    _ history: borrowing LaneHistory, seed: UInt64, order: DestinationConfig.Backlog
  ) {
    let books = history.queue.now
    let flaws = history.flaws
    #expect(flaws == [], "seed \(seed), \(order)")
    #expect(books.violations == 0 && books.settled == books.stored, "seed \(seed), \(order)")
    #expect(
      books.delivered + books.lost + books.evicted + books.carried == books.stored, "seed \(seed), \(order)")
    let arrived = history.arrivals
    let missing = books.deliveredRows.ranges.flatMap { Array($0) }.filter { arrived[$0] == nil }
    #expect(missing == [], "seed \(seed), \(order)")
    #expect(books.lostRows.subtracting(history.damagedRows).isEmpty, "seed \(seed), \(order)")
  }

  @Test(arguments: 0..<12, LaneTests.orders)
  func everyRowArrivesOnceWhateverHappensToTheBatchesOfBothLanes(
    seed: UInt64, order: DestinationConfig.Backlog
  ) {
    let backfill = seed % 2 == 0 ? nil : 16_000
    var history = LaneHistory(
      Self.destination(order, backfill: backfill, bytes: seed % 3 == 0 ? 4096 : 512 << 10), seed: seed,
      hazards: [.failures, .limits, .people])
    outages(&history)
    expectExactBooks(history, seed: seed, order: order)
    let books = history.queue.now
    #expect(books.delivered == books.stored && books.mostRuns <= 17, "seed \(seed): \(books.mostRuns) runs")
  }

  @Test(arguments: 1000..<1012, LaneTests.orders)
  func rowsThatVanishFromTheMiddleAreLostExactly(seed: UInt64, order: DestinationConfig.Backlog) {
    var history = LaneHistory(
      Self.destination(order, backfill: seed % 2 == 0 ? nil : 16_000), seed: seed,
      hazards: [.failures, .limits, .people, .losses])
    outages(&history)
    expectExactBooks(history, seed: seed, order: order)
    #expect(
      history.queue.now.evicted + history.queue.now.lost + history.queue.now.carried > 0, "seed \(seed)")
  }

  @Test(arguments: 2000..<2010, LaneTests.orders)
  func noDueLiveRowWaitsForABacklogBatchThatLeavesLater(seed: UInt64, order: DestinationConfig.Backlog) {
    var history = LaneHistory(Self.destination(order), seed: seed, hazards: [.failures])
    outages(&history)
    expectExactBooks(history, seed: seed, order: order)
    let overtaken = history.posts.filter(\.overtakes)
    #expect(overtaken.isEmpty, "seed \(seed), \(order): \(overtaken.count) of \(history.posts.count)")
    #expect(history.posts.contains { $0.lane == .backlog }, "seed \(seed)")
  }

  @Test(arguments: 3000..<3005, LaneTests.orders)
  func theBacklogKeepsItsBudgetWhileLiveRowsAreInTime(seed: UInt64, order: DestinationConfig.Backlog) {
    var generator = SplitMix(seed: seed)
    let backfill = Int.random(in: 8...64, using: &generator) * 1000
    var history = LaneHistory(Self.destination(order, backfill: backfill, rows: 1000), seed: seed)
    // A line that the backlog alone would fill, and one that has room for ten times as much.
    history.linkSpeed = Double(backfill) / 8 * (seed % 2 == 0 ? 1 : 10)
    history.live(seconds: 5, rowsPerSecond: 5)
    history.isAway = true
    history.live(seconds: 3000, rowsPerSecond: 5)
    history.isAway = false
    let back = history.now
    history.live(seconds: 300, rowsPerSecond: 5)
    history.drain(within: 10_000)
    expectExactBooks(history, seed: seed, order: order)
    let backlog = history.posts.filter { $0.lane == .backlog && $0.time >= back }
    #expect(backlog.count > 3, "seed \(seed)")
    let allowance = Double(backfill) / 8 * 10 + Double(backlog.map(\.bytes).max() ?? 0)
    for (index, first) in backlog.enumerated() {
      let window = backlog[index...].prefix { $0.time < first.time.advanced(by: .seconds(10)) }
      #expect(Double(window.reduce(0) { $0 + $1.bytes }) <= allowance, "seed \(seed), \(order)")
    }
    // The platform is asked for the first time within two seconds.
    for (index, time) in history.storeTimes.enumerated() where time > back.advanced(by: .seconds(5)) {
      let arrival = history.arrivals[UInt64(index + 1)] ?? BootTime(microseconds: .max)
      #expect(time.duration(to: arrival) <= .seconds(10), "seed \(seed), \(order): row \(index + 1)")
    }
  }

  /// The rows of each batch after an outage of 100 rows.
  private func batchesAfterAnOutage(
    _ order: DestinationConfig.Backlog, bytes: Int = 512 << 10, count: Int = 90
  ) -> [ClosedRange<UInt64>] {
    var history = LaneHistory(
      Self.destination(order, rows: bytes == 4096 ? 50 : 20, bytes: bytes), seed: 1)
    history.isAway = true
    history.store(10)
    history.run(.seconds(5))
    history.store(count)
    history.run(.seconds(5))
    history.isAway = false
    let count = history.posts.count
    history.drain(within: 100)
    return history.posts[count...].map(\.rows)
  }

  @Test func theNewestRowsGoFirstThenTheBacklogInTheOrderThatIsConfigured() {
    // What was posted before the outage was noticed is posted again, unchanged.
    #expect(
      batchesAfterAnOutage(.oldest) == [1...10, 81...100, 11...30, 31...50, 51...70, 71...80])
    #expect(
      batchesAfterAnOutage(.newest) == [1...10, 81...100, 61...80, 41...60, 21...40, 11...20])
  }

  @Test func whatALimitOfBytesLeavesOfANewestBatchIsNext() throws {
    let batches = batchesAfterAnOutage(.newest, bytes: 4096, count: 240).filter { 11...200 ~= $0.lowerBound }
    try #require(batches.count > 4)
    #expect(batches[0].lowerBound == 151 && batches[0].upperBound < 200)
    #expect(batches[1].lowerBound == batches[0].upperBound + 1)
    #expect(batches.prefix { $0.lowerBound > 150 }.last?.upperBound == 200)
    #expect(batches.first { $0.lowerBound < 151 }?.lowerBound == 101)
  }

  @Test func aStartWithABacklogBeginsWithTheNewestRows() {
    let queue = MemoryQueue()
    queue.store(100)
    let now = BootTime(microseconds: 0)
    var outbox = Outbox(
      Self.destination(.oldest), gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
    #expect(outbox.advance(at: now) && outbox.withBatch { $0.rows } == 93...100)
    #expect(outbox.finish(.answer(DeliveryAnswer(status: 200)), at: now, random: 0).mustPost)
    #expect(outbox.withBatch { $0.rows } == 1...8)
    // The next start knows which rows were left behind.
    outbox = Outbox(
      Self.destination(.newest), gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
    #expect(outbox.advance(at: now) && outbox.withBatch { $0.rows } == 85...92)
  }

  @Test func aBurstWithoutAnOutageStaysInOrder() {
    var history = LaneHistory(Self.destination(.newest), seed: 1)
    history.store(8)
    history.run(.seconds(1))
    history.store(100)
    history.drain(within: 100)
    #expect(history.posts.allSatisfy { $0.lane == .live })
    #expect(history.posts.map(\.rows.lowerBound) == history.posts.map(\.rows.lowerBound).sorted())
  }

  @Test func runsStayFewThroughManyShortOutages() {
    var history = LaneHistory(Self.destination(.oldest, backfill: 8000), seed: 1)
    for _ in 0..<60 {
      history.isAway = true
      history.live(seconds: 10, rowsPerSecond: 10)
      history.isAway = false
      history.live(seconds: 3, rowsPerSecond: 1)
    }
    #expect((10...17).contains(history.queue.now.mostRuns))
    history.drain(within: 100_000)
    expectExactBooks(history, seed: 1, order: .oldest)
  }
}
