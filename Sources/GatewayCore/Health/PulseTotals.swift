internal import Synchronization

/// What each pulse point has counted since it first was, under its full name. Outlives a reload; the pipeline
/// writes the totals behind each commit, and a start takes them up from there.
package final class PulseTotals: Sendable {
  private let counters = Mutex<[String: PulseCounter]>([:])
  private let isComplete = Atomic<Bool>(true)

  package init() {}

  /// The counter of that name, the same one for ever; it starts at 0.
  package func counter(_ name: String) -> PulseCounter {
    counters.withLock { counters in
      if let counter = counters[name] { return counter }
      let counter = PulseCounter(isComplete: isComplete.load(ordering: .relaxed))
      counters[name] = counter
      return counter
    }
  }

  /// What an earlier run had counted: at the start, or when the disk that says it appears.
  package func takeUp(_ state: PipelineState) {
    for total in state.totals { counter(total.point.name).add(total.pulses) }
    isComplete.store(true, ordering: .relaxed)
    for counter in counters.withLock({ Array($0.values) }) { counter.complete() }
  }

  /// Earlier runs counted, and nobody knows how much.
  package func lackPast() { isComplete.store(false, ordering: .relaxed) }
}

/// One total. One thread adds, any thread looks; wraps around after 2^64.
package final class PulseCounter: Sendable {
  private let pulses = Atomic<UInt64>(0)
  private let completeness: Atomic<Bool>

  package init(isComplete: Bool = true) { completeness = Atomic(isComplete) }

  /// Everything that was ever counted is in it.
  package var isComplete: Bool { completeness.load(ordering: .acquiring) }

  fileprivate func complete() { completeness.store(true, ordering: .releasing) }

  package var total: UInt64 { pulses.load(ordering: .relaxed) }

  package func add(_ count: UInt64) { pulses.wrappingAdd(count, ordering: .relaxed) }
}
