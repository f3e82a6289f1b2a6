/// What a forwarder does next. Pure: events go in with the time, actions come out; no socket, no clock, no disk.
///
/// There are at most two batches: one that travels (or waits to travel again, unchanged) and behind it a draft
/// that grows with the rows that are stored. A draft leaves when nothing travels and it is complete, or its
/// oldest row has waited for the linger time, or a flush was asked for.
package struct ForwarderState: Sendable {
  package enum Event: Equatable, Sendable {
    /// The draft now holds `rows`; complete: it is full, or the next row does not follow on.
    case drafted(rows: ClosedRange<UInt64>, isComplete: Bool)
    /// `random` lies in 0 ..< 1.
    case judged(DeliveryVerdict, random: Double)
    /// The queue needs nothing up to this row any more, whoever settled it (eviction does so at any time).
    case settled(through: UInt64)
    /// Everything up to this row is to leave now.
    case flush(through: UInt64)
    case timePassed
  }

  package enum Action: Equatable, Sendable {
    /// Seal the draft and post it.
    case send
    /// Post the same bytes under the same key again.
    case resend
    case acknowledge(ClosedRange<UInt64>)
    /// Throw away the draft, and the batch unless it is in flight; go on with this row.
    case rebuild(from: UInt64)
  }

  package enum Phase: Equatable, Sendable {
    case idle
    case lingering(until: BootTime)
    case sending
    case waiting(until: BootTime)
  }

  private struct Draft {
    var rows: ClosedRange<UInt64>
    var isComplete: Bool
    /// When its first row was first seen.
    var since: BootTime
  }

  private let linger: Duration
  /// Rows in one batch: the configuration's, or less once the platform found a batch too large.
  package private(set) var rowLimit: Int
  private var backoff: Backoff
  /// The rows of the batch that travels or waits to.
  private var batch: ClosedRange<UInt64>?
  private var draft: Draft?
  private var isSending = false
  /// The end of the wait after a failure.
  private var notBefore: BootTime?
  private var flushThrough: UInt64 = 0

  package init(_ destination: DestinationConfig) {
    linger = destination.linger
    rowLimit = destination.maximumReadings
    backoff = Backoff(initial: destination.retryInitial, maximum: destination.retryMaximum)
  }

  /// Rows are on their way, or waiting to be sent again.
  package var hasBatch: Bool { batch != nil }

  package var phase: Phase {
    if isSending { return .sending }
    if let notBefore { return .waiting(until: notBefore) }
    if let draft { return .lingering(until: draft.since.advanced(by: linger)) }
    return .idle
  }

  /// When `timePassed` should come at the latest; nil: nothing is waited for.
  package var wakeTime: BootTime? {
    switch phase {
    case .idle, .sending: nil
    case .lingering(let until), .waiting(let until): until
    }
  }

  package mutating func handle(_ event: Event, at now: BootTime) -> [Action] {
    var actions: [Action] = []
    switch event {
    case .drafted(let rows, let isComplete):
      draft = Draft(rows: rows, isComplete: isComplete, since: draft?.since ?? now)
    case .judged(let verdict, let random):
      judged(verdict, random: random, at: now, &actions)
    case .settled(let through): settled(through, &actions)
    case .flush(let through):
      flushThrough = max(flushThrough, through)
      notBefore = nil
    case .timePassed: break
    }
    if let departure = departure(at: now) { actions.append(departure) }
    return actions
  }

  private mutating func departure(at now: BootTime) -> Action? {
    if isSending { return nil }
    if let notBefore {
      if now < notBefore { return nil }
      self.notBefore = nil
    }
    if batch != nil {
      isSending = true
      return .resend
    }
    guard let draft,
      draft.isComplete || draft.rows.lowerBound <= flushThrough || now >= draft.since.advanced(by: linger)
    else { return nil }
    batch = draft.rows
    self.draft = nil
    isSending = true
    return .send
  }

  private mutating func judged(
    _ verdict: DeliveryVerdict, random: Double, at now: BootTime, _ actions: inout [Action]
  ) {
    guard isSending, let rows = batch else {
      preconditionFailure("BUG: a verdict on a batch that was not sent")
    }
    isSending = false
    switch verdict {
    case .accepted:
      backoff.reset()
      batch = nil
      actions.append(.acknowledge(rows))
    case .tooLarge where rows.count > 1:
      rowLimit = max(rows.count / 2, 1)
      batch = nil
      draft = nil
      actions.append(.rebuild(from: rows.lowerBound))
    case .tooLarge:
      notBefore = now.advanced(by: backoff.next(after: .misconfigured, random: random))
    case .keep(let trouble, _, let retryAfter):
      notBefore = now.advanced(by: backoff.next(after: trouble, retryAfter: retryAfter, random: random))
    }
  }

  /// Rows that are settled elsewhere are not sent (again): what a batch in flight holds of them cannot be helped.
  private mutating func settled(_ through: UInt64, _ actions: inout [Action]) {
    if !isSending, let rows = batch, rows.lowerBound <= through {
      batch = nil
      draft = nil
      actions.append(.rebuild(from: through + 1))
    } else if let rows = draft?.rows, rows.lowerBound <= through {
      draft = nil
      actions.append(.rebuild(from: max(through, batch?.upperBound ?? 0) + 1))
    }
  }
}
