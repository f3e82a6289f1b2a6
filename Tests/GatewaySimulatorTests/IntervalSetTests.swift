import GatewayCore
import Testing

@testable import GatewaySimulator

@Suite struct IntervalSetTests {
  /// Against a plain set of numbers.
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func itHoldsAndReportsWhatASetWould(_ seed: UInt64) {
    var dice = SplitMix(seed: seed)
    for _ in 0..<15 {
      var intervals = IntervalSet()
      var model = Set<UInt64>()
      for _ in 0..<60 {
        let start = dice.next() % 200
        let range = start...(start + dice.next() % 12)
        let added = intervals.insert(range)
        let new = range.filter { !model.contains($0) }
        #expect(added.flatMap { Array($0) } == new, "seed \(seed)")
        model.formUnion(range)
        #expect(intervals.count == UInt64(model.count), "seed \(seed)")
        #expect(intervals.ranges.flatMap { Array($0) } == model.sorted(), "seed \(seed)")
        let gaps = zip(intervals.ranges, intervals.ranges.dropFirst()).allSatisfy {
          $0.upperBound + 1 < $1.lowerBound
        }
        #expect(gaps, "seed \(seed): ranges that touch stay apart")
        let span = model.max()! - model.min()! + 1
        #expect(intervals.holes == span - UInt64(model.count), "seed \(seed)")
      }
    }
  }

  @Test func millionsOfNumbersInOrderAreOneRange() {
    var intervals = IntervalSet()
    for batch in 0..<5000 as Range<UInt64> { _ = intervals.insert(batch * 1000 + 1...batch * 1000 + 1000) }
    #expect(intervals.ranges == [1...5_000_000])
  }

  @Test func theEndsOfTheNumbersAreNoTrap() {
    var intervals = IntervalSet()
    #expect(intervals.insert(0...0) == [0...0])
    #expect(intervals.insert(UInt64.max...UInt64.max) == [UInt64.max...UInt64.max])
    #expect(intervals.insert(UInt64.max - 1...UInt64.max) == [UInt64.max - 1...UInt64.max - 1])
    #expect(intervals.ranges == [0...0, UInt64.max - 1...UInt64.max])
  }
}
