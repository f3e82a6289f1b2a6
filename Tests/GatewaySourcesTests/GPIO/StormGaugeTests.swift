import GatewayCore
import Testing

@testable import GatewaySources

@Suite struct StormGaugeTests {
  /// A class, so that an expectation may hold a call that changes it.
  private final class Line {
    private var gauge: StormGauge

    init(_ mode: GPIOLine.Mode) { gauge = StormGauge(mode) }

    var isStorm: Bool { gauge.isStorm }
    var silentUntil: MonotonicTime? { gauge.silentUntil }
    func take(_ count: Int, at now: MonotonicTime) -> Bool { gauge.take(count, at: now) }
    func advance(to now: MonotonicTime) { gauge.advance(to: now) }
  }

  @Test func aThousandPulsesASecondWithBothTheirEdgesAreNoStorm() {
    let line = Line(.edge)
    for millisecond in 0..<10_000 {
      let began = line.take(2, at: at(Int64(millisecond)))
      #expect(!began && !line.isStorm && line.silentUntil == nil)
    }
  }

  @Test func aChatteringLineIsLeftAloneUntilTheEndOfEachSlice() throws {
    let line = Line(.level)
    var taken = 0
    var storms = 0
    // A line that is always readable, read 16 at a time for a second.
    for tenth in 0..<10_000 {
      let now = MonotonicTime(nanoseconds: Int64(tenth) * 100_000)
      if let end = line.silentUntil, now < end { continue }
      if line.take(16, at: now) { storms += 1 }
      taken += 16
    }
    #expect(storms == 1 && line.isStorm)
    // 200 in each of 20 slices, and up to a read more.
    #expect(taken >= 20 * 200 && taken <= 20 * 216)
  }

  @Test func aStormIsOverAfterAWholeSliceBelowTheLimit() {
    let line = Line(.level)
    #expect(line.take(500, at: at(0)))
    line.advance(to: at(49))
    #expect(line.isStorm && line.silentUntil == at(50))
    #expect(!line.take(300, at: at(50)))
    #expect(line.isStorm && line.silentUntil == at(100))
    #expect(!line.take(3, at: at(100)))
    #expect(line.isStorm && line.silentUntil == nil)
    line.advance(to: at(150))
    #expect(!line.isStorm)
    #expect(line.take(500, at: at(160)), "the next one is another one")
  }

  @Test func aStormThatNobodyLooksAtIsOver() {
    let line = Line(.level)
    #expect(line.take(500, at: at(0)))
    line.advance(to: at(5000))
    #expect(!line.isStorm && line.silentUntil == nil)
  }
}
