import GatewayCore
import Testing

@Suite struct WriteRateTests {
  /// One sample a minute: `written` and `used` by the minute.
  private func rate(
    minutes: Int, written: (UInt64) -> UInt64 = { $0 * 1000 }, used: (Int) -> Int = { _ in 0 }
  ) -> WriteRate {
    var rate = WriteRate()
    for minute in 0...minutes {
      rate.add(
        WriteRate.Sample(
          time: BootTime(microseconds: 5_000_000 + Int64(minute) * 60_000_000),
          written: written(UInt64(minute)),
          rows: written(UInt64(minute)) / 2, used: used(minute)))
    }
    return rate
  }

  @Test func nothingIsSaidBeforeItWasMeasuredForLongEnough() {
    #expect(WriteRate().writtenPerDay == nil)
    #expect(rate(minutes: 0).writtenPerDay == nil)
    #expect(rate(minutes: 1).writtenPerDay == 1_440_000)
    #expect(rate(minutes: 1).rowsPerDay == 720_000)
    #expect(rate(minutes: 9).growthPerDay == nil)
    #expect(rate(minutes: 10).growthPerDay == 0)
  }

  @Test func growthIsThatOfTheLastHourAndMayBeNegative() {
    // A day without growth, then an uplink that went an hour ago.
    let away = rate(minutes: 1500, used: { max($0 - 1440, 0) * 100 })
    #expect(away.growthPerDay == 144_000)
    let draining = rate(minutes: 120, used: { 1_000_000 - $0 * 10 })
    #expect(draining.growthPerDay == -14_400)
  }

  @Test func aWeekCostsNoMoreMemoryThanADayAndShowsOnlyTheLastOne() {
    // Much at first, then little: the first days are forgotten.
    let week = rate(minutes: 7 * 1440, written: { 1_000_000_000 * min($0, 1000) / 1000 + $0 })
    #expect(week.writtenPerDay.map { (1430...1450).contains($0) } == true, "\(week.writtenPerDay ?? -1)")
    #expect(week.measured <= .seconds(90_000))
  }
}
