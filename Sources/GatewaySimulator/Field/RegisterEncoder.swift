internal import GatewayCore

/// Numbers into registers: the far side of the gateway's decoder, written on its own so that the two check each
/// other. Numbers that a type cannot hold become its nearest.
enum RegisterEncoder {
  /// Puts the registers of `value` at the start of `words`, each as a number (not as wire bytes).
  static func encode(_ value: Double, _ layout: RegisterLayout, into words: inout ArraySlice<UInt16>) {
    let raw = layout.scale.isIdentity ? value : (value - layout.scale.offset) / layout.scale.scale
    let bits = bits(of: raw, as: layout)
    let count = layout.type.registers
    for place in 0..<count {
      let significance = layout.order.wordsReversed ? place : count - 1 - place
      let word = UInt16(truncatingIfNeeded: bits >> UInt64(16 * significance))
      words[words.startIndex + place] = layout.order.bytesSwapped ? word.byteSwapped : word
    }
  }

  private static func bits(of value: Double, as layout: RegisterLayout) -> UInt64 {
    switch layout.type {
    case .bool: UInt64(value >= 0.5 ? 1 : 0) << UInt64(layout.firstBit)
    case .int8: integer(value, Int8.self, high: layout.usesHighByte)
    case .uint8: integer(value, UInt8.self, high: layout.usesHighByte)
    case .int16: integer(value, Int16.self)
    case .uint16: integer(value, UInt16.self)
    case .int32: integer(value, Int32.self)
    case .uint32: integer(value, UInt32.self)
    case .int64: integer(value, Int64.self)
    case .uint64: integer(value, UInt64.self)
    case .float32: UInt64(Float(value).bitPattern)
    case .float64: value.bitPattern
    case .bcd16: decimal(value, digits: 4)
    case .bcd32: decimal(value, digits: 8)
    }
  }

  private static func integer<Number: FixedWidthInteger>(
    _ value: Double, _ type: Number.Type, high: Bool = false
  ) -> UInt64 {
    let number = nearest(value, type)
    let bits = UInt64(truncatingIfNeeded: number) & (UInt64.max >> UInt64(64 - Number.bitWidth))
    return high ? bits << 8 : bits
  }

  private static func nearest<Number: FixedWidthInteger>(_ value: Double, _ type: Number.Type) -> Number {
    let rounded = value.rounded()
    if let number = Number(exactly: rounded) { return number }
    return rounded.isNaN ? 0 : rounded < 0 ? .min : .max
  }

  private static func decimal(_ value: Double, digits: Int) -> UInt64 {
    var rest = nearest(value, UInt32.self)
    var bits: UInt64 = 0
    for digit in 0..<digits {
      bits |= UInt64(rest % 10) << UInt64(4 * digit)
      rest /= 10
    }
    return bits
  }
}
