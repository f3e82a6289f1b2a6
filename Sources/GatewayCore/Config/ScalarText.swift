/// The configuration's notations for durations, sizes and rates, each stated here and nowhere else.
extension Duration {
  /// `250ms 5s 10m 1h 30d`, also with a fraction (`1.5s`); nil for anything else, and for what is finer than
  /// a microsecond or longer than a thousand years.
  package init?(configText text: String) {
    let units: [(suffix: String, microseconds: Int64)] = [
      ("ms", 1000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000), ("d", 86_400_000_000),
    ]
    guard let (number, unit) = split(text, units.map { ($0.suffix, $0.microseconds) }) else { return nil }
    guard let whole = exactProduct(number, unit), whole < 365_000 * 86_400_000_000 else { return nil }
    self = .microseconds(whole)
  }
}

/// Bytes from `512KiB 1MiB 1GiB` or a plain whole number; nil for anything else.
package func byteSize(configText text: String) -> Int? {
  if let bytes = wholeNumber(text) { return bytes >= 0 ? bytes : nil }
  let units: [(String, Int64)] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)]
  guard let (number, unit) = split(text, units), let count = wholeNumber(String(number)) else { return nil }
  let (bytes, overflow) = count.multipliedReportingOverflow(by: Int(unit))
  return overflow || bytes < 0 ? nil : bytes
}

/// Bits a second from `9600bit/s 256kbit/s 1.5Mbit/s 1Gbit/s`, thousands each; nil for anything else.
package func bitRate(configText text: String) -> Int? {
  let units: [(String, Int64)] = [
    ("kbit/s", 1000), ("Mbit/s", 1_000_000), ("Gbit/s", 1_000_000_000), ("bit/s", 1),
  ]
  return split(text, units).flatMap { number, unit in exactProduct(number, unit) }.map { Int($0) }
}

/// Decimal digits with an optional minus. No leading zero: YAML 1.1 would take `010` for eight.
package func wholeNumber(_ text: String) -> Int? {
  let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
  guard digits.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
  guard digits.count == 1 || digits.first != "0" else { return nil }
  return Int(text)
}

/// Whether `text` has 1 … `limit` letters, digits and `others`, and begins with a letter or a digit.
package func isName(_ text: String, limit: Int = 63, allowsCapitals: Bool = true, others: String = "-_")
  -> Bool
{
  func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): allowsCapitals
    default: false
    }
  }
  let bytes = text.utf8
  guard let first = bytes.first, isAlphanumeric(first), bytes.count <= limit else { return false }
  return bytes.allSatisfy { isAlphanumeric($0) || others.utf8.contains($0) }
}

/// Bytes as `byteSize` has them, and `64MB 8GB 1TB` in thousands, as the makers of media count; those take no fraction.
package func mediumByteSize(configText text: String) -> Int? {
  let units: [(String, Int64)] = [("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)]
  guard let (number, unit) = split(text, units) else { return byteSize(configText: text) }
  guard let count = wholeNumber(String(number)) else { return nil }
  let (bytes, overflow) = count.multipliedReportingOverflow(by: Int(unit))
  return overflow || bytes < 0 ? nil : bytes
}

/// The number and the factor of the unit behind it; the number must begin and end with a digit.
private func split(_ text: String, _ units: [(String, Int64)]) -> (Substring, Int64)? {
  for (suffix, factor) in units where text.hasSuffix(suffix) {
    let number = text.dropLast(suffix.count)
    if let last = number.last, last.isASCII, last.isNumber, number.first?.isNumber == true {
      return (number, factor)
    }
  }
  return nil
}

private func exactProduct(_ number: Substring, _ factor: Int64) -> Int64? {
  let parts = number.split(separator: ".", omittingEmptySubsequences: false)
  guard parts.count <= 2, parts.allSatisfy({ isDigits($0) }) else { return nil }
  let places = parts.count == 2 ? parts[1].count : 0
  guard let significand = Int64(parts.joined()) else { return nil }
  let (product, overflow) = significand.multipliedReportingOverflow(by: factor)
  guard !overflow, places <= 12 else { return nil }
  let divisor = (0..<places).reduce(Int64(1)) { power, _ in power * 10 }
  return product % divisor == 0 ? product / divisor : nil
}

private func isDigits(_ text: Substring) -> Bool {
  !text.isEmpty && text.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
}
