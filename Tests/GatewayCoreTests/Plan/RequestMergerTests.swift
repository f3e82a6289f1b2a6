import Testing

@testable import GatewayCore

private typealias Span = RequestMerger.Span

/// The fewest runs, by trying every subset of the spans that the leftmost uncovered one can share a run with.
private func fewestRuns(_ spans: [Span], limit: Int) -> Int {
  let asked = Set(spans.flatMap { $0.first..<$0.end })
  var known: [UInt32: Int] = [0: 0]
  func solve(_ open: UInt32) -> Int {
    if let answer = known[open] { return answer }
    let members = spans.indices.filter { open & (1 << $0) != 0 }
    let leftmost = members.min { spans[$0].first < spans[$1].first }!
    var best = Int.max
    var subset = open
    while subset > 0 {
      if subset & (1 << leftmost) != 0 {
        let chosen = spans.indices.filter { subset & (1 << $0) != 0 }.map { spans[$0] }
        let first = chosen.map(\.first).min()!
        let end = chosen.map(\.end).max()!
        if end - first <= limit, (first..<end).allSatisfy(asked.contains) {
          best = min(best, 1 + solve(open & ~subset))
        }
      }
      subset = (subset - 1) & open
    }
    known[open] = best
    return best
  }
  return solve((1 << spans.count) - 1)
}

@Suite struct RequestMergerTests {
  @Test func eachPointIsReadOnceInTheFewestRequests() {
    let seed = UInt64.random(in: 0 ... .max)
    for pinned in [seed, 1, 2, 3, 14_296_365_438_444_520_537] { check(seed: pinned) }
  }

  private func check(seed: UInt64) {
    var generator = SplitMix(seed: seed)
    for _ in 0..<150 {
      let limit = Int.random(in: 4...9, using: &generator)
      let spans = (0..<Int.random(in: 1...8, using: &generator)).map { _ in
        Span(
          first: Int.random(in: 0...18, using: &generator),
          count: [1, 1, 2, 4].randomElement(using: &generator)!)
      }
      let runs = RequestMerger.merge(spans, RequestMerger.Terms(limit: limit))
      let members = runs.flatMap(\.members)
      #expect(members.sorted() == Array(spans.indices), "seed \(seed)")
      let asked = Set(spans.flatMap { $0.first..<$0.end })
      for run in runs {
        #expect(run.span.end - run.span.first <= limit, "seed \(seed)")
        #expect((run.span.first..<run.span.end).allSatisfy(asked.contains), "seed \(seed): \(spans)")
        for member in run.members {
          #expect(run.span.first <= spans[member].first && spans[member].end <= run.span.end, "seed \(seed)")
        }
      }
      #expect(runs.count == fewestRuns(spans, limit: limit), "seed \(seed): \(spans), limit \(limit)")
    }
  }

  @Test func nothingIsReadAcrossAHole() {
    let runs = RequestMerger.merge(
      [Span(first: 0, count: 2), Span(first: 3, count: 1)], RequestMerger.Terms(limit: 125))
    #expect(runs.map(\.span) == [Span(first: 0, count: 2), Span(first: 3, count: 1)])
  }

  @Test func aValueIsNeverSplitAtTheLimit() {
    let spans = (0..<63).map { Span(first: $0 * 2, count: 2) }
    let runs = RequestMerger.merge(spans, RequestMerger.Terms(limit: 125))
    #expect(runs.map(\.span) == [Span(first: 0, count: 124), Span(first: 124, count: 2)])
  }

  @Test func twoPointsMayShareARegister() {
    let runs = RequestMerger.merge(
      [Span(first: 5, count: 1), Span(first: 5, count: 1), Span(first: 4, count: 2)],
      RequestMerger.Terms(limit: 125))
    #expect(runs == [RequestMerger.Run(span: Span(first: 4, count: 2), members: [2, 0, 1])])
  }

  @Test func theLastRegisterOfTheTableIsWithinReach() {
    let runs = RequestMerger.merge(
      [Span(first: 65535, count: 1), Span(first: 65534, count: 1)], RequestMerger.Terms(limit: 125))
    #expect(runs.map(\.span) == [Span(first: 65534, count: 2)])
  }

  @Test func noPartitionCostsLess() {
    let seed = UInt64.random(in: 0 ... .max)
    for pinned in [seed, 10_981_255_967_869_285_266] { checkCost(seed: pinned) }
  }

  private func checkCost(seed: UInt64) {
    var generator = SplitMix(seed: seed)
    for _ in 0..<1500 {
      let limit = Int.random(in: 4...12, using: &generator)
      let gap = [-1, 0.5, 1, 2.5, 4, 20].randomElement(using: &generator)!
      let terms = RequestMerger.Terms(limit: limit, worthwhileGap: gap)
      let spans = randomSpans(most: 8, within: 30, using: &generator)
      let walls = Set(spans.indices.filter { _ in Int.random(in: 0..<5, using: &generator) == 0 })
      let starts = RequestMerger.partition(spans, terms, isWall: { walls.contains($0) })
      let what = "seed \(seed): \(spans), \(terms), walls \(walls)"
      #expect(starts.first == 0 && Set(starts).isSuperset(of: walls), "\(what)")
      let found = cost(of: starts, spans, terms, walls)
      let others = (0..<1 << (spans.count - 1)).compactMap { choice in
        cost(of: [0] + (1..<spans.count).filter { choice >> ($0 - 1) & 1 == 1 }, spans, terms, walls)
      }
      #expect(found != nil, "it breaks a wall or a limit: \(what)")
      #expect(found == others.min(), "\(what)")
    }
  }

  /// Each request that is saved is worth ten full answers, so no more than a tenth can be spent to shorten them.
  @Test func whereGapsAreCheapTheRequestsAreNearlyTheFewest() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<300 {
      let limit = Int.random(in: 4...20, using: &generator)
      let spans = randomSpans(most: 200, within: 1000, using: &generator)
      let runs = RequestMerger.merge(
        spans, RequestMerger.Terms(limit: limit, worthwhileGap: Double(10 * limit)))
      #expect(runs.allSatisfy { $0.span.end - $0.span.first <= limit }, "seed \(seed)")
      // As far as each one goes, from the left: without walls there is no way with fewer.
      var fewest = 0
      var reach = Int.min
      for span in spans where span.end > reach {
        fewest += 1
        reach = span.first + limit
      }
      #expect(10 * runs.count <= 11 * fewest, "seed \(seed): \(runs.count) for \(fewest)")
    }
  }

  /// In order of their addresses.
  private func randomSpans(most: Int, within end: Int, using generator: inout SplitMix) -> [Span] {
    (0..<Int.random(in: 1...most, using: &generator)).map { _ in
      Span(
        first: Int.random(in: 0..<end, using: &generator),
        count: [1, 1, 2, 4].randomElement(using: &generator)!)
    }.sorted { ($0.first, $0.end) < ($1.first, $1.end) }
  }

  /// What the runs that begin there cost, in addresses; nil where one of them must not be.
  private func cost(
    of starts: [Int], _ spans: [Span], _ terms: RequestMerger.Terms, _ walls: Set<Int>
  ) -> Double? {
    // An address is no gap where any span asks for it, also one of another run.
    let asked = Set(spans.flatMap { $0.first..<$0.end })
    var cost = 0.0
    for (number, start) in starts.enumerated() {
      let run = start..<(number + 1 < starts.count ? starts[number + 1] : spans.count)
      let covered = spans[start].first..<run.map { spans[$0].end }.max()!
      let length = covered.count
      guard length <= terms.limit, walls.isDisjoint(with: run.dropFirst()) else { return nil }
      guard terms.worthwhileGap >= 0 || covered.allSatisfy(asked.contains) else { return nil }
      cost += Double(length)
    }
    let withoutGaps = Double(terms.limit * spans.count + 1)
    let request = terms.worthwhileGap < 0 ? withoutGaps : max(terms.worthwhileGap, 1)
    return cost + request * Double(starts.count)
  }
}
