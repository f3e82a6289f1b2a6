// In which byte order a device means its registers, guessed from what they would say. Pure.
//
// What is measured in a cabinet has an ordinary size and mostly few digits (230.1 V, 17.3 °C, 42 starts); read in
// a wrong order, the exponent of a float is made of digits and lies anywhere, and the small integers become
// large. So the reading that is least strange is likeliest, and among equally strange ones the order that more
// devices have.

package struct OrderGuess: Equatable, Sendable {
  /// ABCD and its kin; `low byte` and `high byte` for the types of eight bits.
  package var word: String
  package var layout: RegisterLayout
  /// One for each value that was read.
  package var readings: [Decoded]
  /// How unlikely the order is, from 0; only good for comparing.
  package var strangeness: Double

  /// Every order of `type` with what `words` say in it, the likeliest first; `words` hold one or more whole
  /// values. All are judged together: a device has one order.
  package static func ranked(_ type: RegisterType, _ words: [UInt16]) -> [OrderGuess] {
    layouts(of: type).map { word, layout, rarity in
      let readings = readings(layout, words)
      // The mean: registers side by side say much the same, and are no independent witnesses.
      let strangeness =
        rarity + readings.map { Self.strangeness(of: $0, type) }.reduce(0, +) / Double(max(readings.count, 1))
      return OrderGuess(word: word, layout: layout, readings: readings, strangeness: strangeness)
    }.enumerated()
      // The sort is not stable by promise; the table's order decides among equals.
      .sorted { ($0.element.strangeness, $0.offset) < ($1.element.strangeness, $1.offset) }.map(\.element)
  }

  /// What `words` say in one layout.
  package static func readings(_ layout: RegisterLayout, _ words: [UInt16]) -> [Decoded] {
    let width = layout.type.registers
    precondition(words.count % width == 0, "BUG: \(words.count) registers for values of \(width)")
    return words.withUnsafeBufferPointer { words in
      guard let base = words.baseAddress else { return [] }
      return stride(from: 0, to: words.count, by: width).map { RegisterDecoder.decode(layout, base + $0) }
    }
  }

  /// The more usual order first. The rarities are for whole devices, so they count once however much was read:
  /// the specification says ABCD, much of the industry CDAB, and bytes that are swapped within a register are rare.
  private static func layouts(of type: RegisterType) -> [(String, RegisterLayout, Double)] {
    if type == .int8 || type == .uint8 {
      return [
        ("low byte", RegisterLayout(type: type), 0),
        ("high byte", RegisterLayout(type: type, usesHighByte: true), 0.3),
      ]
    }
    let rarities = type.registers == 1 ? [0, 2] : [0, 0.8, 0.2, 1]
    return zip(ByteOrder.words(registers: type.registers), rarities)
      .map { ($0.word, RegisterLayout(type: type, order: $0.value), $1) }.sorted { $0.2 < $1.2 }
  }

  private static func strangeness(of reading: Decoded, _ type: RegisterType) -> Double {
    guard case .value(let value) = reading else { return 1000 }
    switch value {
    // The decades alone: integers are counts and tenths, mostly small.
    case .unsigned(let number): return log10(of: number)
    case .signed(let number): return log10(of: number.magnitude) + (number < 0 ? 0.5 : 0)
    case .double(let number): return strangeness(of: number, isSingle: type == .float32)
    }
  }

  private static func strangeness(of number: Double, isSingle: Bool) -> Double {
    guard number != 0 else { return number.sign == .minus ? 8 : 0 }
    let magnitude = number.magnitude
    if isSingle ? Float(number).isSubnormal : number.isSubnormal { return 500 }
    let text = isSingle ? Float(number).description : number.description
    // Outside 1e-3 … 1e7 hardly anything is measured; inside, most of it lies within 0.3 … 1e4. The weights were
    // tried out on random meter values: at least 95 % are guessed right in each order, from one value alone.
    let decades = log10(magnitude)
    var strangeness = max(0, decades - 4, -0.5 - decades) * 1.5
    if decades < -3 || decades > 7 { strangeness += 20 }
    return strangeness + 0.6 * Double(significantDigits(text)) + (number < 0 ? 1.5 : 0)
  }

  /// The digits of a decimal without the zeros at either end; one for 100 and for 0.1.
  private static func significantDigits(_ text: String) -> Int {
    let digits = text.utf8.prefix { $0 != UInt8(ascii: "e") }.filter { (0x30...0x39).contains($0) }
    let behind = digits.drop { $0 == UInt8(ascii: "0") }
    return behind.count - behind.reversed().prefix { $0 == UInt8(ascii: "0") }.count
  }

  private static func log10(of number: UInt64) -> Double {
    number == 0 ? 0 : log10(Double(number))
  }

  /// Good to a few thousandths, which is more than a guess needs: GatewayCore has no C library.
  private static func log10(_ magnitude: Double) -> Double {
    let fraction = magnitude.significand - 1
    // log2(1 + f) by its endpoints and the bulge between them.
    let log2 = Double(magnitude.exponent) + fraction + 0.344 * fraction * (1 - fraction)
    return log2 * 0.30103
  }
}
