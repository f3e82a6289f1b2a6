/// Points into the cheapest reads. Pure.
///
/// Promises: each span lies whole in exactly one run; a run is never longer than the limit, never crosses a wall,
/// and covers addresses that no span asked for only where that costs less than another request; no other
/// partition costs less.
///
/// How: the spans in order of their addresses, each run a stretch of that order; the cheapest partition of the
/// first n spans ends with some run and is otherwise the cheapest partition of what stands before it.
package enum RequestMerger {
  /// Addresses `first ..< end` of one table.
  package struct Span: Equatable, Sendable {
    package var first: Int
    package var end: Int

    package init(first: Int, count: Int) {
      self.first = first
      self.end = first + count
    }
  }

  /// One read, and the places in the given list of the spans that it covers.
  package struct Run: Equatable, Sendable {
    package var span: Span
    package var members: [Int]
  }

  /// What the device and its bus allow and want.
  package struct Terms: Equatable, Sendable {
    /// Longest run, in addresses; each span is at most that long.
    package var limit: Int
    /// Addresses that cost as much as one more request; negative where no read may go over a gap.
    package var worthwhileGap: Double

    package init(limit: Int, worthwhileGap: Double = -1) {
      self.limit = limit
      self.worthwhileGap = worthwhileGap
    }
  }

  /// The runs come in order of their addresses.
  package static func merge(_ spans: [Span], _ terms: Terms) -> [Run] {
    let order = spans.indices.sorted {
      (spans[$0].first, spans[$0].end, $0) < (spans[$1].first, spans[$1].end, $1)
    }
    let starts = partition(order.map { spans[$0] }, terms)
    return starts.indices.map { number in
      let end = number + 1 < starts.count ? starts[number + 1] : order.count
      let members = Array(order[starts[number]..<end])
      let first = spans[members[0]].first
      let last = members.map { spans[$0].end }.max() ?? first
      return Run(span: Span(first: first, count: last - first), members: members)
    }
  }

  /// Where the runs begin, in spans that are in order of their first addresses. `isWall(n)`: no run goes on from
  /// span n - 1 to span n.
  package static func partition(
    _ spans: [Span], _ terms: Terms, isWall: (Int) -> Bool = { _ in false }
  ) -> [Int] {
    // What a request costs, in addresses; a run over a gap costs the gap. Without gaps the requests count before
    // what overlapping runs read twice: one costs more than all the addresses there can be.
    let withoutGaps = Double(terms.limit * spans.count + 1)
    let request = terms.worthwhileGap < 0 ? withoutGaps : max(terms.worthwhileGap, 1)
    let isGap = terms.worthwhileGap < 0 ? gaps(spans) : []
    var cost = [0.0]
    var start = [0]
    for end in 1..<max(spans.count + 1, 1) {
      var best = (cost: Double.infinity, start: end - 1)
      var reach = Int.min
      // From the run of span `end - 1` alone to ever longer ones.
      for begin in stride(from: end - 1, through: 0, by: -1) {
        reach = max(reach, spans[begin].end)
        guard reach - spans[begin].first <= terms.limit else { break }
        let here = cost[begin] + request + Double(reach - spans[begin].first)
        // Equal costs: the shorter run, so that the first ones are full.
        if here < best.cost { best = (here, begin) }
        if isWall(begin) || isGap.contains(begin) { break }
      }
      precondition(best.cost.isFinite, "BUG: a point of more registers than one read may have")
      cost.append(best.cost)
      start.append(best.start)
    }
    var starts: [Int] = []
    var end = spans.count
    while end > 0 {
      starts.append(start[end])
      end = start[end]
    }
    return starts.reversed()
  }

  /// The places before which there is an address that no span asks for.
  private static func gaps(_ spans: [Span]) -> Set<Int> {
    var gaps: Set<Int> = []
    var reach = spans.first?.end ?? 0
    for (place, span) in spans.enumerated() {
      if span.first > reach { gaps.insert(place) }
      reach = max(reach, span.end)
    }
    return gaps
  }
}
