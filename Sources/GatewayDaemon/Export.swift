internal import GatewayControl
internal import GatewayCore
internal import GatewaySystem
internal import GatewayUplink
internal import Synchronization

/// One walk through the undelivered rows of all stores, for `gatewayctl export`. Promises: it settles nothing; reads on a
/// thread of its own, so that neither a slow disk nor a slow client holds anybody up; holds at most `room`
/// batches in memory; ends with the last row that was stored when it began.
final class Export: ExportedBatches, Carrying {
  /// A line of the file. A platform takes any size: what counts is the pair of stream and number.
  private static let mostRows = 1000
  private static let mostBytes = 256 << 10
  private static let room = 2

  private struct State {
    var batches: [ExportedBatch] = []
    var lost: UInt64 = 0
    var isCancelled = false
    /// Nothing more will come.
    var hasEnded = false
  }

  private let queues: [any DeliveryQueue]
  private let gateway: String
  private let state = Mutex(State())
  /// Raised when a batch was taken, and to cancel.
  private let taken: EventSignal

  /// A queue for each store.
  init(_ queues: [any DeliveryQueue], gateway: String) throws(SystemError) {
    self.queues = queues
    self.gateway = gateway
    taken = try EventSignal()
  }

  func take() -> ExportedBatch? {
    let batch = state.withLock { $0.batches.isEmpty ? nil : $0.batches.removeFirst() }
    if batch != nil { taken.raise() }
    return batch
  }

  var lostRows: UInt64? {
    state.withLock { $0.hasEnded && $0.batches.isEmpty ? $0.lost : nil }
  }

  func cancel() {
    state.withLock { $0.isCancelled = true }
    taken.raise()
  }

  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  func run() {
    for queue in queues { walk(queue) }
    state.withLock { $0.hasEnded = true }
  }

  private func walk(_ queue: any DeliveryQueue) {
    let end = queue.storedThrough
    var builder = BatchBuilder(
      DestinationConfig(
        name: "export", url: "", usesGzip: false, maximumReadings: Self.mostRows,
        maximumBytes: Self.mostBytes), gateway: gateway, queue: queue)
    var batch = SealedBatch()
    var next: UInt64 = 1
    while let run = queue.pending(from: next), run.lowerBound <= end {
      guard walk(run.lowerBound...min(run.upperBound, end), &builder, &batch) else { return }
      // A fresh look: what was delivered or evicted meanwhile is passed over.
      next = min(run.upperBound, end) + 1
    }
  }

  /// False when nobody wants any more.
  private func walk(
    _ run: ClosedRange<UInt64>, _ builder: inout BatchBuilder, _ batch: inout SealedBatch
  ) -> Bool {
    var next = run.lowerBound
    builder.restart(at: next)
    while next <= run.upperBound {
      builder.fill(rowLimit: Self.mostRows, through: run.upperBound, isEnd: true)
      if builder.rows != nil {
        builder.seal(into: &batch)
        guard waitForRoom() else { return false }
        put(batch)
        next = batch.rows.upperBound + 1
      } else if let lost = builder.lost {
        state.withLock { $0.lost += min(lost.upperBound, run.upperBound) - lost.lowerBound + 1 }
        builder.skipLost()
        next = lost.upperBound + 1
      } else {
        // The disk refuses them for now; they stay queued.
        state.withLock { $0.lost += run.upperBound - next + 1 }
        return true
      }
    }
    return true
  }

  private func put(_ batch: borrowing SealedBatch) {
    let text = batch.withBody { String(decoding: $0, as: UTF8.self) }
    let exported = ExportedBatch(stream: batch.stream, rows: batch.rows, text: text)
    state.withLock { $0.batches.append(exported) }
  }

  /// False when nobody wants any more.
  private func waitForRoom() -> Bool {
    while true {
      let (isCancelled, hasRoom) = state.withLock { ($0.isCancelled, $0.batches.count < Self.room) }
      if isCancelled || hasRoom { return !isCancelled }
      taken.wait(timeout: nil)
    }
  }
}
