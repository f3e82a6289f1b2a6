import GatewayCore
import Testing

@Suite struct StoreReportTests {
  private static let report = StoreReport(
    capacity: 256 << 20, used: 64 << 20, oldest: Timestamp(microseconds: 1_795_381_200_000_000),
    now: Timestamp(microseconds: 1_795_381_260_000_000), commits: 60, bytesWritten: 245_760, fault: "full",
    segments: StoreReport.Segments(slotBytes: 4 << 20, total: 63, used: 17, free: 45, failed: 1),
    destinations: [
      StoreReport.Destination(
        name: "platform", queued: 30, oldest: Timestamp(microseconds: 1_795_381_200_000_000),
        runs: [1...10, 21...40]),
      StoreReport.Destination(name: "other", queued: 0, oldest: nil, runs: []),
    ],
    rate: StoreReport.Rate(measured: 7200, writtenPerDay: 400e6, rowsPerDay: 300e6, growthPerDay: 200e6),
    budget: FlashConfig(capacity: 8_000_000_000, cycles: 3000),
    life: FlashLife(device: "mmcblk0", usedTenths: 11, preEndOfLife: 2), commitInterval: 10)

  private func readBack(_ report: StoreReport) throws -> StoreReport? {
    var buffer = ByteBuffer()
    report.appendJSON(to: &buffer)
    return StoreReport(json: try JSONValue(parsing: buffer.copyBytes()))
  }

  @Test func aReportSurvivesItsJSON() throws {
    #expect(try readBack(Self.report) == Self.report)
    var plain = Self.report
    (plain.budget, plain.life, plain.fault, plain.oldest) = (nil, nil, nil, nil)
    plain.rate = StoreReport.Rate(measured: 5, writtenPerDay: nil, rowsPerDay: nil, growthPerDay: nil)
    #expect(try readBack(plain) == plain)
    #expect(StoreReport(json: .object([:])) == nil)
  }

  @Test func theForecastsFollowFromWhatIsFreeAndTheRates() {
    var report = Self.report
    // 192 MiB at 200 MB and at 300 MB a day.
    #expect(report.full == .after(Double(192 << 20) / 200e6 * 86_400))
    #expect(report.fullWithoutDelivery == .after(Double(192 << 20) / 300e6 * 86_400))
    for growth in [0, -1e9, 1] {
      report.rate.growthPerDay = growth
      #expect(report.full == .never)
    }
    report.rate.growthPerDay = nil
    #expect(report.full == .unknown)
    report.rate.growthPerDay = 1e6
    report.used = report.capacity + 1
    #expect(report.full == .after(0))
  }

  @Test func theYearsAreTheBudgetThroughFourTimesTheRate() {
    var report = Self.report
    // 24 TB of cells to program, 1.6 GB of them a day.
    #expect(report.years.map { ($0 * 100).rounded() / 100 } == 41.07)
    report.budget = nil
    #expect(report.years == nil)
    report.budget = FlashConfig(capacity: 8_000_000_000, cycles: 3000)
    for perDay in [nil, 0] as [Double?] {
      report.rate.writtenPerDay = perDay
      #expect(report.years == nil)
    }
  }
}
