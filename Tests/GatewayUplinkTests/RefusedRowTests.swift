import GatewayCore
import GatewayUplink
import Testing

/// Rows that a platform refuses for ever, in virtual time: found by halving, kept aside, and nothing else held up.
@Suite struct RefusedRowTests {
  /// A platform that refuses every batch with one of `poison` in it.
  private struct History: ~Copyable {
    let queue = MemoryQueue()
    let quarantine = MemoryQuarantine()
    var outbox: Outbox
    var poison: Set<UInt64> = []
    var requests = 0
    var now = BootTime(microseconds: 0)

    init(rows: Int, batch: Int) {
      let destination = DestinationConfig(
        name: "platform", url: "http://127.0.0.1/", maximumReadings: batch, linger: .seconds(1))
      queue.store(rows)
      outbox = Outbox(destination, gateway: "cabinet", queue: queue, quarantine: quarantine)
    }

    /// What a batch with a bad row is answered.
    var refusal = 422

    mutating func answer() -> DeliveryAnswer {
      requests += 1
      let rows = outbox.withBatch { $0.rows }
      let isPoisoned = poison.contains { rows.contains($0) }
      return DeliveryAnswer(
        status: isPoisoned ? refusal : 204, body: isPoisoned ? Array("no such unit".utf8) : [])
    }

    /// Until everything is settled, or so many seconds are over.
    mutating func run(seconds: Int) {
      for _ in 0..<seconds where queue.settledThrough < queue.storedThrough {
        now = now.advanced(by: .seconds(1))
        var mustPost = outbox.advance(at: now)
        while mustPost {
          let answer = answer()
          mustPost = outbox.finish(.answer(answer), at: now, random: 0).mustPost || outbox.advance(at: now)
        }
      }
    }
  }

  @Test(
    "fault 39: a row that is refused is found by halving, within the requests that this may cost",
    arguments: [2, 3, 8, 100, 1000])
  func aRowThatIsRefusedIsFoundByHalving(count: Int) {
    let depth = (0..<Int.bitWidth).first { 1 << $0 >= count }!
    for poison in Set([1, 2, count / 2, count - 1, count, Int.random(in: 1...count)]) where poison > 0 {
      var history = History(rows: count, batch: count)
      history.poison = [UInt64(poison)]
      history.run(seconds: 100)
      let books = history.queue.now
      #expect(books.quarantinedRows == RangeSet(UInt64(poison)..<UInt64(poison) + 1), "\(poison) of \(count)")
      #expect(books.delivered == UInt64(count) - 1 && books.violations == 0, "\(poison) of \(count)")
      // Beside the two that it takes at least: the one that is refused, and the rest behind the row.
      #expect(history.requests <= 2 + depth + 1, "\(history.requests) requests, \(poison) of \(count)")
      let kept = history.quarantine.rows
      #expect(kept.map(\.seq) == [UInt64(poison)] && kept.first?.cause == "status 422: no such unit")
      #expect(kept.first?.row.body == .reading(.unsigned(UInt64(poison) * 3)))
      #expect(kept.first?.catalogue.points == [MemoryQueue.defaultPoints[poison % 2]])
    }
  }

  @Test("fault 41: a row that is too large alone goes aside, and batches are as large as before")
  func aRowThatIsTooLargeAloneGoesAside() {
    var history = History(rows: 400, batch: 64)
    (history.poison, history.refusal) = ([70], 413)
    history.run(seconds: 100)
    let books = history.queue.now
    #expect(books.quarantinedRows == RangeSet(70..<71) && books.delivered == 399)
    #expect(history.requests < 2 * 7 + 400 / 64 + 10)
  }

  @Test func aRowThatIsQueuedAgainLeavesThoughLaterOnesAreDelivered() {
    var history = History(rows: 20, batch: 5)
    history.poison = [7]
    history.run(seconds: 20)
    #expect(history.queue.now.quarantinedRows == RangeSet(7..<8))
    history.poison = []
    history.queue.change { books in
      books.quarantinedRows = RangeSet()
      books.settledRows.remove(contentsOf: 7..<8)
    }
    history.run(seconds: 20)
    #expect(history.queue.now.delivered == 20)
  }

  @Test("fault 39: several refused rows hold nothing else up")
  func severalRefusedRowsHoldNothingElseUp() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<40 {
      var history = History(rows: 300, batch: 64)
      history.poison = Set((0..<6).map { _ in UInt64.random(in: 1...300, using: &generator) })
      history.run(seconds: 200)
      let books = history.queue.now
      #expect(Set(history.quarantine.rows.map(\.seq)) == history.poison, "seed \(seed)")
      #expect(books.delivered == 300 - UInt64(history.poison.count), "seed \(seed)")
      #expect(
        books.quarantinedRows.rowCount == UInt64(history.poison.count) && books.violations == 0,
        "seed \(seed)")
    }
  }

  /// A platform that refuses everything is at fault, not the rows.
  @Test("fault 39: a platform that refuses everything is held")
  func aPlatformThatRefusesEverythingIsHeldUp() {
    var history = History(rows: 300, batch: 64)
    history.poison = Set(1...300)
    history.run(seconds: 400)
    #expect(history.queue.now.quarantinedRows.rowCount == 8)
    #expect(history.queue.now.delivered == 0)
    // It was mended.
    history.poison = [100]
    history.run(seconds: 700)
    #expect(history.queue.now.quarantinedRows.rowCount == 9)
    #expect(history.queue.now.delivered == 291)
  }

  @Test func whatCannotBeKeptAsideStaysQueued() {
    final class Full: Quarantine {
      func keep(_ row: QuarantinedRow) -> String? { "the quarantine is full" }
    }
    let queue = MemoryQueue()
    queue.store(1)
    let destination = DestinationConfig(name: "platform", url: "", linger: .zero)
    var outbox = Outbox(destination, gateway: "cabinet", queue: queue, quarantine: Full())
    let mustPost = outbox.advance(at: BootTime(microseconds: 0))
    #expect(mustPost)
    let end = outbox.finish(.answer(DeliveryAnswer(status: 400)), at: BootTime(microseconds: 0), random: 0)
    #expect(end.verdict == .keep(.misconfigured, cause: "the quarantine is full", retryAfter: nil))
    #expect(queue.settledThrough == 0 && !end.mustPost)
  }
}
