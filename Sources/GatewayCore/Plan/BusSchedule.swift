/// Which request of a bus is due next. Pure: the caller brings the time.
///
/// Promises: tick k of a request is due at start + phase + k · period, for ever (no drift); ticks that the
/// bus could not keep are left out and counted, never made up for, and where the bus is asked for more than it can
/// do all requests become slower alike; the requests of one period are spread
/// over it in twenty steps, the same way at each start. O(log n) a poll, no allocation after `init`.
///
/// Steps, because waking a sleeping processor costs several times what a poll does (measured: 115 µs for a poll
/// every 10 ms, 17 µs for polls one behind the other): what falls into one step is polled in one go.
package struct BusSchedule: Sendable {
  package struct Tick: Equatable, Sendable {
    /// A place in the list of periods.
    package var request: Int
    package var due: BootTime
    /// Ticks of this request that passed without a poll since its last one.
    package var skipped: UInt64
  }

  private struct Entry {
    var due: Int64
    let period: Int64
    let request: Int

    /// Equal deadlines go by request, so that the order is the same in each run.
    static func precedes(_ left: Entry, _ right: Entry) -> Bool {
      (left.due, left.request) < (right.due, right.request)
    }
  }

  private static let steps = 20.0

  /// A binary heap, the next deadline first.
  private var heap: [Entry]

  /// By how much all periods are longer than asked for, because the bus cannot keep them: 1 or more. So all points
  /// become slower alike; without it the earliest deadline would always be one of the frequent requests.
  package var stretch = 1.0

  /// `share` (0 ..< 1) shifts the whole bus within its requests' spacing, so that many buses of the same
  /// shape do not all poll at the same instant.
  package init(periods: [Duration], start: BootTime, share: Double = 0) {
    precondition(share >= 0 && share < 1, "BUG: share \(share)")
    precondition(periods.allSatisfy { $0.microseconds > 0 }, "BUG: a polling period of nothing")
    var sizes: [Duration: Int] = [:]
    var groups: [Duration: Int] = [:]
    for period in periods {
      if sizes[period] == nil { groups[period] = groups.count }
      sizes[period, default: 0] += 1
    }
    var placed: [Duration: Int] = [:]
    heap = []
    heap.reserveCapacity(periods.count)
    for (request, period) in periods.enumerated() {
      let place = placed[period, default: 0]
      placed[period] = place + 1
      // Request `place` of n gets its n-th of the period; within that, groups of other periods and other
      // buses take other parts.
      let within = (Double(groups[period] ?? 0) + share) / Double(groups.count)
      let even = (Double(place) + within) / Double(sizes[period] ?? 1)
      let phase = Double(period.microseconds) * (even * Self.steps).rounded(.down) / Self.steps
      heap.append(
        Entry(due: start.microseconds + Int64(phase), period: period.microseconds, request: request))
    }
    heap.sort(by: Entry.precedes)
  }

  /// When the next request is due; nil when the bus has none.
  package var nextDue: BootTime? { heap.first.map { BootTime(microseconds: $0.due) } }

  /// Takes the next request if it is due, and sets its next deadline; nil if none is.
  package mutating func take(at now: BootTime) -> Tick? {
    guard var first = heap.first, first.due <= now.microseconds else { return nil }
    let period = Int64(Double(first.period) * max(stretch, 1))
    if stretch > 1, now.microseconds - first.due > period / 2 {
      // The bus falls behind all the same. If ticks were left out now, it would always be those of the same few
      // requests; so everybody waits for the same time, which leaves the heap in order.
      let delay = now.microseconds - first.due
      for place in heap.indices { heap[place].due += delay }
      first.due += delay
    }
    let missed = (now.microseconds - first.due) / period
    let due = first.due + missed * period
    heap[0].due = due + period
    sink()
    return Tick(request: first.request, due: BootTime(microseconds: due), skipped: UInt64(missed))
  }

  /// Restores the heap after its root was postponed.
  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      let left = 2 * parent + 1
      if left < heap.count, Entry.precedes(heap[left], heap[least]) { least = left }
      if left + 1 < heap.count, Entry.precedes(heap[left + 1], heap[least]) { least = left + 1 }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
