/// A `LinearScale` from the decimals of the configuration. Relies on every power of ten up to 10^18, and what is
/// left of it after reducing, being exact as a double: the division of `apply` is then the only rounding.
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
