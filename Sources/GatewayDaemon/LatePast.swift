internal import Synchronization

/// What an earlier run left, which a disk that appears late says late: one thread finds it, another takes it up, once.
final class LatePast<Content: Sendable>: Sendable {
  private enum Phase {
    case unknown
    case found(Content)
    case known
  }

  private let phase = Mutex(Phase.unknown)

  /// The start knew it.
  func begin() { phase.withLock { $0 = .known } }

  func found(_ content: Content) {
    phase.withLock { if case .unknown = $0 { $0 = .found(content) } }
  }

  func takeUp() -> Content? {
    phase.withLock { phase in
      guard case .found(let content) = phase else { return nil }
      phase = .known
      return content
    }
  }

  var isKnown: Bool { phase.withLock { if case .known = $0 { true } else { false } } }
}
