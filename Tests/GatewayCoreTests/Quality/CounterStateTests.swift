import GatewayCore
import Testing

@Suite struct CounterStateTests {
  private static func reading(_ value: Value?, _ seconds: Double, boot: Double? = nil) -> Reading {
    let moment = Moment(
      time: Timestamp(microseconds: Int64(seconds * 1e6)),
      boot: BootTime(microseconds: Int64((boot ?? seconds) * 1e6)))
    return value.map { Reading(point: 0, at: moment, value: $0) }
      ?? Reading(point: 0, at: moment, failed: .timeout, timeQuality: .synced)
  }

  /// The counts a second apart: totals and reasons.
  private static func run(
    _ counts: [UInt64?], modulus: Double? = nil, rate: Double? = nil, every seconds: Double = 1
  ) -> (totals: [UInt64?], reasons: [QualityReason]) {
    var state = CounterState()
    let config = CounterConfig(modulus: modulus, maximumRate: rate)
    let results = counts.enumerated().map { index, count in
      state.take(reading(count.map { .unsigned($0) }, Double(index) * seconds), by: config)
    }
    let totals = results.map { result -> UInt64? in
      if case .unsigned(let total) = result.value { total } else { nil }
    }
    return (totals, results.map(\.reason))
  }

  @Test func withoutTroubleTheTotalIsTheRegister() {
    let (totals, reasons) = Self.run([5, 5, 900, nil, .max - 1])
    #expect(totals == [5, 5, 900, nil, .max - 1])
    #expect(reasons == [.none, .none, .none, .timeout, .none])
  }

  @Test(arguments: [16, 32, 63])
  func aWrapIsCounted(bits: UInt64) {
    let modulus = 1 << bits as UInt64
    let (totals, reasons) = Self.run([modulus - 10, modulus - 1, 4, 9, 9], modulus: Double(modulus))
    #expect(totals == [modulus - 10, modulus - 1, modulus + 4, modulus + 9, modulus + 9])
    #expect(reasons.allSatisfy { $0 == .none })
  }

  @Test func aWrapOf64BitsIsCountedThoughNoIntegerHoldsTheTotal() {
    var state = CounterState()
    let config = CounterConfig(modulus: 0x1p64)
    _ = state.take(Self.reading(.unsigned(.max - 4095), 0), by: config)
    let result = state.take(Self.reading(.unsigned(4096), 1), by: config)
    #expect(result.value == .double(0x1p64 + 4096))
    #expect(result.quality == .good)
  }

  @Test func anOddometersModulusWrapsToo() {
    let (totals, reasons) = Self.run([99_990, 20, 30], modulus: 100_000, rate: 100)
    #expect(totals == [99_990, 100_020, 100_030])
    #expect(reasons == [.none, .none, .none])
  }

  @Test func aMeterThatWentBackWasResetAndCountsFromNought() {
    for (modulus, rate) in [(nil, nil), (65_536, 100), (65_536, nil), (nil, 100)] as [(Double?, Double?)] {
      let (totals, reasons) = Self.run([5000, 5010, 7, 8], modulus: modulus, rate: rate)
      #expect(totals == [5000, 5010, 5017, 5018], "\(modulus ?? 0) \(rate ?? 0)")
      #expect(reasons == [.none, .none, .counterReset, .none])
    }
    // No reset explains a little less than before: nothing is added.
    let (totals, reasons) = Self.run([5000, 4990, 4995])
    #expect(totals == [5000, 5000, 5005])
    #expect(reasons == [.none, .counterReset, .none])
  }

  @Test func aJumpThatTheMeterCannotMakeIsAnotherMeter() {
    for before in [100, 90_000] as [UInt64] {
      let (totals, reasons) = Self.run([before, before + 10, 40_000, 40_010], rate: 100)
      #expect(totals == [before, before + 10, before + 10, before + 20])
      #expect(reasons == [.none, .none, .meterReplaced, .none])
    }
  }

  @Test func longerThanATurnIsAGapAndTheLeastIsCounted() {
    // A turn takes 655.36 s at least.
    let (totals, reasons) = Self.run([100, 200, 150, 160], modulus: 65_536, rate: 100, every: 700)
    #expect(totals == [100, 200, 200 + 65_486, 210 + 65_486])
    #expect(reasons == [.none, .counterGap, .counterGap, .counterGap])
  }

  @Test func aRegisterThatIsRenewedInStepsIsNoOtherMeter() {
    var counts: [UInt64] = []
    for step in 0..<30 { counts += Array(repeating: UInt64(step) * 1000, count: 10) }
    let (totals, reasons) = Self.run(counts, rate: 100)
    #expect(totals == counts)
    #expect(reasons.allSatisfy { $0 == .none })
    // A single pulse is less than a second's worth.
    #expect(Self.run([0, 0, 1, 1, 2], rate: 0.2).reasons.allSatisfy { $0 == .none })
  }

  @Test(arguments: [UInt64.random(in: 0...UInt64.max), 3])
  func decimalTotalsAreExactOverWrapsAndResets(seed: UInt64) {
    print("counter seed \(seed)")
    var random = SplitMix(seed: seed)
    for scale in ["0.01", "0.2", "0.001", "10", "0.25"] {
      let linear = LinearScale(scale: scale, offset: "0")!
      let modulus = 1 << 32 as UInt64
      let config = CounterConfig(modulus: Double(modulus) * linear.scale)
      var (state, raw, step) = (CounterState(), random.next() % modulus, 0 as UInt64)
      var read: UInt64 = 0
      var total = raw
      for second in 0..<5000 {
        // From more than half a turn would be likelier.
        let isReset = read > 0 && read < modulus / 2 && random.next() % 100 == 0
        if isReset { (raw, total) = (0, total - step) }
        let result = state.take(
          Self.reading(.double(linear.apply(raw)), Double(second)), by: config, quantum: linear.scale)
        #expect(result.value == .double(linear.apply(total)), "seed \(seed), \(scale), \(second)")
        #expect(result.reason == (isReset ? .counterReset : .none))
        read = raw
        step = random.next() % 10_000_000
        (raw, total) = ((raw + step) % modulus, total + step)
      }
    }
  }

  @Test func aRestartGoesOnWhereItStood() {
    let config = CounterConfig(modulus: 65_536, maximumRate: 10)
    func stored(_ state: CounterState) -> CounterState {
      CounterState(
        count: state.count, base: state.base, quantum: state.quantum,
        moment: Moment(time: state.time, boot: state.boot), isSynced: state.isSynced, idle: state.idle)
    }
    func after(
      _ count: UInt64, at seconds: Double, boot: Double, inSameBoot: Bool, isSynced: Bool = true,
      last: UInt64? = nil
    ) -> Reading {
      var state = CounterState()
      let usual: [(Double, UInt64)] = [(1000, 65_500), (1010, 65_520), (1020, 10)]
      for (second, count) in last.map({ [(1020, $0)] }) ?? usual {
        _ = state.take(Self.reading(.unsigned(count), second, boot: second), by: config)
      }
      state = stored(state)
      state.resume(inSameBoot: inSameBoot)
      var reading = Self.reading(.unsigned(count), seconds, boot: boot)
      reading.timeQuality = isSynced ? .synced : .unsynced
      return state.take(reading, by: config)
    }
    let total: UInt64 = 65_536 + 10
    let same = after(30, at: 0, boot: 1030, inSameBoot: true, isSynced: false)
    #expect(same.value == .unsigned(total + 20) && same.reason == .none)
    let later = after(500, at: 1100, boot: 5, inSameBoot: false)
    #expect(later.value == .unsigned(total + 490) && later.reason == .none)
    let replaced = after(5000, at: 1100, boot: 5, inSameBoot: false)
    #expect(replaced.value == .unsigned(total) && replaced.reason == .meterReplaced)
    let long = after(500, at: 9000, boot: 5, inSameBoot: false)
    #expect(long.value == .unsigned(total + 490) && long.reason == .counterGap)
    // Of a pause of unknown length only going back is doubtful.
    let unknown = after(500, at: 3, boot: 5, inSameBoot: false, isSynced: false)
    #expect(unknown.value == .unsigned(total + 490) && unknown.reason == .none)
    let back = after(5, at: 3, boot: 5, inSameBoot: false, isSynced: false)
    #expect(back.value == .unsigned(total + 5) && back.reason == .counterReset)
    let around = after(0, at: 3, boot: 5, inSameBoot: false, isSynced: false, last: 65_500)
    #expect(around.value == .unsigned(65_536) && around.reason == .counterGap)
  }

  @Test func anotherScaleGoesOnFromTheTotalAndSaysThatTheIntervalIsNotKnown() {
    var state = CounterState()
    let config = CounterConfig()
    _ = state.take(Self.reading(.double(123.4), 0), by: config, quantum: 0.1)
    let result = state.take(Self.reading(.double(12.34), 1), by: config, quantum: 0.01)
    #expect(result.value == .double(123.4))
    #expect(result.reason == .counterGap)
    #expect(state.take(Self.reading(.double(12.5), 2), by: config, quantum: 0.01).value == .double(123.56))
  }

  @Test func floatingCountsAddUpWithoutDrift() {
    var (state, config) = (CounterState(), CounterConfig())
    config.maximumRate = nil
    _ = state.take(Self.reading(.double(1000.5), 0), by: config)
    _ = state.take(Self.reading(.double(0), 1), by: config)
    var last = Value.double(0)
    for second in 2..<100_000 {
      let count = Double(Float(second) * 0.1)
      last = state.take(Self.reading(.double(count), Double(second)), by: config).value ?? last
    }
    #expect(abs(last.asDouble - 1000.5 - Double(Float(99_999) * 0.1)) < 1e-9)
  }
}
