import GatewayCore
import Testing

@Suite struct BacklogBudgetTests {
  private static func at(_ seconds: Double) -> BootTime { BootTime(microseconds: Int64(seconds * 1e6)) }

  @Test func withoutALimitNothingIsHeldBack() {
    var budget = BacklogBudget(bitsPerSecond: nil)
    let isAdmitted = budget.admits(rows: 1000, bytes: .max)
    #expect(isAdmitted && budget.rowLimit(atMost: 1000) == 1000)
    budget.spend(bytes: 1 << 30, at: Self.at(5))
    #expect(budget.nextTime == nil)
  }

  @Test func aBatchIsPaidForBeforeTheNextLeaves() {
    var budget = BacklogBudget(bitsPerSecond: 8000)
    #expect(budget.nextTime == nil)
    budget.spend(bytes: 2500, at: Self.at(10))
    #expect(budget.nextTime == Self.at(12.5))
    // A quiet minute is not saved up.
    budget.spend(bytes: 1000, at: Self.at(72.5))
    #expect(budget.nextTime == Self.at(73.5))
  }

  @Test func batchesSettleAtFourSecondsOfTheRate() {
    var budget = BacklogBudget(bitsPerSecond: 64_000)
    var rows = 0
    for _ in 0..<20 {
      rows = budget.rowLimit(atMost: 100_000)
      let isAdmitted = budget.admits(rows: rows, bytes: BacklogBudget.wireBytes(body: rows * 20))
      #expect(isAdmitted)
    }
    #expect((31_500...32_500).contains(BacklogBudget.wireBytes(body: rows * 20)))
    #expect(budget.rowLimit(atMost: 100) == 100)
  }

  @Test func aBatchOfUnexpectedLengthIsBuiltAnewWithFewerRows() {
    var budget = BacklogBudget(bitsPerSecond: 8000)
    func learn(_ rows: Int, _ bytes: Int) -> (isAdmitted: Bool, rowLimit: Int) {
      (budget.admits(rows: rows, bytes: bytes), budget.rowLimit(atMost: 1000))
    }
    #expect(learn(100, 1000) == (true, 400))
    #expect(learn(400, 40_000) == (false, 40))
    #expect(learn(40, 4000) == (true, 40))
    // One row cannot be shortened.
    #expect(learn(2, 1 << 30) == (false, 1))
    #expect(learn(1, 1 << 29) == (true, 1))
  }
}
