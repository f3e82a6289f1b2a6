internal import GatewayCore

/// Believes a level once it has held for a while. A value without clock: times are those of the kernel's events.
///
/// Promises: a contact that bounces is one change, whichever of its edges are seen and however late they are
/// read; a spike shorter than the hold is none. Relies on times that do not go back.
struct Debouncer: Equatable, BitwiseCopyable, Sendable {
  struct Change: Equatable, BitwiseCopyable, Sendable {
    var isActive: Bool
    /// The edge with which the level began that then held.
    var began: MonotonicTime
    /// When it had held for long enough.
    var settled: MonotonicTime
  }

  /// What is believed.
  private(set) var isActive: Bool
  private let hold: Duration
  /// What was seen last, and since when.
  private var seen: Bool
  private var since: MonotonicTime

  /// A level that is found at the start is believed at once.
  init(hold: Duration, isActive: Bool, at time: MonotonicTime) {
    self.hold = hold
    self.isActive = isActive
    seen = isActive
    since = time
  }

  /// When the believed level changes if nothing else is seen until then.
  var deadline: MonotonicTime? { seen == isActive ? nil : since.advanced(by: hold) }

  /// What has held until now.
  mutating func settle(at now: MonotonicTime) -> Change? {
    guard let deadline, deadline <= now else { return nil }
    isActive = seen
    return Change(isActive: seen, began: since, settled: deadline)
  }

  /// An edge to that level. Two edges to the same level have one between them that was not seen: the hold
  /// begins again.
  mutating func edge(to isActive: Bool, at time: MonotonicTime) -> Change? {
    let change = settle(at: time)
    if isActive != seen || isActive != self.isActive { (seen, since) = (isActive, time) }
    return change ?? (hold == .zero ? settle(at: time) : nil)
  }

  /// The level as it was read: it says nothing about edges between, so a level that is seen already goes on.
  mutating func sample(_ isActive: Bool, at time: MonotonicTime) -> Change? {
    isActive == seen ? settle(at: time) : edge(to: isActive, at: time)
  }
}
