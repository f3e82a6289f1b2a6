package import GatewayCore

/// One destination's batches, in two lanes: live rows in their order, and beside them the backlog, which is what the
/// live lane left behind when it jumped to the newest rows after an outage or a start. Ties the state machine to the
/// queue and the format; knows no socket and no clock, so that whole delivery histories are tested without either.
/// Promises that a row is settled as delivered only after a verdict that accepted it, and that a batch once posted is
/// posted unchanged until it is, or until its rows are settled by others, or until the times of its rows become known
/// and no answer for it was lost. Owned by the forwarder's thread.
package struct Outbox: ~Copyable {
  /// No jump leaves more runs of undelivered rows than so many: a ledger has room for twice as many.
  package static let mostRuns = 14

  private let queue: any DeliveryQueue
  private let destination: DestinationConfig
  private let quarantine: any Quarantine
  /// Rows that went there since the platform last took one.
  private var refusedInARow = 0
  /// A platform that refuses so many, one after the other, refuses everything.
  private static let mostRefused = 8
  private let order: DestinationConfig.Backlog
  private var state: ForwarderState
  private var live: OutboxLane
  private var backlog: OutboxLane
  /// The live lane's rows begin here; what is pending below is backlog.
  private var frontier: UInt64
  private var mustPost = false

  package init(
    _ destination: DestinationConfig, gateway: String, queue: any DeliveryQueue, quarantine: any Quarantine,
    stateDirectory: String? = nil, startPhase: Double = 0
  ) {
    self.queue = queue
    self.quarantine = quarantine
    self.destination = destination
    order = destination.backlog
    state = ForwarderState(destination, startPhase: startPhase)
    let stored = queue.storedThrough
    let newest = queue.pending(through: stored)
    let first = newest?.upperBound == stored ? newest?.lowerBound ?? stored + 1 : stored + 1
    if destination.format.hasHistory {
      // What an earlier run may have sent would come after what it sent later.
      frontier = stored + 1
    } else if destination.format.keepsOrder {
      frontier = queue.pending(from: 1)?.lowerBound ?? first
    } else {
      frontier = queue.farAhead(of: first, by: destination.maximumReadings) ?? first
    }
    live = OutboxLane(
      BatchBuilder(destination, gateway: gateway, queue: queue, from: frontier, state: stateDirectory))
    let format = destination.makeFormat(for: .backlog, gateway: gateway, state: stateDirectory)
    backlog = OutboxLane(BatchBuilder(destination, gateway: gateway, queue: queue, format: format))
  }

  package var phase: ForwarderState.Phase { state.phase }
  package var wakeTime: BootTime? { state.wakeTime }
  package var isBacklogHeld: Bool { state.isBacklogHeld }

  /// The lane of the batch that is in flight.
  package var lane: ForwarderState.Lane? { state.inFlight }

  /// What is to be posted, after a function said that something is, and until it was judged.
  package func withBatch<Result>(_ body: (borrowing SealedBatch) -> Result) -> Result {
    state.inFlight == .backlog ? body(backlog.batch) : body(live.batch)
  }

  /// Takes in what was stored and settled meanwhile. `hasRecovered`: the destination took rows of another forwarder after a
  /// failure. True: a batch is to be posted now.
  package mutating func advance(at now: BootTime, hasRecovered: Bool = false) -> Bool {
    let outdated = outdated
    perform(
      state.withdraw { [queue] rows in
        queue.pending(from: rows.lowerBound).holds(rows) && !outdated.contains(rows)
      })
    while draftLive(at: now) {}
    while draftBacklog(at: now) {}
    perform(state.handle(hasRecovered ? .recovered : .timePassed, at: now))
    return takePost()
  }

  /// Batches and drafts that hold rows whose times are known better by now.
  private var outdated: [ClosedRange<UInt64>] {
    guard let version = queue.clocks?.version else { return [] }
    return live.outdated(version, batch: state.batch(of: .live))
      + backlog.outdated(version, batch: state.batch(of: .backlog))
  }

  /// Everything that is stored now leaves without lingering, and a wait after a failure ends. True: a batch is to
  /// be posted now.
  package mutating func flush(at now: BootTime) -> Bool {
    perform(state.handle(.flush(through: queue.storedThrough), at: now))
    return takePost()
  }

  /// Judges what became of the batch in flight. `mustPost`: a batch is to be posted now.
  package mutating func finish(
    _ outcome: DeliveryOutcome, at now: BootTime, random: Double
  ) -> (verdict: DeliveryVerdict, mustPost: Bool) {
    let (request, looksUp) = withBatch { ($0.request, !$0.lookups.isEmpty) }
    var verdict = DeliveryPolicy.judge(outcome, request, at: destination)
    if outcome != .needless { verdict = carryOut(verdict, on: request.rows) }
    if verdict.keepsBytes(after: outcome, looksUp: looksUp) {
      if state.inFlight == .backlog { backlog.isDoubtful = true } else { live.isDoubtful = true }
    }
    if verdict == .accepted && state.mayBeBehind { catchUp() }
    // What was stored while the batch travelled goes before the backlog's next.
    while draftLive(at: now) {}
    perform(state.handle(.judged(verdict, random: random), at: now))
    return (verdict, takePost())
  }

  /// Settles what a verdict on single rows says. The verdict stands, unless the refused rows have nowhere to go.
  private mutating func carryOut(
    _ verdict: DeliveryVerdict, on rows: ClosedRange<UInt64>
  ) -> DeliveryVerdict {
    var refused: [RowRefusal] = []
    var takesOthers = false
    switch verdict {
    case .accepted: takesOthers = true
    case .refused(let cause) where rows.count == 1: refused = [RowRefusal(seq: rows.lowerBound, cause: cause)]
    case .tooLarge where rows.count == 1:
      refused = [RowRefusal(seq: rows.lowerBound, cause: "status 413: the row alone is too large")]
    case .partly(let some, let again, _):
      takesOthers = some.count + again.count < rows.count
      refused = some
    default: break
    }
    for refusal in refused {
      if !takesOthers && refusedInARow >= Self.mostRefused {
        let cause = "it refuses every row, the last one with \(refusal.cause)"
        return .keep(.misconfigured, cause: cause, retryAfter: nil)
      }
      if let trouble = keepAside(refusal) { return .keep(.misconfigured, cause: trouble, retryAfter: nil) }
    }
    if takesOthers { refusedInARow = 0 }
    if case .partly(_, let again, _) = verdict {
      var taken = RangeSet(Range(rows))
      for seq in again + refused.map(\.seq) { taken.remove(contentsOf: seq..<seq + 1) }
      for run in taken.ranges { queue.acknowledge(ClosedRange(run), as: .delivered) }
    }
    return verdict
  }

  /// Puts a row into quarantine; what is wrong where that cannot be done.
  private mutating func keepAside(_ refusal: RowRefusal) -> String? {
    if case .commit(let commit) = queue.read(at: refusal.seq),
      let catalogue = queue.catalogue(commit.catalogueID),
      let row = QuarantinedRow(refusal, in: commit, catalogue)
    {
      if let trouble = quarantine.keep(row) { return trouble }
      refusedInARow += 1
      queue.acknowledge(refusal.seq...refusal.seq, as: .quarantined)
    } else {
      queue.acknowledge(refusal.seq...refusal.seq, as: .lost)
    }
    return nil
  }

  /// The platform is back: the newest rows go next, where many have piled up.
  private mutating func catchUp() {
    if !destination.format.keepsOrder, let newest = queue.farAhead(of: live.start, by: state.rowLimit) {
      state.caughtUp(byJumping: true)
      frontier = newest
      live.restart(at: newest)
    } else if !queue.isFar(from: live.start, by: state.rowLimit) {
      state.caughtUp(byJumping: false)
    }
  }

  /// Whether there may be more to do.
  private mutating func draftLive(at now: BootTime) -> Bool {
    if !live.isSealed { fillLive() }
    if let rows = live.rows {
      if live.builder.isComplete { live.seal() }
      perform(state.handle(.drafted(rows: rows, isComplete: live.isSealed), at: now))
      return live.rows == nil
    }
    guard let lost = live.builder.lost, state.batch(of: .live) == nil else { return false }
    queue.acknowledge(lost, as: .lost)
    live.builder.skipLost()
    return true
  }

  private mutating func fillLive() {
    let next = live.builder.next
    // First what is stored, then what is pending of it: a run that grows meanwhile has not ended.
    let stored = queue.storedThrough
    guard live.builder.lost == nil, let run = queue.pending(from: next) else { return }
    let followsOn = run.lowerBound == next || live.rows == nil
    if followsOn && run.lowerBound > next { live.restart(at: run.lowerBound) }
    let last = followsOn ? run.upperBound : next - 1
    live.builder.fill(rowLimit: state.rowLimit, through: last, isEnd: last < stored)
  }

  /// Whether there may be more to do.
  private mutating func draftBacklog(at now: BootTime) -> Bool {
    if backlog.isSealed { return false }
    let limit = state.backlogRowLimit
    if backlog.builder.lost == nil {
      guard let run = backlogRun(rowLimit: limit) else { return false }
      backlog.restart(at: run.lowerBound)
      backlog.builder.fill(rowLimit: limit, through: run.upperBound, isEnd: true)
    }
    if let rows = backlog.rows {
      backlog.seal()
      let bytes = BacklogBudget.wireBytes(
        body: backlog.draft.byteCount, requests: backlog.draft.requestCount)
      perform(state.handle(.sealedBacklog(rows: rows, bytes: bytes), at: now))
      return true
    }
    guard let lost = backlog.builder.lost, state.batch(of: .backlog) == nil else { return false }
    queue.acknowledge(lost, as: .lost)
    backlog.builder.skipLost()
    return true
  }

  /// What the backlog sends next; nil when all of it is delivered or on its way. Behind the frontier too: a row of the
  /// quarantine may be queued again.
  private func backlogRun(rowLimit: Int) -> ClosedRange<UInt64>? {
    let busy = [state.batch(of: .live), state.batch(of: .backlog)].compactMap { $0 }
    switch order {
    case .oldest: return queue.firstFree(below: live.start, busy: busy)
    case .newest: return queue.lastFree(below: live.start, busy: busy)?.last(rowLimit)
    }
  }

  private mutating func perform(_ actions: [ForwarderState.Action]) {
    for action in actions {
      switch action {
      case .send(.live):
        live.depart()
        mustPost = true
      case .send(.backlog):
        backlog.depart()
        mustPost = true
      case .resend: mustPost = true
      case .acknowledge(let rows): queue.acknowledge(rows, as: .delivered)
      case .rebuild(.live, let seq): live.restart(at: max(seq, frontier))
      case .rebuild(.backlog, let seq): backlog.restart(at: seq)
      }
    }
  }

  private mutating func takePost() -> Bool {
    defer { mustPost = false }
    return mustPost
  }
}
