internal import GatewayControl
internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem
internal import Synchronization

/// Settles rows that were carried out by hand. A number may have been given to another row since they were
/// exported, under another stream: a power cut can cost the end of the log. So every row's stream is read
/// from the medium first, on a thread of its own.
final class DeliveryMark: MarkedRows, Carrying {
  /// What lies in one store.
  struct Part: Sendable {
    var queue: any DeliveryQueue
    /// Whether the stream may be one of its own.
    var mayHold: @Sendable (StreamID) -> Bool
    /// Its streams are those that its commits name, and nobody else's.
    var isApart = false
    /// Puts what was settled on the medium: the file may be all that is left of these rows.
    var record: @Sendable () throws(StoreError) -> Void
  }

  private struct State {
    var result = MarkResult()
    var isCancelled = false
    var hasEnded = false
  }

  private let parts: [Part]
  private let runs: [ExportedRun]
  private let state = Mutex(State())

  init(_ parts: [Part], _ runs: [ExportedRun]) { (self.parts, self.runs) = (parts, runs) }

  var result: MarkResult? { state.withLock { $0.hasEnded ? $0.result : nil } }

  func cancel() { state.withLock { $0.isCancelled = true } }

  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  func run() {
    let streams = parts.map { $0.isApart ? Self.streams(in: $0.queue) : [] }
    let apart = streams.reduce(Set()) { $0.union($1) }
    for (part, own) in zip(parts, streams) {
      for run in runs where !state.withLock({ $0.isCancelled }) {
        let isIts = part.isApart ? own.contains(run.stream) : !apart.contains(run.stream)
        if isIts && part.mayHold(run.stream) { mark(run, in: part.queue) }
      }
      do throws(StoreError) { try part.record() } catch {
        let sentence = "\(error): a power cut now makes rows that were carried out queued again"
        JournalLog.line(.warning, sentence)
        state.withLock { $0.result.trouble = sentence }
      }
    }
    state.withLock { $0.hasEnded = true }
  }

  private static func streams(in queue: any DeliveryQueue) -> Set<StreamID> {
    var streams: Set<StreamID> = []
    var next: UInt64 = 1
    while next <= queue.storedThrough {
      switch queue.read(at: next) {
      case .end: return streams
      case .gap(let through): next = through + 1
      case .commit(let commit):
        streams.insert(commit.stream)
        next = commit.lastSeq + 1
      }
    }
    return streams
  }

  private func mark(_ run: ExportedRun, in queue: any DeliveryQueue) {
    let last = min(run.rows.upperBound, queue.storedThrough)
    var refused = run.rows.upperBound - max(last, run.rows.lowerBound - 1)
    var next = run.rows.lowerBound
    // What was found right and is not settled yet: settled at once as far as it is without a hole.
    var right: ClosedRange<UInt64>?
    search: while next <= last {
      switch queue.read(at: next) {
      case .end: break search
      // Gone since: delivered and written over, or evicted; the books have it already.
      case .gap(let through): next = through + 1
      case .commit(let commit):
        let rows = max(next, commit.firstSeq)...min(commit.lastSeq, last)
        if commit.stream != run.stream {
          refused += rows.upperBound - rows.lowerBound + 1
        } else if let before = right, before.upperBound + 1 == rows.lowerBound {
          right = before.lowerBound...rows.upperBound
        } else {
          settle(right, in: queue)
          right = rows
        }
        next = rows.upperBound + 1
      }
    }
    settle(right, in: queue)
    state.withLock { $0.result.refused += refused }
  }

  private func settle(_ rows: ClosedRange<UInt64>?, in queue: any DeliveryQueue) {
    guard let rows else { return }
    queue.acknowledge(rows, as: .delivered)
    state.withLock { $0.result.marked += rows.upperBound - rows.lowerBound + 1 }
  }
}
