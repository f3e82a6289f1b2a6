internal import GatewayCore

/// One lane's memory: the batch that travels, and behind it the draft, built and compressed meanwhile. What happens
/// to either is the state machine's decision.
struct OutboxLane: ~Copyable {
  var builder: BatchBuilder
  /// The next batch, once `isSealed`.
  private(set) var draft = SealedBatch()
  private(set) var isSealed = false
  /// What is or was posted.
  private(set) var batch = SealedBatch()
  /// An answer for the batch was lost, so that the platform may have it: it is sent again as it was, whatever becomes known.
  var isDoubtful = false

  init(_ builder: consuming BatchBuilder) { self.builder = builder }

  /// The draft's rows.
  var rows: ClosedRange<UInt64>? { isSealed ? draft.rows : builder.rows }

  /// The first row that was not built into a batch that left.
  var start: UInt64 { rows?.lowerBound ?? builder.next }

  mutating func seal() {
    if isSealed { return }
    builder.seal(into: &draft)
    isSealed = true
  }

  /// The rows of the draft, or of `batch`, whose times are known better by now.
  func outdated(_ version: UInt64, batch rows: ClosedRange<UInt64>?) -> [ClosedRange<UInt64>] {
    var outdated: [ClosedRange<UInt64>] = []
    if let rows, !isDoubtful, rows == batch.rows, batch.clockVersion.map({ $0 != version }) == true {
      outdated.append(rows)
    }
    let draftVersion = isSealed ? draft.clockVersion : builder.clockVersion
    if let rows = self.rows, draftVersion.map({ $0 != version }) == true { outdated.append(rows) }
    return outdated
  }

  /// The draft becomes the batch.
  mutating func depart() {
    seal()
    isDoubtful = false
    isSealed = false
    swap(&batch, &draft)
  }

  mutating func restart(at seq: UInt64) {
    isSealed = false
    builder.restart(at: seq)
  }
}
