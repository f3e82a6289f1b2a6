/// A decimal as a person wrote it (`0.1`, `-40`, `1e-3`), exact: significand · 10^exponent.
package struct DecimalText: Equatable, Sendable {
  /// nil where the digits do not fit 64 bits.
  package let significand: Int64?
  package let exponent: Int
  /// The nearest double; always finite.
  package let value: Double

  /// nil for what is not a decimal: hexadecimal, `inf`, a unit behind the number.
  package init?(_ text: String) {
    var rest = Substring(text).utf8
    var significand: Int64? = 0
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
    let whole = Self.takeDigits(from: &rest, into: &significand)
    var fraction = 0
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      fraction = Self.takeDigits(from: &rest, into: &significand)
    }
    guard whole + fraction > 0, let power = Self.power(rest) else { return nil }
    guard let value = Double(text), value.isFinite else { return nil }
    self.significand = significand.map { isNegative ? -$0 : $0 }
    self.exponent = power - fraction
    self.value = value
  }

  private static func takeDigits(from rest: inout Substring.UTF8View, into total: inout Int64?) -> Int {
    var count = 0
    while let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      rest.removeFirst()
      count += 1
      let (tens, overflow) = (total ?? .max).multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
      total = overflow || carry || total == nil ? nil : sum
    }
    return count
  }

  /// The exponent behind the digits: 0 for nothing, nil for anything but `e` and a small number.
  private static func power(_ rest: Substring.UTF8View) -> Int? {
    guard let letter = rest.first else { return 0 }
    guard letter == UInt8(ascii: "e") || letter == UInt8(ascii: "E") else { return nil }
    guard let power = Int(Substring(rest.dropFirst())), (-400...400).contains(power) else { return nil }
    return power
  }

  /// The decimal times 10^places as a whole number; nil where it is not one, or does not fit.
  package func scaled(byTens places: Int) -> Int64? {
    guard var number = significand else { return nil }
    if number == 0 { return 0 }
    var power = exponent + places
    while power > 0 {
      let (product, overflow) = number.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      (number, power) = (product, power - 1)
    }
    while power < 0 {
      guard number % 10 == 0 else { return nil }
      (number, power) = (number / 10, power + 1)
    }
    return number
  }
}
