import GatewayCore
import Testing

/// Which byte order is guessed for what devices really say.
@Suite struct OrderGuessTests {
  private func words(_ bytes: [UInt8], _ order: ByteOrder) -> [UInt16] {
    var words = stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    if order.wordsReversed { words.reverse() }
    if order.bytesSwapped { words = words.map(\.byteSwapped) }
    return words
  }

  private func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
  }

  @Test(
    arguments: [
      // Worked out by hand: 230.1, 49.98, -12.5, 0.97 as IEEE 754 singles.
      (.float32, [0x4366, 0x199A], "ABCD", 230.1), (.float32, [0x199A, 0x4366], "CDAB", 230.1),
      (.float32, [0x6643, 0x9A19], "BADC", 230.1), (.float32, [0x9A19, 0x6643], "DCBA", 230.1),
      (.float32, [0x4247, 0xEB85], "ABCD", 49.98), (.float32, [0xEB85, 0x4247], "CDAB", 49.98),
      (.float32, [0xC148, 0], "ABCD", -12.5), (.float32, [0, 0xC148], "CDAB", -12.5),
      (.float32, [0x3F78, 0x51EC], "ABCD", 0.97), (.uint32, [0x0001, 0x86A0], "ABCD", 100_000),
      (.uint32, [0x86A0, 0x0001], "CDAB", 100_000), (.int32, [0xFFFF, 0xFF85], "ABCD", -123),
      (.int32, [0xFF85, 0xFFFF], "CDAB", -123), (.uint16, [0x00AD], "AB", 173),
      (.uint16, [0xAD00], "BA", 173),
      (.int16, [0xFF85], "AB", -123), (.bcd16, [0x1234], "AB", 1234),
      (.float64, [0x4069, 0x1999, 0x9999, 0x999A], "ABCDEFGH", 200.8),
      (.float64, [0x999A, 0x9999, 0x1999, 0x4069], "GHEFCDAB", 200.8),
      (.uint64, [0, 0, 0x0012, 0xD687], "ABCDEFGH", 1_234_567),
      (.uint64, [0xD687, 0x0012, 0, 0], "GHEFCDAB", 1_234_567),
    ] as [(RegisterType, [UInt16], String, Double)])
  func whatADeviceSaysIsLikeliestInItsOrder(
    _ type: RegisterType, _ words: [UInt16], _ order: String, _ value: Double
  ) throws {
    let best = try #require(OrderGuess.ranked(type, words).first)
    #expect(best.word == order)
    guard case .value(let found) = best.readings[0] else {
      Issue.record("not a number")
      return
    }
    #expect((found.asDouble - value).magnitude < 1e-5 * value.magnitude)
  }

  @Test func everyOrderIsThereOnce() {
    for type in RegisterType.allCases where type != .bool {
      let words = [UInt16](repeating: 0x1234, count: type.registers)
      let guesses = OrderGuess.ranked(type, words)
      #expect(guesses.count == (type.registers == 1 ? 2 : 4))
      #expect(Set(guesses.map(\.word)).count == guesses.count)
      #expect(zip(guesses, guesses.dropFirst()).allSatisfy { $0.strangeness <= $1.strangeness })
    }
  }

  @Test func amongEqualsTheUsualOrderComesFirst() {
    #expect(OrderGuess.ranked(.float32, [0, 0]).map(\.word) == ["ABCD", "CDAB", "BADC", "DCBA"])
    #expect(OrderGuess.ranked(.uint16, [0xFFFF]).map(\.word) == ["AB", "BA"])
    #expect(OrderGuess.ranked(.uint8, [0x0101]).map(\.word) == ["low byte", "high byte"])
  }

  @Test func whatIsNotANumberComesLast() {
    // NaN in ABCD.
    #expect(OrderGuess.ranked(.float32, [0x7FC0, 0x0001]).last?.word == "ABCD")
    #expect(OrderGuess.ranked(.bcd16, [0x12AB]).allSatisfy { $0.readings == [.notANumber] })
  }

  @Test func moreValuesMakeTheGuessSurer() throws {
    var generator = SystemRandomNumberGenerator()
    let seed = generator.next()
    var random = SplitMix(seed: seed)
    let order = ByteOrder(wordsReversed: true, bytesSwapped: false)
    for _ in 0..<500 {
      let values = (0..<6).map { _ in Float.random(in: -20...500, using: &random) }
      let words = values.flatMap { self.words(bytes($0.bitPattern), order) }
      #expect(OrderGuess.ranked(.float32, words).first?.word == "CDAB", "seed \(seed): \(values)")
    }
  }

  /// A meter's values, random in size and in digits: nearly always the guess is right at once.
  @Test(arguments: ["ABCD", "CDAB", "BADC", "DCBA"])
  func nearlyEverySingleFloatIsGuessedRight(_ name: String) throws {
    var generator = SystemRandomNumberGenerator()
    let seed = generator.next()
    var random = SplitMix(seed: seed)
    let order = try #require(ByteOrder.words(registers: 2).first { $0.word == name }?.value)
    var right = 0
    for round in 0..<2000 {
      let decimals: [Float] = [1, 10, 100, 1000, 1_000_000]
      let digits = decimals[round % decimals.count]
      let value = (Float.random(in: 0...700, using: &random) * digits).rounded() / digits
      if OrderGuess.ranked(.float32, words(bytes(value.bitPattern), order)).first?.word == name { right += 1 }
    }
    #expect(right > 1800, "seed \(seed): \(right)")
  }
}
