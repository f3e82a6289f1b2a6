import GatewayCore
import GatewaySystem
import Synchronization
import Testing

@testable import GatewaySources

@Suite struct BusDeskTests {
  private let desk = BusDesk()

  private func probes(_ count: Int) -> [BusInquiry] { (0..<count).map { .probe(unit: UInt8($0)) } }

  private func unit(_ errand: BusErrand?) -> UInt8? { errand?.inquiry.unit }

  @Test func anInquiryGoesToTheBusAndItsFindingBack() throws {
    #expect(desk.isEmpty)
    let ticket = try #require(desk.submit([.probe(unit: 7)]))
    #expect(!desk.isEmpty)
    #expect(!ticket.isFinished)
    let errand = try #require(desk.next())
    #expect(errand.inquiry == .probe(unit: 7))
    #expect(desk.isEmpty)
    #expect(ticket.take().isEmpty)
    #expect(!ticket.isFinished)
    errand.finish(.identity(["Eastron"]))
    errand.finish(.exception(1))
    #expect(!ticket.isFinished)
    let findings = ticket.take()
    #expect(findings.map(\.inquiry) == [.probe(unit: 7)])
    #expect(findings.map(\.finding) == [.identity(["Eastron"])])
    #expect(ticket.isFinished)
    #expect(desk.next() == nil)
  }

  @Test func onlyFourTicketsWait() throws {
    let tickets = (0..<4).compactMap { _ in desk.submit(probes(2)) }
    #expect(tickets.count == 4)
    #expect(desk.submit(probes(1)) == nil)
    tickets[1].cancel()
    #expect(desk.submit(probes(1)) != nil)
    #expect(desk.submit(probes(1)) == nil)
  }

  @Test func ticketsTakeTurns() throws {
    let scan = try #require(desk.submit([.probe(unit: 1), .probe(unit: 2), .probe(unit: 3)]))
    #expect(unit(desk.next()) == 1)
    let read = try #require(desk.submit([.probe(unit: 100)]))
    #expect((0..<3).map { _ in unit(desk.next()) } == [2, 100, 3])
    #expect(desk.isEmpty)
    withExtendedLifetime((scan, read)) {}
  }

  @Test func anErrandThatIsDroppedIsAFailureAndTouchesNoOther() throws {
    let ticket = try #require(desk.submit(probes(2)))
    var first = desk.next()
    first?.finish(.exception(2))
    let second = try #require(desk.next())
    first = nil
    #expect(ticket.take().map(\.finding) == [.exception(2)])
    do { _ = desk.submit([]) }
    second.finish(.bits([true]))
    #expect(ticket.take().map(\.finding) == [.bits([true])])

    let other = try #require(desk.submit(probes(1)))
    do { _ = desk.next() }
    #expect(other.take().map(\.finding) == [.failed(.disconnected, cause: "the bus was closed")])
    #expect(other.isFinished)
  }

  @Test func whatIsCancelledIsNotAskedAnyMore() throws {
    let ticket = try #require(desk.submit(probes(5)))
    let errand = try #require(desk.next())
    #expect(!errand.isCancelled)
    ticket.cancel()
    #expect(errand.isCancelled)
    errand.finish(.exception(1))
    #expect(ticket.take().isEmpty)
    #expect(ticket.isFinished)
    #expect(desk.next() == nil)
    #expect(desk.isEmpty)
  }

  @Test func aBusThatIsClosedAnswersAllThatWaitsAndTakesNothing() throws {
    let ticket = try #require(desk.submit(probes(3)))
    let errand = try #require(desk.next())
    errand.finish(.exception(1))
    let underway = try #require(desk.next())
    desk.close()
    underway.finish(.exception(1))
    #expect(desk.isEmpty)
    #expect(desk.next() == nil)
    let findings = ticket.take()
    #expect(findings.map(\.inquiry) == probes(3))
    let closed = BusFinding.failed(.disconnected, cause: "the bus was closed")
    #expect(findings.map(\.finding) == [.exception(1), closed, closed])
    #expect(ticket.isFinished)
    #expect(desk.submit(probes(1)) == nil)
  }

  @Test func theBellRingsForEachTicket() {
    let rings = Atomic<Int>(0)
    desk.attend { rings.wrappingAdd(1, ordering: .relaxed) }
    _ = desk.submit(probes(1))
    _ = desk.submit(probes(1))
    #expect(rings.load(ordering: .relaxed) == 2)
    desk.close()
    _ = desk.submit(probes(1))
    #expect(rings.load(ordering: .relaxed) == 2)
  }

  @Test func anErrandWaitsFromWhenItCould() throws {
    let before = SystemClock.boot
    let ticket = try #require(desk.submit(probes(2)))
    let first = try #require(desk.next())
    #expect(first.waitsSince >= before)
    nap(milliseconds: 20)
    let finished = SystemClock.boot
    first.finish(.exception(1))
    #expect(try #require(desk.next()).waitsSince >= finished)
    withExtendedLifetime(ticket) {}
  }

  /// One bus, four technicians who ask, go away in the midst and come back: each gets its own answers in order.
  @Test func manyThreadsAskOneBus() throws {
    let desk = desk
    let isStopping = SharedFlag(false)
    let bus = try WorkerThread(name: "bus") {
      while !isStopping.isSet {
        guard let errand = desk.next() else {
          nap(milliseconds: 1)
          continue
        }
        errand.finish(.words([UInt16(errand.inquiry.unit)]))
      }
    }
    let first = try Technician.at(desk, 0)
    let second = try Technician.at(desk, 1)
    let third = try Technician.at(desk, 2)
    let fourth = try Technician.at(desk, 3)
    let results = [first, second, third, fourth].map { $0.result() }
    isStopping.set(true)
    bus.join()
    #expect(results.allSatisfy { $0.wrong == 0 })
    // The sum of 1 … 100 without every tenth.
    #expect(results.allSatisfy { $0.answered == 5050 - 550 })
    // Whether nothing is left is known for certain when the bus has looked.
    #expect(desk.next() == nil)
    #expect(desk.isEmpty)
  }
}

/// Asks a hundred times on a thread of its own, ever more at once, and goes away each tenth time.
private final class Technician: Sendable {
  private let thread: Mutex<WorkerThread?>
  private let counts: Mutex<(answered: Int, wrong: Int)>

  private init() {
    thread = Mutex(nil)
    counts = Mutex((0, 0))
  }

  static func at(_ desk: BusDesk, _ number: Int) throws -> Technician {
    let technician = Technician()
    try technician.thread.withLock { thread in
      thread = try WorkerThread(name: "technician") {
        for round in 0..<100 {
          technician.ask(desk, (0...UInt8(round)).map { $0 &+ UInt8(number * 50) }, round)
        }
      }
    }
    return technician
  }

  func result() -> (answered: Int, wrong: Int) {
    let ending = thread.withLock { $0.take() }
    ending?.join()
    return counts.withLock { $0 }
  }

  private func ask(_ desk: BusDesk, _ units: [UInt8], _ round: Int) {
    let inquiries = units.map { BusInquiry.probe(unit: $0) }
    guard let ticket = desk.submit(inquiries) else { return counts.withLock { $0.wrong += 1 } }
    if round % 10 == 9 { return ticket.cancel() }
    var findings: [(inquiry: BusInquiry, finding: BusFinding)] = []
    waitUntil {
      findings += ticket.take()
      return ticket.isFinished
    }
    findings += ticket.take()
    let isRight =
      findings.map(\.inquiry) == inquiries
      && findings.allSatisfy { $0.finding == .words([UInt16($0.inquiry.unit)]) }
    counts.withLock { counts in
      counts.answered += findings.count
      if !isRight { counts.wrong += 1 }
    }
  }
}
