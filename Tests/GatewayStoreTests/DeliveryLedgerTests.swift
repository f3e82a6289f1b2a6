import GatewayCore
import Testing

@Suite struct DeliveryLedgerTests {
  private func balance(_ ledger: DeliveryLedger) -> Bool {
    ledger.entries.keys.allSatisfy { name in
      let books = ledger.books(of: name)!
      return books.stored == books.delivered + books.queued + books.evicted + books.quarantined
    }
  }

  @Test func rowsAreSettledOnceHoweverOftenTheyAreAcknowledged() {
    var ledger = DeliveryLedger(storedThrough: 10, entries: ["p": .init()])
    let changes = [
      ledger.acknowledge(1...4, as: .delivered, at: "p"), ledger.acknowledge(1...4, as: .delivered, at: "p"),
      ledger.acknowledge(3...6, as: .quarantined, at: "p"), ledger.acknowledge(7...8, as: .lost, at: "p"),
      ledger.acknowledge(1...9, as: .delivered, at: "someone else"),
    ]
    #expect(changes == [true, false, true, true, false])
    let books = ledger.books(of: "p")!
    #expect(books.delivered == 4 && books.quarantined == 2 && books.evicted == 2 && books.damaged == 2)
    #expect(books.queued == 2 && balance(ledger))
  }

  @Test func evictionCountsOnlyWhatADestinationHadNotSettled() {
    var ledger = DeliveryLedger(storedThrough: 10, entries: ["ahead": .init(), "behind": .init()])
    ledger.acknowledge(1...7, as: .delivered, at: "ahead")
    ledger.evict(through: 5)
    #expect(ledger.books(of: "ahead")!.evicted == 0 && ledger.books(of: "behind")!.evicted == 5)
    #expect(ledger.settledThrough == 5 && ledger.overallBooks == ledger.books(of: "behind"))
    #expect(balance(ledger))
  }

  @Test func aNewDestinationStartsAtTheOldestRowAndAGoneOneHoldsNothingBack() {
    var ledger = DeliveryLedger(storedThrough: 10, entries: ["old": .init()])
    ledger.setDestinations(["new"], gone: RangeSet(1..<4))
    #expect(ledger.books(of: "old") == nil)
    #expect(ledger.books(of: "new")!.queued == 7 && ledger.settledThrough == 3 && balance(ledger))
    ledger.setDestinations([], gone: RangeSet(1..<4))
    #expect(ledger.overallBooks.queued == 7)
    ledger.setDestinations(["new"], gone: RangeSet(1..<11))
    #expect(ledger.overallBooks.queued == 0 && balance(ledger))
  }

  /// Against a set of the rows that are settled, each with how.
  @Test func inWhateverOrderRowsAreSettledEachCountsOnce() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix(seed: seed)
    for _ in 0..<200 {
      var ledger = DeliveryLedger(storedThrough: 60, entries: ["p": .init()])
      var model: [UInt64: Int] = [:]
      for _ in 0..<20 {
        let first = UInt64.random(in: 1...60, using: &random)
        let rows = first...UInt64.random(in: first...min(60, first + 12), using: &random)
        let kind = Int.random(in: 0..<4, using: &random)
        let fresh = rows.filter { model[$0] == nil }
        for row in fresh { model[row] = kind }
        if kind == 3 {
          ledger.evict(rows)
        } else {
          let isNew = ledger.acknowledge(rows, as: [.delivered, .quarantined, .lost][kind], at: "p")
          #expect(isNew == !fresh.isEmpty, "seed \(seed)")
        }
        let books = ledger.books(of: "p")!
        let counts = (0..<4).map { kind in UInt64(model.values.count { $0 == kind }) }
        #expect(books.delivered == counts[0] && books.quarantined == counts[1], "seed \(seed)")
        #expect(books.damaged == counts[2] && books.evicted == counts[2] + counts[3], "seed \(seed)")
        #expect(books.queued == 60 - UInt64(model.count) && balance(ledger), "seed \(seed)")
        let open = (1...60).filter { model[$0] == nil }
        let entry = ledger.entries["p"]!
        #expect(entry.settledThrough == (open.first ?? 61) - 1, "seed \(seed)")
        let from = UInt64.random(in: 1...61, using: &random)
        let gap = entry.settled.gap(from: from, through: 60)
        #expect(gap?.lowerBound == open.first { $0 >= from }, "seed \(seed)")
        #expect(
          gap.map {
            $0.allSatisfy { model[$0] == nil } && model[$0.upperBound + 1] != nil || $0.upperBound == 60
          } != false)
        let before = entry.settled.gap(through: from - 1)
        #expect(before?.upperBound == open.last { $0 < from }, "seed \(seed)")
      }
    }
  }

  @Test func aLedgerWithoutItsShortestRunsOnlyLags() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix(seed: seed)
    for _ in 0..<300 {
      var ledger = DeliveryLedger(storedThrough: 500, entries: ["p": .init()])
      for _ in 0..<30 {
        let first = UInt64.random(in: 1...490, using: &random)
        let kind: Settlement = [.delivered, .quarantined, .lost].randomElement(using: &random)!
        ledger.acknowledge(first...first + UInt64.random(in: 0...9, using: &random), as: kind, at: "p")
      }
      let limit = Int.random(in: 1...12, using: &random)
      let (whole, short) = (ledger.entries["p"]!, ledger.entries["p"]!.limited(toRuns: limit))
      #expect(short.settled.ranges.count <= limit, "seed \(seed)")
      #expect(short.settled.isSubset(of: whole.settled), "seed \(seed)")
      #expect(short.settledThrough == whole.settledThrough, "seed \(seed)")
      let again = DeliveryLedger.Entry(
        settled: short.settled, delivered: short.delivered, quarantined: short.quarantined,
        damaged: short.damaged)
      #expect(again == short, "its numbers contradict each other, seed \(seed)")
      #expect(short.delivered <= whole.delivered && short.quarantined <= whole.quarantined, "seed \(seed)")
    }
  }

  /// Rows that one ledger on the medium calls settled may be written over: no later one may call them queued.
  @Test func whatTheMediumCallsSettledStaysSettled() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix(seed: seed)
    var ledger = DeliveryLedger(storedThrough: 1000, entries: ["p": .init()])
    var durable = ledger
    for _ in 0..<200 {
      let first = UInt64.random(in: 1...990, using: &random)
      ledger.acknowledge(first...first + UInt64.random(in: 0...9, using: &random), as: .delivered, at: "p")
      let next = ledger.limited(toRuns: 8, keeping: durable)
      #expect(next.entries["p"]!.settled.ranges.count <= 8, "seed \(seed)")
      #expect(durable.entries["p"]!.settled.isSubset(of: next.entries["p"]!.settled), "seed \(seed)")
      durable = next
    }
    ledger.acknowledge(1...1000, as: .delivered, at: "p")
    #expect(ledger.limited(toRuns: 8, keeping: durable) == ledger)
  }
}
