internal import GatewayCore

/// How long and how often a fault strikes; without limits, always until cleared.
package struct FaultTerm: Equatable, Sendable {
  /// nil: until cleared.
  package var duration: Duration?
  /// The part of the requests that it strikes, 0 … 1.
  package var share: Double
  /// Ends after so many strikes; nil: no limit.
  package var count: Int?

  package init(duration: Duration? = nil, share: Double = 1, count: Int? = nil) {
    self.duration = duration
    self.share = share
    self.count = count
  }

  package static let untilCleared = FaultTerm()
}

/// The faults that are in force. A value: the time and the dice come from outside.
struct FaultSchedule<Fault: Sendable>: Sendable {
  private struct Entry {
    var fault: Fault
    var until: BootTime?
    var share: Double
    var left: Int?
  }

  private var entries: [Entry] = []

  var isEmpty: Bool { entries.isEmpty }

  mutating func add(_ fault: Fault, _ term: FaultTerm, now: BootTime) {
    entries.append(
      Entry(fault: fault, until: term.duration.map(now.advanced(by:)), share: term.share, left: term.count))
  }

  mutating func removeAll() { entries.removeAll() }

  /// The first fault that strikes now, counted as a strike; faults whose time is over go.
  mutating func strike(
    now: BootTime, dice: inout SplitMix, where matches: (Fault) -> Bool = { _ in true }
  ) -> Fault? {
    guard !entries.isEmpty else { return nil }
    entries.removeAll { entry in entry.until.map { $0 <= now } ?? false }
    for index in entries.indices where matches(entries[index].fault) {
      guard entries[index].share >= 1 || dice.unit() < entries[index].share else { continue }
      let fault = entries[index].fault
      if let left = entries[index].left {
        entries[index].left = left - 1
        if left <= 1 { entries.remove(at: index) }
      }
      return fault
    }
    return nil
  }
}
