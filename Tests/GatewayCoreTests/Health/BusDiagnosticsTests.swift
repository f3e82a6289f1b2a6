import GatewayCore
import Synchronization
import Testing

@Suite struct BusDiagnosticsTests {
  private let meter = BusMeter()

  private func moment(_ second: Int64) -> Moment {
    Moment(
      time: Timestamp(microseconds: second * 1_000_000), boot: BootTime(microseconds: second * 1_000_000))
  }

  private func record(_ kind: BusErrorKind, _ frame: [UInt8], at second: Int64) {
    frame.withUnsafeBytes { meter.record(kind, frame: $0, at: moment(second)) }
  }

  @Test func errorsAreCountedByKind() {
    for (count, kind) in BusErrorKind.allCases.enumerated() {
      for _ in 0..<count { meter.record(kind) }
    }
    let counts = meter.errorCounts
    #expect(counts.map(\.kind) == Array(BusErrorKind.allCases.dropFirst()))
    #expect(counts.map(\.count) == (1..<UInt64(BusErrorKind.allCases.count)).map { $0 })
    #expect(meter.errors.load(ordering: .relaxed) == 0)
  }

  @Test func theLastSixteenBadFramesAreKeptWithTheirBeginning() {
    #expect(meter.badFrames.isEmpty)
    record(.noise, [], at: 0)
    #expect(meter.badFrames == [BadFrame(kind: .noise, moment: moment(0), length: 0, start: [])])
    for number in 1...20 {
      record(.checksum, Array(repeating: UInt8(number), count: number * 7), at: Int64(number))
    }
    let frames = meter.badFrames
    #expect(frames.map(\.moment) == (5...20).map { moment($0) })
    #expect(frames.map(\.length) == (5...20).map { $0 * 7 })
    #expect(frames.map(\.start) == (5...20).map { Array(repeating: UInt8($0), count: min($0 * 7, 64)) })
    #expect(meter.errorCounts.map(\.count) == [20, 1])
  }

  @Test func responseTimesFallIntoTheirBuckets() {
    for microseconds in [0, 100, 101, 200, 1500, 2000, 9_999_999, 10_000_001, 3_600_000_000] as [Int64] {
      meter.record(response: .microseconds(microseconds))
    }
    let times = meter.responses
    #expect(times.total == 9)
    #expect(times.counts == [2, 2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2])
    #expect(times.bound(below: 0.2) == 100)
    #expect(times.bound(below: 0.5) == 2000)
    #expect(times.bound(below: 0.75) == 10_000_000)
    #expect(times.bound(below: 0.99) == nil)
    #expect(ResponseTimes(counts: []).bound(below: 0.5) == nil)
  }

  private func now(_ milliseconds: Int64) -> BootTime { BootTime(microseconds: milliseconds * 1000) }

  @Test func utilisationIsThatOfTheLastTenWholeSeconds() {
    #expect(meter.utilisationPermille(at: now(0)) == 0)
    // A quarter of each second.
    for second in 100..<120 as Range<Int64> {
      meter.record(busy: .milliseconds(250), until: now(second * 1000 + 600))
    }
    #expect(meter.utilisationPermille(at: now(120_000)) == 250)
    #expect(meter.utilisationPermille(at: now(120_999)) == 250)
    #expect(meter.utilisationPermille(at: now(125_000)) == 125)
    #expect(meter.utilisationPermille(at: now(130_000)) == 0)
    // The places of the seconds are used again.
    meter.record(busy: .milliseconds(500), until: now(136_600))
    #expect(meter.utilisationPermille(at: now(137_000)) == 50)
  }

  @Test func aLongWaitCountsInEachSecondThatItFilled() {
    meter.record(busy: .milliseconds(3500), until: now(103_500))
    #expect(meter.utilisationPermille(at: now(104_000)) == 350)
    #expect(meter.utilisationPermille(at: now(101_000)) == 100)
    #expect(meter.utilisationPermille(at: now(112_000)) == 150)
    // Longer than the window, and longer than the clock.
    meter.record(busy: .seconds(1000), until: now(200_000))
    #expect(meter.utilisationPermille(at: now(200_000)) == 1000)
    meter.record(busy: .seconds(1000), until: now(1500))
    #expect(meter.utilisationPermille(at: now(2000)) == 150)
  }

  @Test func aSecondIsNeverFullerThanFull() {
    for _ in 0..<5 { meter.record(busy: .milliseconds(900), until: now(100_950)) }
    meter.record(busy: .milliseconds(-5), until: now(101_000))
    #expect(meter.utilisationPermille(at: now(101_000)) == 100)
  }

  @Test func whatIsPlannedMayBeMoreThanTheLineAllows() {
    #expect(meter.plannedPermille == 0)
    meter.record(plannedPermille: 1300)
    #expect(meter.plannedPermille == 1300)
  }
}
