import GatewayCore
import Testing

@Suite struct ReportStateTests {
  private static func sent(
    _ values: [Value?], _ config: ReportConfig, every seconds: Double = 1,
    _ edit: (Int, inout Reading) -> Void = { _, _ in }
  ) -> [Int] {
    var state = ReportState()
    return values.indices.filter { index in
      let microseconds = Int64(Double(index) * seconds * 1e6)
      let moment = Moment(
        time: Timestamp(microseconds: microseconds), boot: BootTime(microseconds: microseconds + 1000))
      var reading =
        values[index].map { Reading(point: 0, at: moment, value: $0) }
        ?? Reading(point: 0, at: moment, failed: .timeout, timeQuality: .synced)
      edit(index, &reading)
      return state.isDue(reading, by: config)
    }
  }

  private static func doubles(_ numbers: [Double]) -> [Value?] { numbers.map { .double($0) } }

  @Test func aDeadbandIsAgainstWhatWasSentLast() {
    // A slow drift is sent each time it has come far enough.
    let drift = Self.doubles((0..<100).map { Double($0) * 0.125 })
    #expect(Self.sent(drift, ReportConfig(change: .absolute(1))) == Array(stride(from: 0, to: 100, by: 9)))
    let steps = Self.doubles([10, 11, 9, 10, 8.9, 10])
    #expect(Self.sent(steps, ReportConfig(change: .absolute(1))) == [0, 4, 5])
    let parts = Self.doubles([100, 101, 102, 102.5, 100.5, 100.4, 0, 0, 0.1, -1])
    #expect(Self.sent(parts, ReportConfig(change: .relative(0.02))) == [0, 3, 5, 6, 8, 9])
  }

  @Test func anyChangeIsExactAlsoIn64Bits() {
    let values: [Value?] = [.max, .max - 1, .max - 1].map { .unsigned($0) } + [.signed(1), .signed(1)]
    #expect(Self.sent(values, ReportConfig(change: .any)) == [0, 1, 3])
    let large: [Value?] = [.signed(.min), .signed(.min + 2), .signed(.min + 3), .signed(.max)]
    #expect(Self.sent(large, ReportConfig(change: .absolute(2))) == [0, 2, 3])
  }

  @Test func theHeartbeatCountsFromWhatWasSentLast() {
    let config = ReportConfig(change: .absolute(1), heartbeat: 10_000_000)
    #expect(Self.sent(Self.doubles(Array(repeating: 5, count: 35)), config) == [0, 10, 20, 30])
    var values = Array(repeating: 5.0, count: 35)
    values[7] = 9
    #expect(Self.sent(Self.doubles(values), config) == [0, 7, 8, 18, 28])
  }

  @Test(arguments: [UInt64.random(in: 0...UInt64.max), 7])
  func jitterDoesNotDelayTheHeartbeat(seed: UInt64) {
    print("heartbeat seed \(seed)")
    var random = SplitMix(seed: seed)
    func sent(_ heartbeat: Int64, every period: Int64, jitter: UInt64, count: Int) -> [Int] {
      let config = ReportConfig(change: .absolute(1), heartbeat: heartbeat)
      return Self.sent(Self.doubles(Array(repeating: 5, count: count)), config) { index, reading in
        let late = Int64(random.next() % jitter)
        reading.boot = BootTime(microseconds: 1000 + Int64(index) * period + late)
      }
    }
    let seconds = sent(5_000_000, every: 1_000_000, jitter: 100_000, count: 60)
    #expect(seconds == Array(stride(from: 0, to: 60, by: 5)))
    // At most half a second early, however long it is.
    let long = sent(600_000_000, every: 10_000_000, jitter: 400_000, count: 200)
    #expect(long == [0, 60, 120, 180])
    let early = sent(600_000_000, every: 600_000, jitter: 1, count: 1002)
    #expect(early == [0, 1000])
  }

  @Test func aFailureIsSentOnceAndWithTheHeartbeat() {
    var values = Self.doubles(Array(repeating: 5, count: 30))
    for index in 3..<20 { values[index] = nil }
    let config = ReportConfig(change: .absolute(1), heartbeat: 10_000_000)
    #expect(
      Self.sent(values, config) { index, reading in
        if reading.value == nil, index > 5 { reading.reason = .breakerOpen }
      } == [0, 3, 13, 20])
  }

  @Test func anotherQualityIsSent() {
    let values = Self.doubles(Array(repeating: 5, count: 10))
    let sent = Self.sent(values, ReportConfig(change: .any)) { index, reading in
      if 2..<5 ~= index { reading.quality = .uncertain }
      if 4..<5 ~= index { reading.quality = .bad }
    }
    #expect(sent == [0, 2, 4, 5])
  }

  @Test func aLaterBootBeginsWithARow() {
    let values = Self.doubles(Array(repeating: 5, count: 10))
    let sent = Self.sent(values, ReportConfig(change: .any)) { index, reading in
      if index > 5 { reading.boot = BootTime(microseconds: Int64(index)) }
    }
    #expect(sent == [0, 6])
  }
}
