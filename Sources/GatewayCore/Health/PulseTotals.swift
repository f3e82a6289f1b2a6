internal import Synchronization

/// What each pulse point has counted since it first was, under its full name. Outlives a reload; the pipeline
/// writes the totals behind each commit, and a start takes them up from there.
package final class PulseTotals: Sendable {
  private let counters = Mutex<[String: PulseCounter]>([:])

  package init() {}

  /// The counter of that name, the same one for ever; it starts at 0.
  package func counter(_ name: String) -> PulseCounter {
    counters.withLock { counters in
      if let counter = counters[name] { return counter }
      let counter = PulseCounter()
      counters[name] = counter
      return counter
    }
  }

  /// What an earlier run had counted; before any source counts on.
  package func takeUp(_ state: PipelineState) {
    for total in state.totals { counter(total.point.name).add(total.pulses) }
  }
}

/// One total. One thread adds, any thread looks; wraps around after 2^64.
package final class PulseCounter: Sendable {
  private let pulses = Atomic<UInt64>(0)

  package init() {}

  package var total: UInt64 { pulses.load(ordering: .relaxed) }

  package func add(_ count: UInt64) { pulses.wrappingAdd(count, ordering: .relaxed) }
}
