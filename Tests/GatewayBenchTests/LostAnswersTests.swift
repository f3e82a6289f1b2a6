import GatewayCore
import GatewaySimulator
import Testing
import gateway_bench

/// `gateway-bench lost` with fewer rows.
@Suite struct LostAnswersTests {
  @Test("fault 45: three answers of ten are lost after the platform stored")
  func eachRowIsThereOnceThoughAnswersAreLost() throws {
    let result = try LostAnswersBench.deliver(rows: 60_000)
    #expect(result.flaws == [])
    #expect(result.books.stored == 60_000 && result.platform.duplicates > 0)
  }
}
