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
    ledger.setDestinations(["new"], oldest: 4)
    #expect(ledger.books(of: "old") == nil)
    #expect(ledger.books(of: "new")!.queued == 7 && ledger.settledThrough == 3 && balance(ledger))
    ledger.setDestinations([], oldest: 4)
    #expect(ledger.overallBooks.queued == 7)
    ledger.setDestinations(["new"], oldest: 11)
    #expect(ledger.overallBooks.queued == 0 && balance(ledger))
  }
}
