/// Registers into a value. Pure; allocates nothing. Promises: integers stay exact in 64 bits, floats are
/// widened exactly, and what is not a number says so instead of becoming one. Relies on the caller for
/// `layout.type.registers` readable words (the plan guarantees it).

/// What a point's registers said.
package enum Decoded: Hashable, BitwiseCopyable, Sendable {
  /// Finite.
  case value(Value)
  /// NaN, infinite, beyond a Double after scaling, digits that are not BCD, or the device's word for no value.
  case notANumber
}

package enum RegisterDecoder {
  /// Reads `layout.type.registers` words, in host byte order as libmodbus hands them over.
  package static func decode(_ layout: RegisterLayout, _ words: UnsafePointer<UInt16>) -> Decoded {
    let raw = assemble(words, count: layout.type.registers, order: layout.order)
    if let invalid = layout.invalid, pattern(raw, layout) == invalid { return .notANumber }
    switch layout.type {
    case .bool: return unsigned(raw >> UInt64(layout.firstBit) & 1, layout.scale)
    case .int8: return signed(Int64(Int8(truncatingIfNeeded: byte(raw, layout))), layout.scale)
    case .uint8: return unsigned(byte(raw, layout), layout.scale)
    case .int16: return signed(Int64(Int16(truncatingIfNeeded: raw)), layout.scale)
    case .int32: return signed(Int64(Int32(truncatingIfNeeded: raw)), layout.scale)
    case .int64: return signed(Int64(bitPattern: raw), layout.scale)
    case .uint16, .uint32, .uint64: return unsigned(field(raw, layout), layout.scale)
    case .float32: return double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: raw))), layout.scale)
    case .float64: return double(Double(bitPattern: raw), layout.scale)
    case .bcd16: return decimal(raw, digits: 4, layout.scale)
    case .bcd32: return decimal(raw, digits: 8, layout.scale)
    }
  }

  /// Takes one bit of the coil or discrete table; anything but 0 is 1.
  package static func decode(_ layout: RegisterLayout, bit: UInt8) -> Decoded {
    unsigned(bit == 0 ? 0 : 1, layout.scale)
  }

  private static func assemble(_ words: UnsafePointer<UInt16>, count: Int, order: ByteOrder) -> UInt64 {
    var raw: UInt64 = 0
    for place in 0..<count {
      let word = words[order.wordsReversed ? count - 1 - place : place]
      raw = raw << 16 | UInt64(order.bytesSwapped ? word.byteSwapped : word)
    }
    return raw
  }

  /// The bits that the point is made of.
  private static func pattern(_ raw: UInt64, _ layout: RegisterLayout) -> UInt64 {
    layout.type == .int8 || layout.type == .uint8 ? byte(raw, layout) : field(raw, layout)
  }

  private static func byte(_ raw: UInt64, _ layout: RegisterLayout) -> UInt64 {
    (layout.usesHighByte ? raw >> 8 : raw) & 0xFF
  }

  private static func field(_ raw: UInt64, _ layout: RegisterLayout) -> UInt64 {
    guard layout.bitCount > 0 else { return raw }
    let mask: UInt64 = layout.bitCount >= 64 ? .max : (1 << UInt64(layout.bitCount)) - 1
    return raw >> UInt64(layout.firstBit) & mask
  }

  private static func decimal(_ raw: UInt64, digits: Int, _ scale: LinearScale) -> Decoded {
    var number: UInt64 = 0
    for place in (0..<digits).reversed() {
      let digit = raw >> UInt64(place * 4) & 0xF
      guard digit <= 9 else { return .notANumber }
      number = number * 10 + digit
    }
    return unsigned(number, scale)
  }

  private static func signed(_ raw: Int64, _ scale: LinearScale) -> Decoded {
    scale.isIdentity ? .value(.signed(raw)) : finite(scale.apply(raw))
  }

  private static func unsigned(_ raw: UInt64, _ scale: LinearScale) -> Decoded {
    scale.isIdentity ? .value(.unsigned(raw)) : finite(scale.apply(raw))
  }

  // Without a scale nothing is computed, so that -0.0 and denormals pass untouched.
  private static func double(_ raw: Double, _ scale: LinearScale) -> Decoded {
    finite(scale.isIdentity ? raw : scale.apply(raw))
  }

  private static func finite(_ number: Double) -> Decoded {
    number.isFinite ? .value(.double(number)) : .notANumber
  }
}
