package import GatewayCore

/// One destination's two batches: the one that travels, and behind it the draft, built and compressed meanwhile.
/// Ties the state machine to the queue and the format; knows no socket and no clock, so that whole delivery
/// histories are tested without either. Promises that a row is settled as delivered only after a verdict that
/// accepted it, and that a batch once sealed is posted unchanged until it is. Owned by the forwarder's thread.
package struct Outbox: ~Copyable {
  private let queue: any DeliveryQueue
  private let acknowledgement: DestinationConfig.Acknowledgement
  private var state: ForwarderState
  private var builder: BatchBuilder
  /// The next batch, once `draftRows` says that it is sealed.
  private var draft = SealedBatch()
  private var isDraftSealed = false
  /// What is to be posted.
  package private(set) var batch = SealedBatch()

  package init(_ destination: DestinationConfig, gateway: String, queue: any DeliveryQueue) {
    self.queue = queue
    acknowledgement = destination.acknowledgement
    state = ForwarderState(destination)
    builder = BatchBuilder(destination, gateway: gateway, queue: queue)
  }

  package var phase: ForwarderState.Phase { state.phase }
  package var wakeTime: BootTime? { state.wakeTime }

  /// Takes in what was stored and settled meanwhile. True: `batch` is to be posted now.
  package mutating func advance(at now: BootTime) -> Bool {
    var mustPost = perform(.settled(through: queue.settledThrough), at: now)
    while true {
      if !isDraftSealed { builder.fill(rowLimit: state.rowLimit) }
      if let rows = draftRows {
        sealWhenComplete()
        if perform(.drafted(rows: rows, isComplete: isDraftSealed), at: now) {
          mustPost = true
        } else {
          break
        }
      } else if let lost = builder.lost, !state.hasBatch {
        queue.acknowledge(lost, as: .lost)
        builder.skipLost()
      } else {
        break
      }
    }
    return perform(.timePassed, at: now) || mustPost
  }

  /// Everything that is stored now leaves without lingering, and a wait after a failure ends. True: `batch` is to
  /// be posted now.
  package mutating func flush(at now: BootTime) -> Bool {
    perform(.flush(through: queue.storedThrough), at: now)
  }

  /// Judges what became of `batch`. `mustPost`: `batch`, which may be the next one, is to be posted now.
  package mutating func finish(
    _ outcome: DeliveryOutcome, at now: BootTime, random: Double
  ) -> (verdict: DeliveryVerdict, mustPost: Bool) {
    let verdict = DeliveryPolicy.judge(
      outcome, rows: batch.rows, stream: batch.stream, acknowledgement: acknowledgement)
    return (verdict, perform(.judged(verdict, random: random), at: now))
  }

  private var draftRows: ClosedRange<UInt64>? { isDraftSealed ? draft.rows : builder.rows }

  private mutating func sealWhenComplete() {
    if isDraftSealed || !builder.isComplete { return }
    builder.seal(into: &draft)
    isDraftSealed = true
  }

  private mutating func perform(_ event: ForwarderState.Event, at now: BootTime) -> Bool {
    var mustPost = false
    for action in state.handle(event, at: now) {
      switch action {
      case .send:
        if !isDraftSealed { builder.seal(into: &draft) }
        isDraftSealed = false
        swap(&batch, &draft)
        mustPost = true
      case .resend: mustPost = true
      case .acknowledge(let rows): queue.acknowledge(rows, as: .delivered)
      case .rebuild(let seq):
        isDraftSealed = false
        builder.restart(at: seq)
      }
    }
    return mustPost
  }
}
