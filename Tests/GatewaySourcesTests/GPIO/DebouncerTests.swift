import GatewayCore
import Testing

@testable import GatewaySources

func at(_ milliseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }

@Suite struct DebouncerTests {
  /// A class, so that an expectation may hold a call that changes it.
  private final class Contact {
    private var debouncer: Debouncer

    init(hold: Int64) { debouncer = Debouncer(hold: .milliseconds(hold), isActive: false, at: at(0)) }

    var isActive: Bool { debouncer.isActive }
    var deadline: MonotonicTime? { debouncer.deadline }
    func edge(to level: Bool, at time: MonotonicTime) -> Debouncer.Change? {
      debouncer.edge(to: level, at: time)
    }
    func sample(_ level: Bool, at time: MonotonicTime) -> Debouncer.Change? {
      debouncer.sample(level, at: time)
    }
    func settle(at time: MonotonicTime) -> Debouncer.Change? { debouncer.settle(at: time) }
  }

  @Test func aLevelThatHoldsIsBelievedAtTheEndOfTheHoldAndKnowsItsEdge() {
    let contact = Contact(hold: 50)
    #expect(contact.edge(to: true, at: at(100)) == nil)
    #expect(contact.deadline == at(150))
    #expect(contact.settle(at: at(149)) == nil)
    #expect(!contact.isActive)
    #expect(contact.settle(at: at(400)) == Debouncer.Change(isActive: true, began: at(100), settled: at(150)))
    #expect(contact.isActive && contact.deadline == nil)
  }

  @Test func aBouncingContactIsOneChangeFromItsLastEdgeOn() {
    let contact = Contact(hold: 10)
    var changes: [Debouncer.Change?] = []
    for (time, level) in [(100, true), (102, false), (103, true), (109, false), (111, true), (160, false)] {
      changes.append(contact.edge(to: level, at: at(Int64(time))))
    }
    #expect(
      changes.compactMap(\.self) == [Debouncer.Change(isActive: true, began: at(111), settled: at(121))])
    #expect(contact.settle(at: at(170))?.isActive == false)
  }

  @Test func aSpikeIsNothing() {
    let contact = Contact(hold: 10)
    _ = contact.edge(to: true, at: at(100))
    _ = contact.edge(to: false, at: at(109))
    #expect(contact.deadline == nil && contact.settle(at: at(1000)) == nil)
  }

  /// The kernel drops an edge when there is no room for it.
  @Test func twoEdgesToOneLevelHideOneAndTheHoldBeginsAgain() {
    let contact = Contact(hold: 10)
    _ = contact.edge(to: true, at: at(100))
    _ = contact.edge(to: true, at: at(108))
    #expect(contact.settle(at: at(112)) == nil)
    #expect(contact.settle(at: at(118))?.began == at(108))
  }

  @Test func aSampledLevelMendsWhatLostEdgesLeftWrongAndDisturbsNothingElse() {
    let contact = Contact(hold: 10)
    _ = contact.edge(to: true, at: at(100))
    #expect(contact.sample(true, at: at(105)) == nil)
    #expect(contact.sample(true, at: at(110))?.began == at(100))
    #expect(contact.sample(false, at: at(200)) == nil)
    #expect(contact.sample(false, at: at(210)) == .init(isActive: false, began: at(200), settled: at(210)))
  }

  @Test func withoutAHoldEachChangeIsBelievedAtOnce() {
    let contact = Contact(hold: 0)
    #expect(contact.edge(to: true, at: at(1)) == .init(isActive: true, began: at(1), settled: at(1)))
    #expect(contact.edge(to: true, at: at(2)) == nil)
    #expect(contact.edge(to: false, at: at(2))?.isActive == false)
    #expect(contact.sample(true, at: at(3))?.isActive == true)
  }

  /// Against the definition: the level is believed that has held for the last `hold` milliseconds.
  @Test func whateverTheContactDoesTheChangesAreThoseOfTheDefinition() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<300 {
      let hold = Int.random(in: 1...12, using: &generator)
      let levels = contact(&generator)
      var believed = false
      var expected: [Debouncer.Change] = []
      for time in hold..<levels.count where levels[time - 1] != believed {
        guard levels[(time - hold)..<time].allSatisfy({ $0 != believed }) else { continue }
        believed.toggle()
        expected.append(
          Debouncer.Change(
            isActive: believed, began: at(Int64(time - hold)), settled: at(Int64(time))))
      }
      let contact = Contact(hold: Int64(hold))
      var changes: [Debouncer.Change] = []
      for time in 1..<levels.count {
        let now = at(Int64(time))
        if levels[time] != levels[time - 1], let change = contact.edge(to: levels[time], at: now) {
          changes.append(change)
        }
        // However often somebody looks in between.
        if Int.random(in: 0..<4, using: &generator) == 0, let change = contact.settle(at: now) {
          changes.append(change)
        }
      }
      if let change = contact.settle(at: at(Int64(levels.count - 1))) { changes.append(change) }
      let isRight = changes == expected
      #expect(isRight, "seed \(seed)")
    }
  }

  /// Bouncing and resting, a level for each millisecond.
  private func contact(_ generator: inout SplitMix) -> [Bool] {
    var levels = [false]
    var level = false
    while levels.count < 400 {
      level.toggle()
      let length = Int.random(in: 1...(Bool.random(using: &generator) ? 4 : 40), using: &generator)
      levels += Array(repeating: level, count: length)
    }
    return levels
  }
}
