import Testing

@testable import GatewayCore

private func at(_ microseconds: Int64) -> BootTime { BootTime(microseconds: microseconds) }

@Suite struct BusScheduleTests {
  @Test func aHundredUnitsArePolledEvenlyOverTheSecond() {
    var schedule = BusSchedule(periods: Array(repeating: .seconds(1), count: 100), start: at(5_000_000))
    for expected in 0..<100 {
      let due = schedule.nextDue
      #expect(due == at(5_000_000 + Int64(expected / 5) * 50_000))
      #expect(schedule.take(at: due!) == .init(request: expected, due: due!, skipped: 0))
    }
    #expect(schedule.nextDue == at(6_000_000))
  }

  @Test func aThousandTicksLaterThereIsNoDrift() {
    var schedule = BusSchedule(periods: [.microseconds(333_333)], start: at(7))
    for tick in 0..<Int64(1000) {
      let due = at(7 + tick * 333_333)
      #expect(schedule.take(at: at(due.microseconds - 1)) == nil)
      // Polls are late by up to a third of a period; the deadlines do not move.
      #expect(schedule.take(at: due.advanced(by: .microseconds(tick * 100)))?.due == due)
    }
  }

  @Test func aTickThatWasMissedIsCountedAndNotMadeUpFor() {
    var schedule = BusSchedule(periods: [.seconds(1)], start: at(0))
    #expect(schedule.take(at: at(0))?.skipped == 0)
    #expect(schedule.take(at: at(1_999_999)) == .init(request: 0, due: at(1_000_000), skipped: 0))
    #expect(schedule.take(at: at(5_200_000)) == .init(request: 0, due: at(5_000_000), skipped: 3))
    #expect(schedule.take(at: at(5_200_001)) == nil)
    #expect(schedule.nextDue == at(6_000_000))
  }

  @Test func manyBusesOfTheSameShapeDoNotPollAtOnce() {
    let starts = (0..<100).map { bus in
      BusSchedule(periods: [.seconds(1)], start: at(0), share: Double(bus) / 100).nextDue!.microseconds
    }
    for (bus, start) in starts.enumerated() { #expect(start == Int64(bus / 5) * 50_000) }
  }

  @Test func aBusWithoutRequestsIsNeverDue() {
    var schedule = BusSchedule(periods: [], start: at(0))
    #expect(schedule.nextDue == nil)
    #expect(schedule.take(at: at(.max)) == nil)
  }

  @Test func anyMixOfPeriodsTakesEachTickOnceInOrder() {
    let random = UInt64.random(in: 0 ... .max)
    for seed in [random, 4, 5] {
      var generator = SplitMix(seed: seed)
      let periods = (0..<Int.random(in: 1...60, using: &generator)).map { _ in
        Duration.milliseconds([10, 50, 250, 1000, 7777].randomElement(using: &generator)!)
      }
      let share = Double.random(in: 0..<1, using: &generator)
      var schedule = BusSchedule(periods: periods, start: at(1000), share: share)
      var ticks = [Int64](repeating: 0, count: periods.count)
      var first = [Int64?](repeating: nil, count: periods.count)
      var now: Int64 = 0
      var last: Int64 = 0
      while now < 20_000_000 {
        now += Int64.random(in: 0...3_000, using: &generator)
        while let tick = schedule.take(at: at(now)) {
          let period = periods[tick.request].microseconds
          #expect(tick.due.microseconds <= now, "seed \(seed)")
          #expect(tick.due.microseconds >= last || tick.skipped > 0, "seed \(seed)")
          last = tick.due.microseconds
          let phase = first[tick.request] ?? tick.due.microseconds
          first[tick.request] = phase
          #expect(phase >= 1000 && phase < 1000 + period, "seed \(seed)")
          #expect(tick.due.microseconds == phase + ticks[tick.request] * period, "seed \(seed)")
          #expect(tick.skipped == 0, "seed \(seed)")
          ticks[tick.request] += 1
        }
      }
      for (request, period) in periods.enumerated() {
        let expected = (now - (first[request] ?? now)) / period.microseconds + 1
        #expect(ticks[request] == expected, "seed \(seed)")
      }
    }
  }
}
