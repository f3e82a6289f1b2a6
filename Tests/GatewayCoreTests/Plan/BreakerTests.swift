import Testing

@testable import GatewayCore

private func seconds(_ number: Double) -> BootTime { BootTime(microseconds: Int64(number * 1e6)) }

@Suite struct BreakerTests {
  @Test func twoSilencesAreForgivenTheThirdOpens() {
    var breaker = Breaker()
    for attempt in 1...3 {
      #expect(!breaker.isOpen && breaker.permits(at: seconds(0)))
      breaker.failed(at: seconds(0), random: 0.5)
      #expect(breaker.isOpen == (attempt == 3))
    }
    #expect(!breaker.permits(at: seconds(0.999)))
    #expect(breaker.permits(at: seconds(1)))
  }

  @Test func probesBecomeRarerUpToAMinute() {
    var breaker = Breaker()
    var now = seconds(100)
    var intervals: [Int64] = []
    for _ in 0..<2 { breaker.failed(at: now, random: 0.5) }
    for _ in 0..<100 {
      breaker.failed(at: now, random: 0.5)
      let start = now
      while !breaker.permits(at: now) { now = now.advanced(by: .milliseconds(500)) }
      intervals.append(start.duration(to: now).microseconds / 1_000_000)
    }
    #expect(intervals.prefix(8) == [1, 2, 4, 8, 16, 32, 60, 60])
    #expect(intervals.suffix(92).allSatisfy { $0 == 60 })
  }

  @Test func oneAnswerClosesItAndForgetsTheFailures() {
    var breaker = Breaker()
    for _ in 0..<50 { breaker.failed(at: seconds(1), random: 0.5) }
    breaker.answered()
    #expect(!breaker.isOpen && breaker.permits(at: seconds(0)))
    breaker.failed(at: seconds(2), random: 0.5)
    breaker.failed(at: seconds(2), random: 0.5)
    #expect(!breaker.isOpen)
    breaker.failed(at: seconds(2), random: 0.5)
    #expect(breaker.isOpen && breaker.permits(at: seconds(3)))
  }

  @Test func probesOfDeadDevicesAreSpreadByAFifthEitherWay() {
    for (random, interval) in [(0.0, 0.8), (0.5, 1.0), (0.999_999, 1.2)] {
      var breaker = Breaker()
      for _ in 0..<3 { breaker.failed(at: seconds(10), random: random) }
      #expect(!breaker.permits(at: seconds(10 + interval - 0.01)))
      #expect(breaker.permits(at: seconds(10 + interval + 0.01)))
    }
  }
}
