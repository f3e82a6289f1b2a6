internal import GatewayCore

/// From a line's events to the changes that its point is about: debounced, and only the edges that were asked for.
/// A value; `Debouncer` is its clockwork.
struct EdgeFilter: Equatable, BitwiseCopyable, Sendable {
  private let wanted: GPIOLine.Edge
  /// Each edge counts as it comes: nothing is to be compared with the level before.
  private let takesEach: Bool
  private var debouncer: Debouncer

  init(_ line: GPIOLine, isActive: Bool, at time: MonotonicTime) {
    wanted = line.mode == .level ? .both : line.edge
    takesEach = line.takesEachEdge
    debouncer = Debouncer(hold: line.debounce, isActive: isActive, at: time)
  }

  var isActive: Bool { debouncer.isActive }

  /// When a change will have held; nil while none is under way.
  var deadline: MonotonicTime? { debouncer.deadline }

  mutating func take(_ event: LineEvent) -> Debouncer.Change? {
    if takesEach {
      return pick(Debouncer.Change(isActive: event.isRising, began: event.at, settled: event.at))
    }
    return pick(debouncer.edge(to: event.isRising, at: event.at))
  }

  /// The level as it was read, which mends what lost events left wrong.
  mutating func sample(_ isActive: Bool, at time: MonotonicTime) -> Debouncer.Change? {
    takesEach ? nil : pick(debouncer.sample(isActive, at: time))
  }

  mutating func settle(at now: MonotonicTime) -> Debouncer.Change? { pick(debouncer.settle(at: now)) }

  private func pick(_ change: Debouncer.Change?) -> Debouncer.Change? {
    guard let change else { return nil }
    return wanted == .both || change.isActive == (wanted == .rising) ? change : nil
  }
}

extension GPIOLine {
  /// An edge point without debounce.
  var takesEachEdge: Bool { mode != .level && debounce == .zero }

  /// What the kernel is asked to report: debouncing needs to see a level end, too.
  var reportedEdges: Edge { takesEachEdge ? edge : .both }
}
