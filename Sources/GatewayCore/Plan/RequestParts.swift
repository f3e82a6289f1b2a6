/// The reads that one request is made of. One, until the device refuses it with exception 2; from then on it is
/// known which of its points are illegal and over which of its gaps no read may go. Pure; for one run of the
/// daemon, a reload forgets it.
///
/// Promises: every point is in exactly one part; a part with more than one point has no illegal one; whatever the
/// device refuses, the parts come to rest after finitely many refusals.
package struct RequestParts: Sendable {
  /// Places in the request's items, which are in order of their addresses.
  package private(set) var parts: [Range<Int>]
  private let spans: [RequestMerger.Span]
  private let terms: RequestMerger.Terms
  private var illegal: Set<Int> = []
  /// No part goes on from item n - 1 to item n.
  private var walls: Set<Int> = []

  package init(_ spans: [RequestMerger.Span], _ terms: RequestMerger.Terms) {
    self.spans = spans
    self.terms = terms
    parts = spans.isEmpty ? [] : [0..<spans.count]
  }

  /// Whether the item is one of those that the device refused when it was read alone.
  package func isIllegal(_ item: Int) -> Bool { illegal.contains(item) }

  package var hasIllegal: Bool { !illegal.isEmpty }

  /// The addresses of a part.
  package func span(of part: Range<Int>) -> RequestMerger.Span {
    let first = spans[part.lowerBound].first
    let end = part.reduce(first) { max($0, spans[$1].end) }
    return RequestMerger.Span(first: first, count: end - first)
  }

  /// The halves of a part that was refused.
  package static func halves(of part: Range<Int>) -> (Range<Int>, Range<Int>) {
    let middle = part.lowerBound + part.count / 2
    return (part.lowerBound..<middle, middle..<part.upperBound)
  }

  /// An item was refused alone.
  package mutating func refuse(_ item: Int) {
    illegal.insert(item)
    walls.insert(item)
    walls.insert(item + 1)
  }

  /// An item that had been refused was read after all. It stays alone.
  package mutating func pardon(_ item: Int) { illegal.remove(item) }

  /// Both sides of `item` were read, but not together.
  package mutating func divide(before item: Int) { walls.insert(item) }

  /// The parts after a poll in which some were refused: `tried` as they were found, in order. Where all is known
  /// (`isComplete`) they are merged again as far as the walls allow.
  package mutating func settle(_ tried: [Range<Int>], isComplete: Bool) {
    guard isComplete else {
      parts = tried
      return
    }
    let starts = RequestMerger.partition(spans, terms, isWall: { walls.contains($0) })
    parts = starts.indices.map {
      starts[$0]..<(starts.indices.contains($0 + 1) ? starts[$0 + 1] : spans.count)
    }
  }
}
