/// Points into the fewest reads. Pure.
///
/// Promises: each span lies whole in exactly one run; a run is never longer than the limit and never covers
/// an address that no span asked for (some devices answer a read over a hole with an exception); no other
/// partition has fewer runs.
///
/// Why greedy from the left is optimal: the leftmost span must lie in some run, which can start at no better
/// place than that span's; taking into it everything that fits leaves the fewest spans to the right.
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

  /// Each span is at most `limit` long. The runs come in order of their addresses.
  package static func merge(_ spans: [Span], limit: Int) -> [Run] {
    let sorted = spans.indices.sorted {
      (spans[$0].first, spans[$0].end, $0) < (spans[$1].first, spans[$1].end, $1)
    }
    var runs: [Run] = []
    for index in sorted {
      let span = spans[index]
      precondition(span.end - span.first <= limit, "BUG: a point of \(span.end - span.first) registers")
      if let last = runs.indices.last, span.first <= runs[last].span.end,
        max(span.end, runs[last].span.end) - runs[last].span.first <= limit
      {
        runs[last].span.end = max(span.end, runs[last].span.end)
        runs[last].members.append(index)
      } else {
        runs.append(Run(span: span, members: [index]))
      }
    }
    return runs
  }
}
