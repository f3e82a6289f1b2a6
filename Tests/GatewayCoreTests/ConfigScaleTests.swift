internal import GatewayCore
internal import Testing

/// Scale and offset are decimals: what comes out is the double nearest to the decimal result.
@Suite struct ConfigScaleTests {
  /// The decimal `number / 10^places` as text, made without any arithmetic on doubles.
  private func decimal(_ number: Int64, places: Int) -> String {
    let digits = String(number.magnitude)
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    return (number < 0 ? "-" : "") + padded.dropLast(places) + "." + padded.suffix(places) + "0"
  }

  @Test func everyTenthOfARegisterIsItsOwnDecimal() throws {
    let scale = try #require(LinearScale(scale: "0.1", offset: "0"))
    for raw in Int64(-32_768)...32_767 {
      let expected = Double(decimal(raw, places: 1))
      #expect(scale.apply(raw) == expected)
      if scale.apply(Double(raw)) != expected { Issue.record("\(raw) as a double") }
    }
    #expect(scale.apply(3 as Int64) == 0.3)
  }

  @Test(arguments: [UInt64.random(in: 0...UInt64.max), 1])
  func upTo53BitsTheNearestDoubleComesOut(seed: UInt64) throws {
    print("scale seed \(seed)")
    var generator = Generator(state: seed)
    for places in 1...9 {
      let unit = String(decimal(1, places: places).dropLast())
      for _ in 0..<300 {
        let bits = Int64.random(in: 1...50, using: &generator)
        let raw = Int64.random(in: -(1 << bits)...(1 << bits), using: &generator)
        let offset = Int64.random(in: -1_000_000...1_000_000, using: &generator)
        let scale = try #require(LinearScale(scale: unit, offset: decimal(offset, places: places)))
        let expected = try #require(Double(decimal(raw + offset, places: places)))
        #expect(scale.apply(raw) == expected, "seed \(seed): \(raw) at \(unit) + \(offset)")
        if raw >= 0 { #expect(scale.apply(UInt64(raw)) == expected, "seed \(seed)") }
        #expect(scale.apply(Double(raw)) == expected, "seed \(seed)")
      }
    }
  }

  @Test func wholeNumbersAreReduced() throws {
    let half = try #require(LinearScale(scale: "0.50", offset: "-40"))
    #expect(half == LinearScale(scale: 0.5, offset: -40, denominator: 2, numerator: 1, addend: -80))
    let thousand = try #require(LinearScale(scale: "1e3", offset: "2.5"))
    #expect(thousand == LinearScale(scale: 1000, offset: 2.5, denominator: 2, numerator: 2000, addend: 5))
    #expect(try #require(LinearScale(scale: "1", offset: "0")).isIdentity)
    #expect(LinearScale(scale: "1.0", offset: "0.0") == .identity)
    #expect(try #require(LinearScale(scale: "-0.25", offset: "100")).apply(7 as UInt64) == 98.25)
  }

  @Test func fractionsOfDevicesAreScaledWithOneRounding() throws {
    #expect(try #require(LinearScale(scale: "0.1", offset: "0")).apply(21.5) == 2.15)
    #expect(try #require(LinearScale(scale: "1.5", offset: "0")).apply(1e308) == 1.5e308)
  }

  @Test func whatDoesNotFitFallsBackToDoubles() throws {
    let fine = try #require(LinearScale(scale: "0.12345678901234567890", offset: "0"))
    #expect(fine.denominator == 0)
    #expect(fine.apply(2 as Int64) == 2 * 0.12345678901234567890)
    let huge = try #require(LinearScale(scale: "1e300", offset: "1"))
    #expect(huge.denominator == 0)
    #expect(huge.apply(2 as UInt64) == 2e300)
    #expect(try #require(LinearScale(scale: "1e-30", offset: "0")).denominator == 0)
  }

  @Test func noRawValueTraps() throws {
    let texts = [
      "9223372036854775807", "-9223372036854775807", "0.000000000000000001", "9.223372036854775807", "1e18",
    ]
    for scale in texts {
      for offset in texts {
        let linear = try #require(LinearScale(scale: scale, offset: offset))
        for raw in [Int64.min, -1, 0, 1, .max] { #expect(linear.apply(raw).isFinite) }
        for raw in [UInt64.min, 1, .max] { #expect(linear.apply(raw).isFinite) }
        #expect(linear.apply(Double.nan).isNaN)
        #expect(linear.apply(Double.infinity).isInfinite)
      }
    }
  }

  @Test(arguments: [
    "", "-", ".", "abc", "1,5", "0x10", "inf", "nan", "1e", "1e999", "1e-9223372036854775808", "1 ", "1V",
  ])
  func otherTextsAreNoDecimals(text: String) { #expect(LinearScale(scale: text, offset: "0") == nil) }

  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      // SplitMix64 (Steele, Lea, Flood 2014).
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }
}
