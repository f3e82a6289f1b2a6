internal import GatewayCore

/// What earlier runs counted. The disk says it at the start, or when it appears later: then the pipeline that runs at
/// that time takes it up, once, between two commits. Outlives a reload.
final class Past: Sendable {
  private let totals: PulseTotals
  private let late = LatePast<PipelineState>()

  init(_ totals: PulseTotals, isKnown: Bool) {
    self.totals = totals
    if isKnown { late.begin() } else { totals.lackPast() }
  }

  /// At the start, with what the disk says; where it is away that is nothing, and not to be believed.
  func begin(with state: PipelineState) { if isKnown { totals.takeUp(state) } }

  /// By the disk's thread.
  func found(_ state: PipelineState) { late.found(state) }

  /// By the pipeline's thread: the books to add to its own. The pulse totals have it then.
  func takeUp() -> PipelineState.Books? {
    guard let state = late.takeUp() else { return nil }
    totals.takeUp(state)
    return state.books
  }

  var isKnown: Bool { late.isKnown }
}
