import GatewayCore
import GatewayUplink
import Testing

/// Whole delivery histories in virtual time: no socket, no clock.
@Suite struct OutboxTests {
  /// What the platform keeps: each `(stream, seq)` once.
  private struct Platform {
    var rows: [UInt64: UInt64] = [:]
    var bodies: [String: [UInt8]] = [:]
    var changedBodies = 0
    var wrongRows = 0

    mutating func see(_ batch: borrowing SealedBatch) {
      let body = batch.withBody { Array($0) }
      if let before = bodies.updateValue(body, forKey: batch.head.headers[0]), before != body {
        changedBodies += 1
      }
    }

    mutating func keep(_ batch: borrowing SealedBatch) {
      let body = batch.withBody { Array($0) }
      guard let json = inflate(body), let document = try? JSONValue(parsing: json),
        let readings = document["readings"]?.array, readings.count == batch.rows.count
      else {
        wrongRows += 1
        return
      }
      for reading in readings {
        guard let seq = reading["seq"]?.unsignedInteger, let value = reading["value"]?.unsignedInteger,
          value == seq * 3, batch.rows.contains(seq)
        else {
          wrongRows += 1
          continue
        }
        rows[seq] = value
      }
    }
  }

  private static let destination = DestinationConfig(
    name: "platform", url: "http://127.0.0.1/", maximumReadings: 8, linger: .seconds(1))

  private struct History {
    var generator: SplitMix
    let queue = MemoryQueue()
    var platform = Platform()
    var now = BootTime(microseconds: 0)
    /// Rows that eviction or damage may have taken.
    var hasLosses: Bool

    init(seed: UInt64, hasLosses: Bool) {
      generator = SplitMix(seed: seed)
      self.hasLosses = hasLosses
    }

    mutating func outcome(_ batch: borrowing SealedBatch) -> DeliveryOutcome {
      platform.see(batch)
      let busy = DeliveryOutcome.answer(DeliveryAnswer(status: 503, retryAfter: 3))
      switch Int.random(in: 0..<10, using: &generator) {
      case 0: return busy
      case 1: return .failure(.unreachable, cause: "refused")
      case 2: return .answer(DeliveryAnswer(status: 200, contentType: "text/html", body: [0x3C]))
      case 3: return .answer(DeliveryAnswer(status: 413))
      case 4: return .answer(DeliveryAnswer(status: 401))
      case 5, 6:
        // Stored, and then the answer is lost.
        platform.keep(batch)
        return .failure(.busy, cause: "closed")
      default:
        platform.keep(batch)
        return .answer(DeliveryAnswer(status: 200))
      }
    }

    mutating func disturb(_ outbox: inout Outbox, isInFlight: Bool) {
      switch Int.random(in: 0..<20, using: &generator) {
      case 0..<10: queue.store(Int.random(in: 1...12, using: &generator))
      case 10 where hasLosses: queue.evict(commits: Int.random(in: 1...3, using: &generator))
      case 11 where hasLosses:
        let victim = queue.now.commits.randomElement(using: &generator)?.firstSeq
        queue.change { books in if let victim { books.damaged.insert(victim) } }
      case 12 where !isInFlight:
        // The daemon was killed and started again.
        outbox = Outbox(
          OutboxTests.destination, gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
      default: now = now.advanced(by: .milliseconds(Int.random(in: 0...3000, using: &generator)))
      }
    }
  }

  private func run(_ history: inout History, steps: Int) {
    var outbox = Outbox(
      Self.destination, gateway: "cabinet", queue: history.queue, quarantine: MemoryQuarantine())
    var isInFlight = false
    for _ in 0..<steps {
      history.disturb(&outbox, isInFlight: isInFlight)
      if outbox.advance(at: history.now) { isInFlight = true }
      if Int.random(in: 0..<30, using: &history.generator) == 0, outbox.flush(at: history.now) {
        isInFlight = true
      }
      if isInFlight, Bool.random(using: &history.generator) {
        let outcome = outbox.withBatch { history.outcome($0) }
        isInFlight = outbox.finish(outcome, at: history.now, random: 0.5).mustPost
      }
    }
    // The platform is well from here on.
    while history.queue.settledThrough < history.queue.storedThrough {
      history.now = history.now.advanced(by: .seconds(1))
      if outbox.advance(at: history.now) { isInFlight = true }
      while isInFlight {
        outbox.withBatch { batch in
          history.platform.see(batch)
          history.platform.keep(batch)
        }
        let answer = DeliveryOutcome.answer(DeliveryAnswer(status: 204))
        isInFlight = outbox.finish(answer, at: history.now, random: 0.5).mustPost
      }
      if history.now > BootTime(microseconds: 1 << 40) { break }
    }
  }

  @Test(arguments: 0..<50) func eachRowReachesThePlatformOnceWhateverHappensToItsBatches(seed: UInt64) {
    var history = History(seed: seed, hasLosses: false)
    run(&history, steps: 250)
    let books = history.queue.now
    #expect(books.settled == books.stored && books.violations == 0, "seed \(seed)")
    // A row that is found too large alone goes aside.
    let aside = books.quarantinedRows.rowCount
    #expect(books.delivered + aside == books.stored && books.lost == 0, "seed \(seed)")
    #expect(UInt64(history.platform.rows.count) >= books.delivered, "seed \(seed)")
    #expect(history.platform.changedBodies == 0 && history.platform.wrongRows == 0, "seed \(seed)")
  }

  @Test(arguments: 1000..<1050) func whatDoesNotReachThePlatformIsCountedAsLostOrEvicted(seed: UInt64) {
    var history = History(seed: seed, hasLosses: true)
    run(&history, steps: 250)
    let books = history.queue.now
    #expect(books.settled == books.stored && books.violations == 0, "seed \(seed)")
    #expect(
      books.delivered + books.lost + books.evicted + books.quarantinedRows.rowCount == books.stored,
      "seed \(seed)")
    #expect(UInt64(history.platform.rows.count) >= books.delivered, "seed \(seed)")
    #expect(history.platform.changedBodies == 0 && history.platform.wrongRows == 0, "seed \(seed)")
  }

  @Test func theNextBatchIsReadyWhenTheAnswerComes() {
    let queue = MemoryQueue()
    queue.store(16)
    var outbox = Outbox(Self.destination, gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
    let now = BootTime(microseconds: 0)
    let posts = [outbox.advance(at: now), outbox.advance(at: now)]
    #expect(posts == [true, false])
    #expect(outbox.withBatch { $0.rows } == 1...8)
    let end = outbox.finish(.answer(DeliveryAnswer(status: 200)), at: now, random: 0)
    #expect(end.verdict == .accepted && end.mustPost)
    #expect(outbox.withBatch { $0.rows } == 9...16)
    #expect(queue.settledThrough == 8)
  }

  @Test func aLostRangeIsSettledOnlyAfterTheRowsBeforeIt() {
    let queue = MemoryQueue()
    for _ in 0..<3 { queue.store(5) }
    queue.change { $0.damaged = [6] }
    var outbox = Outbox(Self.destination, gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
    let now = BootTime(microseconds: 0)
    var posts = [outbox.advance(at: now), outbox.advance(at: now)]
    #expect(posts == [true, false])
    #expect(outbox.withBatch { $0.rows } == 1...5)
    #expect(queue.settledThrough == 0)
    posts = [outbox.finish(.answer(DeliveryAnswer(status: 200)), at: now, random: 0).mustPost]
    #expect(queue.settledThrough == 5)
    posts.append(outbox.advance(at: now))
    #expect(queue.settledThrough == 10 && queue.now.lost == 5)
    posts.append(outbox.advance(at: BootTime(microseconds: 1_000_000)))
    #expect(posts == [false, false, true])
    #expect(outbox.withBatch { $0.rows } == 11...15)
  }
}
