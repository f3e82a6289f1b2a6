import Testing

@testable import GatewayCore

/// What no meter says, and what a text says in two forms.
@Suite struct CounterBoundsTests {
  private static func reading(_ value: Value, _ second: Int) -> Reading {
    let moment = Moment(
      time: Timestamp(microseconds: Int64(second) * 1_000_000),
      boot: BootTime(microseconds: Int64(second) * 1_000_000))
    return Reading(point: 0, at: moment, value: value)
  }

  private static func stored(_ state: CounterState) -> CounterState? {
    var buffer = ByteBuffer()
    state.append(to: &buffer)
    return buffer.withBytes { bytes in
      var reader = ByteReader(bytes)
      return CounterState(&reader)
    }
  }

  private static func extreme(_ random: inout SplitMix) -> Value {
    switch random.next() % 8 {
    case 0: .signed([.min, .max, -1, 0].randomElement(using: &random)!)
    case 1: .unsigned([.max, .max - 1, 0, 1 << 63].randomElement(using: &random)!)
    case 2: .signed(Int64(truncatingIfNeeded: random.next()))
    case 3: .unsigned(random.next())
    case 4: .double(Double(random.next() % 1_000_000) / 100)
    case 5:
      .double(
        [
          0x1p120, -0x1p120, 0x1p80, 0x1p68, -0x1p68, .greatestFiniteMagnitude, .infinity, -.infinity, .nan,
          .leastNonzeroMagnitude, 1e300,
        ].randomElement(using: &random)!)
    case 6: .double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))))
    default: .double(Double(bitPattern: random.next()))
    }
  }

  @Test(arguments: [UInt64.random(in: 0...UInt64.max), 11])
  func nothingThatARegisterSaysEndsTheGateway(seed: UInt64) {
    print("counter bounds seed \(seed)")
    var random = SplitMix(seed: seed)
    let scales: [Double?] = [nil, nil, 1, 0.01, 1e-18, 1e20, .leastNonzeroMagnitude]
    let moduli: [Double?] = [nil, 65_536, 0x1p64, 1e30, 1e308]
    for trial in 0..<300 {
      var state = CounterState()
      let config = CounterConfig(
        modulus: moduli.randomElement(using: &random)!,
        maximumRate: [nil, 1, 1e300].randomElement(using: &random)!)
      var scale = scales.randomElement(using: &random)!
      for second in 0..<200 {
        if random.next() % 50 == 0 { scale = scales.randomElement(using: &random)! }
        let before = state
        let result = state.take(Self.reading(Self.extreme(&random), second), by: config, quantum: scale)
        let place = "seed \(seed), trial \(trial), second \(second)"
        if result.quality == .bad {
          #expect(result.value == nil && result.reason == .notANumber, "\(place)")
          #expect(state.base == before.base && state.count == before.count, "\(place)")
        }
        guard state.quantum != 0 else { continue }
        guard let read = Self.stored(state) else {
          Issue.record("\(place) is not read back: \(state)")
          return
        }
        #expect(
          read.count == state.count && read.base == state.base && read.quantum == state.quantum, "\(place)")
        state = read
      }
    }
  }

  @Test func aRegisterInTheWrongOrderIsBadAndTheTotalGoesOnBehindIt() {
    var state = CounterState()
    let counts: [Double] = [1000.5, 1001.5, 3.2e37, -3.2e37, 1002.5]
    let results = counts.enumerated().map { second, count in
      state.take(Self.reading(.double(count), second), by: CounterConfig())
    }
    #expect(results.map(\.value) == [.double(1000.5), .double(1001.5), nil, nil, .double(1002.5)])
    #expect(results.map(\.quality) == [.good, .good, .bad, .bad, .good])
    #expect(results[2].reason == .notANumber)
  }

  @Test func floatsOfLargeMetersStillCount() {
    var state = CounterState()
    for (second, count) in [4e9, 4.5e9, 1e15, 1e15 + 1].enumerated() {
      let result = state.take(Self.reading(.double(count), second), by: CounterConfig())
      #expect(result.value == .double(count) && result.reason == .none)
    }
  }

  @Test func aTextWithAndWithoutAFractionIsOneMeter() {
    var state = CounterState()
    let counts: [Value] = [
      .signed(98), .double(98.9), .double(99.9), .signed(100), .double(100.25), .signed(101), .signed(3),
      .double(3.5), .signed(4),
    ]
    let results = counts.enumerated().map { second, count in
      state.take(Self.reading(count, second), by: CounterConfig())
    }
    let totals = [98, 98.9, 99.9, 100, 100.25, 101, 104, 104.5, 105]
    #expect(results.map { $0.value?.asDouble } == totals)
    #expect(results.map(\.reason) == [.none, .none, .none, .none, .none, .none, .counterReset, .none, .none])
  }

  @Test func aFractionBehindTheLargestWholeNumbersLosesNothing() {
    var state = CounterState()
    let config = CounterConfig(modulus: 0x1p64)
    for (second, count) in [Value.unsigned(.max - 1023), .double(1024), .unsigned(1025)].enumerated() {
      let result = state.take(Self.reading(count, second), by: config)
      #expect(result.reason == .none, "\(second)")
    }
    #expect(state.count + state.base == (Int128(1) << 64 + 1025) << 40)
  }
}
