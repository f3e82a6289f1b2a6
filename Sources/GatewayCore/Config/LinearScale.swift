/// Makes a `LinearScale` from the decimals of the configuration, and applies it. Relies on every power of ten
/// up to 10^18, and what is left of it after reducing, being exact as a double: the division is then the only
/// rounding.
extension LinearScale {
  /// nil where a text is not a decimal (`0.1`, `-40`, `1e-3`).
  package init?(scale: String, offset: String) {
    guard let scale = DecimalText(scale), let offset = DecimalText(offset) else { return nil }
    self.init(scale: scale, offset: offset)
  }

  package init(scale: DecimalText, offset: DecimalText) {
    self.init(scale: scale.value, offset: offset.value, denominator: 0, numerator: 0, addend: 0)
    // The fewest places that make both whole; trailing zeros (0.10) are cancelled below.
    let places = max(0, -scale.exponent, -offset.exponent)
    guard places <= 18, let numerator = scale.scaled(byTens: places),
      let addend = offset.scaled(byTens: places)
    else { return }
    let denominator = (0..<places).reduce(Int64(1)) { product, _ in product * 10 }
    let divisor = Self.commonDivisor(numerator.magnitude, addend.magnitude, denominator.magnitude)
    self.numerator = numerator / divisor
    self.addend = addend / divisor
    self.denominator = denominator / divisor
  }

  package func apply(_ raw: Int64) -> Double { exactly(Int128(raw)) ?? apply(Double(raw)) }

  package func apply(_ raw: UInt64) -> Double { exactly(Int128(raw)) ?? apply(Double(raw)) }

  package func apply(_ raw: Double) -> Double {
    if denominator != 0 {
      let value = (raw * Double(numerator) + Double(addend)) / Double(denominator)
      // Only the product may have overflowed.
      if value.isFinite { return value }
    }
    return raw * scale + offset
  }

  /// nil where the sum is beyond what a double holds exactly, or the decimals did not fit.
  private func exactly(_ raw: Int128) -> Double? {
    guard denominator != 0 else { return nil }
    // At most 2^64 · 2^63 + 2^63 in magnitude with opposite extremes excluded: fits 128 bits.
    let sum = raw * Int128(numerator) + Int128(addend)
    guard sum.magnitude <= 1 << 53 else { return nil }
    return Double(Int64(truncatingIfNeeded: sum)) / Double(denominator)
  }

  private static func commonDivisor(_ numbers: UInt64...) -> Int64 {
    var result: UInt64 = 0
    for number in numbers {
      var (one, other) = (result, number)
      while other != 0 { (one, other) = (other, one % other) }
      result = one
    }
    // The denominator is one of them, so that the divisor is neither 0 nor beyond Int64.
    return Int64(result)
  }
}
