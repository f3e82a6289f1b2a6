internal import GatewayCore
internal import Synchronization

/// What earlier runs counted. The disk says it at the start, or when it appears later: then the pipeline that runs at
/// that time takes it up, once, between two commits. Outlives a reload.
final class Past: Sendable {
  private enum Phase {
    case unknown
    case found(PipelineState)
    case known
  }

  private let totals: PulseTotals
  private let phase: Mutex<Phase>

  init(_ totals: PulseTotals, isKnown: Bool) {
    self.totals = totals
    phase = Mutex(isKnown ? .known : .unknown)
    if !isKnown { totals.lackPast() }
  }

  /// At the start, with what the disk says; where it is away that is nothing, and not to be believed.
  func begin(with state: PipelineState) { if isKnown { totals.takeUp(state) } }

  /// By the disk's thread.
  func found(_ state: PipelineState) {
    phase.withLock { if case .unknown = $0 { $0 = .found(state) } }
  }

  /// By the pipeline's thread: the books to add to its own. The pulse totals have it then.
  func takeUp() -> PipelineState.Books? {
    phase.withLock { phase in
      guard case .found(let state) = phase else { return nil }
      totals.takeUp(state)
      phase = .known
      return state.books
    }
  }

  var isKnown: Bool { phase.withLock { if case .known = $0 { true } else { false } } }
}
