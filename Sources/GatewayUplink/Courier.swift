internal import GatewayCore

/// Takes batches to the platform over a transport, and where it would store rows twice that came twice, first asks
/// which of a batch are there already: when an answer to them was lost, and after a start, for whatever was stored
/// before it. Owned by the forwarder's thread.
///
/// A platform that stores a batch only after it has answered the question for it has its rows twice all the same.
final class Courier {
  private struct Load {
    var rows: ClosedRange<UInt64>
    // Stays where it is until the outcome: see `Transport.begin`.
    var body: UnsafeRawBufferPointer
    var head: RequestHead
  }

  private let transport: any Transport
  /// Rows that may be at the platform though they are not settled.
  private var doubtful: RangeSet<UInt64>
  private var load: Load?
  private var inquiry: Inquiry?
  private var early: DeliveryOutcome?
  private var parts = BatchParts()

  /// `stored`: the last row that an earlier run may have sent.
  init(_ transport: any Transport, stored: UInt64) {
    self.transport = transport
    doubtful = RangeSet(1..<stored + 1)
  }

  func begin(_ batch: borrowing SealedBatch) {
    (load, inquiry) = (nil, nil)
    if batch.isEmpty { return early = .needless }
    let part = parts.next(of: batch)
    let head = batch.head(of: part)
    early = head.obstacle.map { .failure(.misconfigured, cause: $0) }
    if early != nil { return }
    let load = Load(rows: batch.rows, body: batch.withBody(of: part) { $0 }, head: head)
    self.load = load
    let questions = batch.lookups.filter { lookup in lookup.rows.contains { doubtful.contains($0) } }
    if questions.isEmpty { return transport.begin(load.body, head: head) }
    let inquiry = Inquiry(questions)
    self.inquiry = inquiry
    ask(inquiry.head)
  }

  private func ask(_ head: RequestHead) {
    transport.begin(UnsafeRawBufferPointer(start: nil, count: 0), head: head)
  }

  /// As `Transport.turn`.
  func turn(timeout: Duration) -> DeliveryOutcome? {
    if let early = early.take() { return early }
    guard let outcome = transport.turn(timeout: timeout), let load else { return nil }
    guard var inquiry else { return outcome }
    switch inquiry.take(outcome) {
    case .ask(let head):
      self.inquiry = inquiry
      ask(head)
      return nil
    case .known(let rows):
      doubtful.remove(contentsOf: Range(load.rows))
      if !rows.isEmpty { return .found(rows) }
      self.inquiry = nil
      transport.begin(load.body, head: load.head)
      return nil
    case .failed(let outcome): return outcome
    }
  }

  /// Begins with the batch's next request; false where the outcome decides on the batch.
  func goOn(
    in batch: borrowing SealedBatch, after outcome: DeliveryOutcome, at destination: DestinationConfig
  ) -> Bool {
    guard parts.goOn(in: batch, after: outcome, at: destination) else { return false }
    begin(batch)
    return true
  }

  /// What the outcome of the batch was judged to be.
  func learn(_ verdict: DeliveryVerdict, after outcome: DeliveryOutcome) {
    if let load, inquiry == nil, verdict.leavesDoubt(after: outcome) {
      doubtful.insert(contentsOf: Range(load.rows))
    }
  }

  func cancel() { transport.cancel() }
}
