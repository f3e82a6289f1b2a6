// Where a technician's questions to one bus wait until its thread has time for them: the thread that polls the
// bus asks them too, between polls, so that nobody talks over it.
//
// Promises: bounded (4 tickets of 256 inquiries); several technicians take turns, one inquiry each; a ticket that
// is cancelled, or whose bus is closed, costs the bus nothing more; asking whether there is something to do is one
// atomic load.
package import GatewayCore
internal import GatewaySystem
internal import Synchronization

package final class BusDesk: Sendable {
  package static let ticketLimit = 4
  package static let inquiryLimit = 256

  private struct State {
    var tickets: [BusTicket] = []
    var isClosed = false
    var bell: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())
  /// Whether a ticket waits; a hint, so that the bus's thread takes the lock only for a reason.
  private let hasTickets = Atomic<Bool>(false)

  package init() {}

  /// The bus's thread says how it is woken when a ticket comes.
  package func attend(_ bell: @escaping @Sendable () -> Void) { state.withLock { $0.bell = bell } }

  /// nil when too many wait already, or the bus is closed.
  package func submit(_ inquiries: [BusInquiry]) -> BusTicket? {
    precondition(inquiries.count <= Self.inquiryLimit, "BUG: a ticket of \(inquiries.count) inquiries")
    let ticket = BusTicket(inquiries, at: SystemClock.boot)
    let (isTaken, bell) = state.withLock { state in
      state.tickets.removeAll { !$0.waits }
      guard !state.isClosed, state.tickets.count < Self.ticketLimit else { return (false, state.bell) }
      if ticket.waits { state.tickets.append(ticket) }
      hasTickets.store(!state.tickets.isEmpty, ordering: .releasing)
      return (true, state.bell)
    }
    guard isTaken else { return nil }
    bell?()
    return ticket
  }

  /// Whether `next` would give nothing; may say no although the last ticket was just cancelled.
  package var isEmpty: Bool { !hasTickets.load(ordering: .acquiring) }

  /// For the bus's thread: the next inquiry, which it shall carry out and finish; nil when there is none.
  package func next() -> BusErrand? {
    guard !isEmpty else { return nil }
    return state.withLock { state in
      defer { hasTickets.store(!state.tickets.isEmpty, ordering: .releasing) }
      while !state.tickets.isEmpty {
        let ticket = state.tickets.removeFirst()
        guard let errand = ticket.takeErrand() else { continue }
        // Behind the others: a scan of all units does not make a single read wait for its end.
        if ticket.waits { state.tickets.append(ticket) }
        return errand
      }
      return nil
    }
  }

  /// The bus stops: what still waits is answered with a failure, and nothing more is taken.
  package func close() {
    let tickets = state.withLock { state in
      state.isClosed = true
      state.bell = nil
      hasTickets.store(false, ordering: .releasing)
      defer { state.tickets = [] }
      return state.tickets
    }
    for ticket in tickets { ticket.failRest() }
  }
}

/// One inquiry on its way to the bus. Whoever drops it unfinished has it answered with a failure.
package final class BusErrand: Sendable {
  package let inquiry: BusInquiry
  /// From when it could have been carried out: its ticket came, or the ticket's inquiry before was finished.
  package let waitsSince: BootTime
  private let ticket: BusTicket
  private let number: Int

  fileprivate init(_ inquiry: BusInquiry, number: Int, since: BootTime, ticket: BusTicket) {
    self.inquiry = inquiry
    self.number = number
    waitsSince = since
    self.ticket = ticket
  }

  deinit { finish(.failed(.disconnected, cause: BusTicket.closed)) }

  /// Nobody waits for it any more.
  package var isCancelled: Bool { ticket.isCancelled }

  /// The first finding counts.
  package func finish(_ finding: BusFinding) { ticket.finish(number, finding, at: SystemClock.boot) }
}

/// What the technician's side holds: gives the findings as they come, in the order of the inquiries.
package final class BusTicket: Sendable {
  fileprivate static let closed = "the bus was closed"

  private struct State {
    var waiting: ArraySlice<BusInquiry>
    /// The inquiry that the bus's thread has taken, and its number.
    var underway: (number: Int, inquiry: BusInquiry)?
    var findings: [(BusInquiry, BusFinding)] = []
    var isCancelled = false
    var since: BootTime
  }

  private let state: Mutex<State>

  fileprivate init(_ inquiries: [BusInquiry], at now: BootTime) {
    state = Mutex(State(waiting: inquiries[...], since: now))
  }

  /// The findings since the last time.
  package func take() -> [(inquiry: BusInquiry, finding: BusFinding)] {
    state.withLock { state in
      defer { state.findings.removeAll() }
      return state.findings
    }
  }

  /// No further finding will come, and all were taken.
  package var isFinished: Bool {
    state.withLock { $0.waiting.isEmpty && $0.underway == nil && $0.findings.isEmpty }
  }

  /// The one who asked went away. What is on the bus at this moment is still carried out, and forgotten.
  package func cancel() {
    state.withLock { state in
      state.isCancelled = true
      state.waiting = []
      state.underway = nil
      state.findings = []
    }
  }

  fileprivate var isCancelled: Bool { state.withLock { $0.isCancelled } }

  fileprivate var waits: Bool { state.withLock { !$0.waiting.isEmpty } }

  fileprivate func takeErrand() -> BusErrand? {
    state.withLock { state in
      precondition(state.underway == nil, "BUG: an inquiry is taken before the one before it is finished")
      let number = state.waiting.startIndex
      guard let inquiry = state.waiting.popFirst() else { return nil }
      state.underway = (number, inquiry)
      return BusErrand(inquiry, number: number, since: state.since, ticket: self)
    }
  }

  fileprivate func finish(_ number: Int, _ finding: BusFinding, at now: BootTime) {
    state.withLock { state in
      guard let underway = state.underway, underway.number == number else { return }
      state.underway = nil
      state.findings.append((underway.inquiry, finding))
      state.since = now
    }
  }

  fileprivate func failRest() {
    state.withLock { state in
      let rest = [state.underway.take()?.inquiry].compactMap { $0 } + state.waiting
      state.waiting = []
      state.findings += rest.map { ($0, .failed(.disconnected, cause: Self.closed)) }
    }
  }
}
