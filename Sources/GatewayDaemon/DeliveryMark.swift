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
    var runs: [ExportedRun]
    var queue: any DeliveryQueue
    /// Puts what was settled on the medium: the file may be all that is left of these rows.
    var record: @Sendable () throws(StoreError) -> Void
  }

  private struct State {
    var result = MarkResult()
    var isCancelled = false
    var hasEnded = false
  }

  private let parts: [Part]
  private let state = Mutex(State())

  init(_ parts: [Part]) { self.parts = parts }

  var result: MarkResult? { state.withLock { $0.hasEnded ? $0.result : nil } }

  func cancel() { state.withLock { $0.isCancelled = true } }

  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  func run() {
    for part in parts {
      for run in part.runs where !state.withLock({ $0.isCancelled }) { mark(run, in: part.queue) }
      do throws(StoreError) { try part.record() } catch {
        let sentence = "\(error): a power cut now makes rows that were carried out queued again"
        JournalLog.line(.warning, sentence)
        state.withLock { $0.result.trouble = sentence }
      }
    }
    state.withLock { $0.hasEnded = true }
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
