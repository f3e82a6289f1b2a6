/// Modbus's four tables (Modbus Application Protocol 1.1b3, section 4.3) and the function that reads each.
package enum RegisterTable: UInt8, Hashable, BitwiseCopyable, Sendable, CaseIterable {
  case coil, discrete, input, holding

  package var word: StaticString {
    switch self {
    case .coil: "coil"
    case .discrete: "discrete"
    case .input: "input"
    case .holding: "holding"
    }
  }

  package var isBits: Bool { self == .coil || self == .discrete }

  /// What one request may read: 2000 bits or 125 registers (sections 6.1-6.4).
  package var requestLimit: Int { isBits ? 2000 : 125 }
}

package enum RegisterType: String, Hashable, BitwiseCopyable, Sendable, CaseIterable {
  case bool, int8, uint8, int16, uint16, int32, uint32, int64, uint64, float32, float64, bcd16, bcd32

  /// Registers of 16 bits that a value of this type takes.
  package var registers: Int {
    switch self {
    case .bool, .int8, .uint8, .int16, .uint16, .bcd16: 1
    case .int32, .uint32, .float32, .bcd32: 2
    case .int64, .uint64, .float64: 4
    }
  }
}

/// How a value of several bytes lies in its registers, named by the letters as they arrive on the wire:
/// ABCD is big-endian, as the specification has it for one register.
package struct ByteOrder: Hashable, BitwiseCopyable, Sendable {
  /// The last register comes first (CDAB, GHEFCDAB).
  package var wordsReversed: Bool
  /// The two bytes of each register are exchanged (BADC, BADCFEHG).
  package var bytesSwapped: Bool

  package init(wordsReversed: Bool, bytesSwapped: Bool) {
    self.wordsReversed = wordsReversed
    self.bytesSwapped = bytesSwapped
  }

  package static let bigEndian = ByteOrder(wordsReversed: false, bytesSwapped: false)
}

/// How a point's registers become a number.
package struct RegisterLayout: Hashable, BitwiseCopyable, Sendable {
  package var type: RegisterType
  package var order: ByteOrder
  /// Which byte of the register an int8 or uint8 is.
  package var usesHighByte: Bool
  /// The bits of a register that are meant, 0 the lowest: for `bool` exactly one (ignored in the bit tables),
  /// for uint16/uint32/uint64 a field, else nil.
  package var firstBit: UInt8
  package var bitCount: UInt8
  package var scale: LinearScale
  /// The raw pattern by which the device says that it has no value, in the low bits; for whole numbers only.
  package var invalid: UInt64?

  package init(
    type: RegisterType, order: ByteOrder = .bigEndian, usesHighByte: Bool = false, firstBit: UInt8 = 0,
    bitCount: UInt8 = 0, scale: LinearScale = .identity, invalid: UInt64? = nil
  ) {
    self.type = type
    self.order = order
    self.usesHighByte = usesHighByte
    self.firstBit = firstBit
    self.bitCount = bitCount
    self.scale = scale
    self.invalid = invalid
  }
}

/// value = raw · scale + offset, with scale and offset taken as the decimals that the operator wrote: where
/// both fit, it is computed as (raw · numerator + addend) / denominator in whole numbers with one rounding, so
/// that 3 at scale 0.1 is 0.3 and not 0.30000000000000004.
package struct LinearScale: Hashable, BitwiseCopyable, Sendable {
  package var scale: Double
  package var offset: Double
  /// 0 where the decimals do not fit; then the doubles are used.
  package var denominator: Int64
  package var numerator: Int64
  package var addend: Int64

  package static let identity = LinearScale(scale: 1, offset: 0, denominator: 1, numerator: 1, addend: 0)

  package init(scale: Double, offset: Double, denominator: Int64, numerator: Int64, addend: Int64) {
    self.scale = scale
    self.offset = offset
    self.denominator = denominator
    self.numerator = numerator
    self.addend = addend
  }

  package var isIdentity: Bool { scale == 1 && offset == 0 }
}

extension LinearScale {
  package func apply(_ raw: Int64) -> Double {
    if denominator > 0 {
      let (product, productOverflows) = raw.multipliedReportingOverflow(by: numerator)
      let (sum, sumOverflows) = product.addingReportingOverflow(addend)
      // Up to 2^53 the whole number is exact as a Double, and the division is the one rounding.
      if !productOverflows, !sumOverflows, sum.magnitude <= 1 << 53 {
        return Double(sum) / Double(denominator)
      }
    }
    return Double(raw) * scale + offset
  }

  package func apply(_ raw: UInt64) -> Double {
    Int64(exactly: raw).map { apply($0) } ?? Double(raw) * scale + offset
  }

  package func apply(_ raw: Double) -> Double {
    if denominator > 0 {
      let value = (raw * Double(numerator) + Double(addend)) / Double(denominator)
      // Beyond the range only the product with the numerator may be.
      if value.isFinite { return value }
    }
    return raw * scale + offset
  }
}
