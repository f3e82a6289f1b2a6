/// What a forwarder does next. Pure: events go in with the time, actions come out; no socket, no clock, no disk.
///
/// Two lanes share one connection: live rows, and beside them the backlog of an outage. Each has at most two batches:
/// one that travels (or waits to travel again, unchanged) and behind it a draft. One batch is in flight. The live lane
/// goes first whenever it has something to send: a draft that is complete, or whose oldest row has waited for the
/// linger time, or that a flush was asked for. The backlog goes when it may (`BacklogBudget`), and so do complete
/// drafts of a live lane that keeps the rows' order, which is its own backlog. After a failure both wait, unless it is
/// the backlog's and needs a person: it may have a reason of its own, and live rows go on.
package struct ForwarderState: Sendable {
  package enum Lane: Equatable, Sendable {
    case live
    case backlog
  }

  package enum Event: Equatable, Sendable {
    /// The live draft now holds `rows`; complete: it is full, or the next row does not follow on.
    case drafted(rows: ClosedRange<UInt64>, isComplete: Bool)
    /// The backlog's next batch is sealed and costs so many bytes on the wire.
    case sealedBacklog(rows: ClosedRange<UInt64>, bytes: Int)
    /// On the batch in flight. `random` lies in 0 ..< 1.
    case judged(DeliveryVerdict, random: Double)
    /// Everything up to this row is to leave now.
    case flush(through: UInt64)
    /// The destination takes rows again, as another forwarder found.
    case recovered
    case timePassed
  }

  package enum Action: Equatable, Sendable {
    /// Seal the lane's draft and post it.
    case send(Lane)
    /// Post the lane's batch again: the same bytes under the same key.
    case resend(Lane)
    case acknowledge(ClosedRange<UInt64>)
    /// Throw away the lane's draft, and its batch unless that is in flight; go on with this row.
    case rebuild(Lane, from: UInt64)
  }

  package enum Phase: Equatable, Sendable {
    case idle
    case lingering(until: BootTime)
    case sending
    case waiting(until: BootTime)
  }

  private struct Draft {
    var rows: ClosedRange<UInt64>
    var isComplete = true
    /// When its first row was first seen.
    var since: BootTime
    /// On the wire, where a budget asks for it.
    var bytes = 0
  }

  private struct LaneState {
    /// The batch that travels or waits to.
    var batch: (rows: ClosedRange<UInt64>, bytes: Int)?
    var draft: Draft?
  }

  /// Three failures in a row are an outage, and not an answer that was lost.
  private static let outageFailures = 3

  private let linger: Duration
  private let keepsOrder: Bool
  /// Which part of a linger time the first batch of a run waits beside its own: 0 ..< 1.
  private let startPhase: Double
  /// nil before the first event.
  private var startTime: BootTime?
  /// The configuration's, or less once the platform found a batch too large.
  private var largest: Int
  private let maximum: Int
  /// Among these rows is one that the platform refuses: halved until it stands alone.
  private var suspects: ClosedRange<UInt64>?
  private var backoff: Backoff
  private var budget: BacklogBudget
  private var live = LaneState()
  private var backlog = LaneState()
  /// The lane whose batch is in flight.
  package private(set) var inFlight: Lane?
  /// There was a failure, and whether rows piled up since is still to be seen.
  package private(set) var mayBeBehind = false
  /// The end of the wait after a failure.
  private var notBefore: BootTime?
  /// The same of the backlog alone; kept until its batch is judged again.
  private var backlogNotBefore: BootTime?
  private var flushThrough: UInt64 = 0
  /// What came with the last verdict.
  private var random = 0.5

  /// `startPhase`: 0 ..< 1, another one at each cabinet, since a whole city's may be switched on together.
  package init(_ destination: DestinationConfig, startPhase: Double = 0) {
    linger = destination.linger
    keepsOrder = destination.format.keepsOrder
    self.startPhase = startPhase
    maximum = destination.maximumReadings
    largest = maximum
    backoff = Backoff(
      initial: destination.retryInitial, maximum: destination.retryMaximum, linger: linger)
    budget = BacklogBudget(bitsPerSecond: destination.backfill, linger: linger)
  }

  private subscript(lane: Lane) -> LaneState {
    get { lane == .live ? live : backlog }
    set { if lane == .live { live = newValue } else { backlog = newValue } }
  }

  /// The rows of the lane that are on their way, or waiting to be sent again.
  package func batch(of lane: Lane) -> ClosedRange<UInt64>? { self[lane].batch?.rows }

  /// Rows in one batch.
  package var rowLimit: Int { suspects.map { min(largest, max($0.count / 2, 1)) } ?? largest }

  /// Rows in the backlog's next batch.
  package var backlogRowLimit: Int { budget.rowLimit(atMost: rowLimit) }

  package var phase: Phase {
    if inFlight != nil { return .sending }
    if let notBefore { return .waiting(until: notBefore) }
    if let draft = live.draft { return .lingering(until: time(of: draft)) }
    return .idle
  }

  /// The backlog waits for a person.
  package var isBacklogHeld: Bool { backlogNotBefore != nil && backlog.batch != nil }

  /// When `timePassed` should come at the latest; nil: nothing is waited for.
  package var wakeTime: BootTime? {
    let backlogTime = backlog.batch != nil || backlog.draft != nil ? self.backlogTime : nil
    switch phase {
    case .sending: return nil
    case .waiting(let until): return until
    case .lingering(let until): return min(until, backlogTime ?? until)
    case .idle: return backlogTime
    }
  }

  /// When the live draft may leave; before that, if a flush was asked for.
  private func time(of draft: Draft) -> BootTime {
    if !draft.isComplete { return draft.since.advanced(by: linger) }
    return keepsOrder ? budget.nextTime ?? draft.since : draft.since
  }

  /// When the backlog may go; nil: at any time.
  private var backlogTime: BootTime? { [budget.nextTime, backlogNotBefore].compactMap { $0 }.max() }

  package mutating func handle(_ event: Event, at now: BootTime) -> [Action] {
    var actions: [Action] = []
    let start = begin(at: now)
    switch event {
    case .drafted(let rows, let isComplete):
      live.draft = Draft(rows: rows, isComplete: isComplete, since: live.draft?.since ?? max(now, start))
    case .sealedBacklog(let rows, let bytes):
      if budget.admits(rows: rows.count, bytes: bytes) {
        backlog.draft = Draft(rows: rows, since: now, bytes: bytes)
      } else {
        actions.append(.rebuild(.backlog, from: rows.lowerBound))
      }
    case .judged(let verdict, let random):
      judged(verdict, random: random, at: now, &actions)
    case .flush(let through):
      flushThrough = max(flushThrough, through)
      (notBefore, backlogNotBefore) = (nil, backlogNotBefore.map { _ in now })
    case .recovered: if backoff.failures > 0 { notBefore = nil }
    case .timePassed: break
    }
    if let departure = departure(at: now) { actions.append(departure) }
    return actions
  }

  /// When the first batch may leave.
  private mutating func begin(at now: BootTime) -> BootTime {
    if let startTime { return startTime }
    let start = now.advanced(by: .microseconds(Int64(startPhase * linger.seconds * 1e6)))
    startTime = start
    if start > now { notBefore = start }
    budget.begin(at: now, random: startPhase)
    return start
  }

  private mutating func departure(at now: BootTime) -> Action? {
    if inFlight != nil { return nil }
    if let notBefore {
      if now < notBefore { return nil }
      self.notBefore = nil
    }
    if let departure = departure(from: .live, at: now) { return departure }
    if let backlogTime, now < backlogTime { return nil }
    return departure(from: .backlog, at: now)
  }

  private mutating func departure(from lane: Lane, at now: BootTime) -> Action? {
    let isRepeated = self[lane].batch != nil
    if !isRepeated {
      guard let draft = self[lane].draft,
        lane == .backlog || draft.rows.lowerBound <= flushThrough || now >= time(of: draft)
      else { return nil }
      self[lane] = LaneState(batch: (draft.rows, draft.bytes))
    }
    inFlight = lane
    if lane == .backlog || keepsOrder {
      budget.spend(bytes: backlog.batch?.bytes ?? 0, at: now, random: random)
    }
    return isRepeated ? .resend(lane) : .send(lane)
  }

  private mutating func judged(
    _ verdict: DeliveryVerdict, random: Double, at now: BootTime, _ actions: inout [Action]
  ) {
    guard let lane = inFlight, let rows = self[lane].batch?.rows else {
      preconditionFailure("BUG: a verdict on a batch that was not sent")
    }
    inFlight = nil
    if lane == .backlog { backlogNotBefore = nil }
    self.random = random
    switch verdict {
    case .accepted:
      paceBacklog(after: lane, at: now)
      backoff.reset()
      self[lane].batch = nil
      actions.append(.acknowledge(rows))
      if let all = suspects, all.overlaps(rows) { narrow(to: rest(of: all, behind: rows), lane, &actions) }
    case .partly(_, let again, _):
      if again.isEmpty {
        backoff.reset()
      } else {
        notBefore = now.advanced(by: backoff.next(after: .busy, random: random))
      }
      if let all = suspects, all.overlaps(rows) { suspects = rest(of: all, behind: rows) }
      restart(lane, at: rows.lowerBound, &actions)
    case .refused:
      backoff.reset()
      suspects = rows.count > 1 ? rows : nil
      restart(lane, at: rows.lowerBound, &actions)
    case .tooLarge where rows.count > 1:
      largest = min(largest, max(rows.count / 2, 1))
      restart(lane, at: rows.lowerBound, &actions)
    case .tooLarge:
      // It went aside alone; whether it was the row's fault, others will show.
      backoff.reset()
      (largest, suspects) = (maximum, nil)
      restart(lane, at: rows.lowerBound, &actions)
    case .keep(let trouble, _, let retryAfter):
      if trouble == .overloaded { budget.slowDown() }
      let end = now.advanced(by: backoff.next(after: trouble, retryAfter: retryAfter, random: random))
      if lane == .backlog && trouble == .misconfigured { return backlogNotBefore = end }
      (notBefore, mayBeBehind) = (end, true)
    }
  }

  private mutating func paceBacklog(after lane: Lane, at now: BootTime) {
    if backoff.failures >= Self.outageFailures {
      budget.begin(at: now, random: random)
    } else if lane == .backlog || keepsOrder {
      budget.speedUp()
    }
  }

  /// The lane begins again with `seq`, or what of it is not settled by now.
  private mutating func restart(_ lane: Lane, at seq: UInt64, _ actions: inout [Action]) {
    self[lane] = LaneState()
    actions.append(.rebuild(lane, from: seq))
    shrink(lane == .live ? .backlog : .live, &actions)
  }

  private func rest(of all: ClosedRange<UInt64>, behind rows: ClosedRange<UInt64>) -> ClosedRange<UInt64>? {
    rows.upperBound < all.upperBound ? rows.upperBound + 1...all.upperBound : nil
  }

  /// A draft that was built meanwhile may hold half of the suspects and more.
  private mutating func narrow(to rest: ClosedRange<UInt64>?, _ lane: Lane, _ actions: inout [Action]) {
    suspects = rest
    if rest != nil { shrink(lane, &actions) }
  }

  /// What the lane has ready may be too large.
  private mutating func shrink(_ lane: Lane, _ actions: inout [Action]) {
    guard let rows = self[lane].draft?.rows, rows.count > rowLimit else { return }
    self[lane].draft = nil
    actions.append(.rebuild(lane, from: rows.lowerBound))
  }

  /// Rows that are settled elsewhere are not sent (again): what a batch in flight holds of them cannot be helped.
  package mutating func withdraw(unless isPending: (ClosedRange<UInt64>) -> Bool) -> [Action] {
    var actions: [Action] = []
    for lane in [Lane.live, .backlog] {
      if inFlight != lane, let rows = self[lane].batch?.rows, !isPending(rows) {
        self[lane] = LaneState()
        actions.append(.rebuild(lane, from: rows.lowerBound))
      } else if let rows = self[lane].draft?.rows, !isPending(rows) {
        self[lane].draft = nil
        actions.append(.rebuild(lane, from: rows.lowerBound))
      }
    }
    return actions
  }

  /// The live lane has caught up, or leaves its draft to the backlog and goes on with the newest rows.
  package mutating func caughtUp(byJumping: Bool) {
    mayBeBehind = false
    if byJumping { live.draft = nil }
  }
}
