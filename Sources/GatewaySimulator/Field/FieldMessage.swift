internal import GatewayCore

/// What a plain serial device says: bytes, and numbers that move. `{sine 214.8 30 60s}` in its text is a number; a last
/// word `.2` gives its decimals (1 where there is none).
package struct FieldMessage: Equatable, Sendable {
  private enum Part: Equatable, Sendable {
    case bytes([UInt8])
    case number(Waveform, decimals: Int)
  }

  private var parts: [Part] = []
  /// Between `$` and a checksum (NMEA 0183, section 5.3).
  private var isSentence = false

  package init(bytes: [UInt8]) { parts = [.bytes(bytes)] }

  /// nil when braces hold no number.
  package init?(text: String) {
    var rest = text[...]
    while let open = rest.firstIndex(of: "{") {
      guard let close = rest[open...].firstIndex(of: "}"),
        let number = Self.number(rest[rest.index(after: open)..<close])
      else { return nil }
      parts += [.bytes(Array(rest[..<open].utf8)), number]
      rest = rest[rest.index(after: close)...]
    }
    parts.append(.bytes(Array(rest.utf8)))
  }

  /// What stands between `$` and `*`.
  package init?(nmea text: String) {
    self.init(text: text)
    isSentence = true
  }

  func bytes(at seconds: Double, seed: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    for (place, part) in parts.enumerated() {
      switch part {
      case .bytes(let some): bytes += some
      case .number(let wave, let decimals):
        let value = wave.value(at: seconds, seed: SplitMix.mix(seed &+ UInt64(place)))
        bytes += Self.text(value, decimals: decimals).utf8
      }
    }
    guard isSentence else { return bytes }
    let sum = String(bytes.reduce(0, ^), radix: 16, uppercase: true)
    return Array("$".utf8) + bytes + Array("*\(sum.utf8.count < 2 ? "0" : "")\(sum)\r\n".utf8)
  }

  private static func text(_ value: Double, decimals: Int) -> String {
    let unit = (0..<decimals).reduce(1) { power, _ in power * 10 }
    let scaled = Int((value * Double(unit)).rounded())
    let (whole, part) = (scaled.magnitude / UInt(unit), scaled.magnitude % UInt(unit))
    let digits = String(part)
    let fraction = decimals == 0 ? "" : "." + String(repeating: "0", count: decimals - digits.count) + digits
    return "\(scaled < 0 ? "-" : "")\(whole)\(fraction)"
  }

  private static func number(_ text: Substring) -> Part? {
    var words = text.split(separator: " ")
    var decimals = 1
    if let last = words.last, last.hasPrefix("."), let given = Int(last.dropFirst()), (0...9).contains(given)
    {
      decimals = given
      words.removeLast()
    }
    guard let word = words.first else { return nil }
    let numbers = words.dropFirst().map { Double($0) ?? .nan }
    // The numbers are printed as whole multiples of a decimal; what is beyond has no place on a display.
    func isSmall(_ some: ArraySlice<Double>) -> Bool { some.allSatisfy { abs($0) < 1e8 } }
    switch (word, numbers.count) {
    case ("constant", 1) where isSmall(numbers[...]):
      return .number(.constant(numbers[0]), decimals: decimals)
    case ("counter", 1) where isSmall(numbers[...]):
      return .number(.counter(perSecond: numbers[0]), decimals: decimals)
    case ("ramp", 2) where isSmall(numbers[...]):
      return .number(.ramp(from: numbers[0], step: numbers[1]), decimals: decimals)
    case ("random", 2) where isSmall(numbers[...]) && numbers[0] <= numbers[1]:
      return .number(.random(numbers[0]...numbers[1]), decimals: decimals)
    case ("sine", 3), ("square", 3):
      guard isSmall(numbers[..<2]), let period = Duration(configText: String(words[3])) else { return nil }
      return .number(
        word == "sine"
          ? .sine(mean: numbers[0], swing: numbers[1], period: period)
          : .square(mean: numbers[0], swing: numbers[1], period: period), decimals: decimals)
    default: return nil
    }
  }
}
