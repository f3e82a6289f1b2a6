import GatewayCore
import Testing

@Suite struct BackoffTests {
  private func waits(
    _ trouble: DeliveryTrouble, _ count: Int, random: Double, initial: Duration = .seconds(1),
    maximum: Duration = .seconds(300)
  ) -> [Double] {
    var backoff = Backoff(initial: initial, maximum: maximum)
    return (0..<count).map { _ in backoff.next(after: trouble, random: random).seconds }
  }

  @Test("fault 43: the ceiling doubles up to the maximum")
  func theCeilingDoublesUpToTheMaximum() {
    #expect(waits(.busy, 10, random: 0.5) == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150])
  }

  @Test("fault 43: jitter is full")
  func jitterIsFull() {
    #expect(waits(.busy, 5, random: 0) == [0, 0, 0, 0, 0])
    #expect(waits(.busy, 200, random: 0.999).allSatisfy { $0 <= 300 })
  }

  @Test("fault 49: an unreachable platform is tried every two seconds")
  func anUnreachablePlatformIsTriedEveryTwoSeconds() {
    #expect(waits(.unreachable, 5, random: 1) == [1, 2, 2, 2, 2])
    #expect(waits(.unreachable, 3, random: 1, maximum: .milliseconds(500)) == [0.5, 0.5, 0.5])
  }

  @Test("fault 40: what a person must mend is tried slowly")
  func whatAPersonMustMendIsTriedSlowly() {
    #expect(waits(.misconfigured, 8, random: 0) == [15, 15, 15, 15, 15, 16, 32, 64])
    #expect(waits(.misconfigured, 2, random: 0, maximum: .seconds(4)) == [2, 2])
  }

  @Test("fault 42: Retry-After is a floor")
  func retryAfterIsAFloor() {
    var backoff = Backoff(initial: .seconds(1), maximum: .seconds(300))
    #expect(backoff.next(after: .busy, retryAfter: .seconds(60), random: 0) == .seconds(60))
    #expect(backoff.next(after: .busy, retryAfter: .seconds(60), random: 0.5) == .seconds(75))
    for _ in 0..<20 { _ = backoff.next(after: .busy, random: 0) }
    #expect(backoff.next(after: .busy, retryAfter: .seconds(1), random: 0.5) == .seconds(150))
  }

  @Test func retryAfterIsSpreadAtLeastAsFarAsTheFirstWait() {
    var backoff = Backoff(initial: .seconds(8), maximum: .seconds(300))
    #expect(backoff.next(after: .busy, retryAfter: .seconds(2), random: 0.5) == .seconds(6))
  }

  @Test func whoHasTooMuchToDoIsGivenThreeLingerTimes() {
    var backoff = Backoff(initial: .seconds(1), maximum: .seconds(300), linger: .seconds(10))
    #expect(backoff.next(after: .overloaded, random: 0.5) == .seconds(15))
    for _ in 0..<5 { #expect(backoff.next(after: .unreachable, random: 1).seconds <= 30) }
    #expect(backoff.next(after: .unreachable, random: 1) == .seconds(30))
    #expect(backoff.next(after: .busy, random: 0.5) == .seconds(64))
  }

  @Test func successStartsOver() {
    var backoff = Backoff(initial: .seconds(1), maximum: .seconds(300))
    for _ in 0..<100 { _ = backoff.next(after: .busy, random: 0.5) }
    backoff.reset()
    #expect(backoff.next(after: .busy, random: 0.5) == .milliseconds(500))
  }
}
