import Testing

@testable import GatewayCore

private typealias Span = RequestMerger.Span

private func registers(_ addresses: [Int]) -> [Span] { addresses.map { Span(first: $0, count: 1) } }

private let anyGap = RequestMerger.Terms(limit: 125, worthwhileGap: 200)

@Suite struct RequestPartsTests {
  @Test func untilSomethingIsRefusedTheRequestIsOne() {
    let parts = RequestParts(registers([5, 6, 9]), anyGap)
    #expect(parts.parts == [0..<3] && !parts.hasIllegal)
    #expect(parts.span(of: 0..<3) == Span(first: 5, count: 5))
    #expect(RequestParts([], anyGap).parts.isEmpty)
  }

  @Test func theHalvesAreTheWhole() {
    for count in 2...40 {
      let (left, right) = RequestParts.halves(of: 3..<3 + count)
      #expect(left.lowerBound == 3 && left.upperBound == right.lowerBound && right.upperBound == 3 + count)
      #expect(abs(left.count - right.count) <= 1)
    }
  }

  @Test func aPartReachesToTheEndOfItsLongestItem() {
    let parts = RequestParts([Span(first: 0, count: 4), Span(first: 1, count: 1)], anyGap)
    #expect(parts.span(of: 0..<2) == Span(first: 0, count: 4))
  }

  @Test func anIllegalItemStaysAloneEvenWhenItIsPardoned() {
    var parts = RequestParts(registers(Array(0..<5)), anyGap)
    parts.refuse(2)
    parts.settle([0..<1, 1..<2, 2..<3, 3..<5], isComplete: true)
    #expect(parts.parts == [0..<2, 2..<3, 3..<5] && parts.isIllegal(2))
    parts.pardon(2)
    parts.settle(parts.parts, isComplete: true)
    #expect(parts.parts == [0..<2, 2..<3, 3..<5] && !parts.hasIllegal)
  }

  @Test func whatIsNotYetKnownIsKeptAsItWasFound() {
    var parts = RequestParts(registers(Array(0..<4)), anyGap)
    parts.settle([0..<1, 1..<4], isComplete: false)
    #expect(parts.parts == [0..<1, 1..<4])
    parts.settle([0..<1, 1..<4], isComplete: true)
    #expect(parts.parts == [0..<4], "where no wall is, what was divided by chance is one again")
  }

  @Test func whateverIsRefusedEachItemIsInOnePartAndTheIllegalAreAlone() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<2000 {
      let addresses = (0..<40).filter { _ in Bool.random(using: &generator) }
      guard !addresses.isEmpty else { continue }
      let limit = Int.random(in: 1...40, using: &generator)
      var parts = RequestParts(
        registers(addresses), RequestMerger.Terms(limit: limit, worthwhileGap: 200))
      var illegal: Set<Int> = []
      var walls: Set<Int> = []
      for _ in 0..<Int.random(in: 0...4, using: &generator) {
        let item = Int.random(in: addresses.indices, using: &generator)
        if Bool.random(using: &generator) {
          parts.refuse(item)
          illegal.insert(item)
        } else {
          parts.divide(before: item)
          walls.insert(item)
        }
      }
      parts.settle(parts.parts, isComplete: true)
      let what = "seed \(seed): \(addresses), \(illegal), \(walls), \(limit)"
      #expect(parts.parts.flatMap { Array($0) } == Array(addresses.indices), "\(what)")
      for part in parts.parts {
        #expect(part.count == 1 || illegal.isDisjoint(with: part), "\(what)")
        #expect(walls.isDisjoint(with: part.dropFirst()), "\(what)")
        let span = parts.span(of: part)
        #expect(span.end - span.first <= limit, "\(what)")
      }
    }
  }
}
