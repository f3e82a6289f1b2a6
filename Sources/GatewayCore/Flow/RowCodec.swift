/// How rows and readings lie in a commit's payload. Stated here once and pinned by `RowCodecTests`.
///
/// Each row begins with a tag byte: bit 0 set for a window; bit 1 `sameTime`: both clocks as in the row before;
/// bit 2 `nextPoint`: the point behind the row before's; bit 3 `plain`: good, no reason, synced; bits 4-7 the
/// code of its number (for a window: bit 4 `partial`, bit 5 `extras`, the rest 0). Then, where the bits do not say it
/// already:
///   time       zigzag varint, microseconds since the row before (the first row: since 1970), and zigzag varint,
///              the change of time - boot: 0 while the clock does not step, so both clocks cost one byte more
///   point      zigzag varint, places from the row before's
///   status     quality, reason and time quality, a byte each
///   number     by its code, below
///   window     varint seconds, count, bad; if count > 0 the code byte and number of last, mean, min, max, sum,
///              standard deviation; with `extras` varint how many, and for each the place of its function's bit, for
///              durations the code byte and number of the state, and the code byte and number of its value
/// Numbers: 0 none; 1 signed and 2 unsigned integer (varints); 3 a double that is whole (zigzag varint);
/// 4 a double m / 10^p, p in 1...4, m below 2^50 (varint of zigzag(m) · 4 + p - 1); 5 a double that is a
/// float32; 6 a double; 7 no number but an alarm: u8 flags (1: raised), the code byte and number of its value.
/// All fixed numbers are little-endian. A row costs 3 to 12 bytes.
package enum RowCodec {
  static let windowBit: UInt8 = 1 << 0
  static let sameTimeBit: UInt8 = 1 << 1
  static let nextPointBit: UInt8 = 1 << 2
  static let plainBit: UInt8 = 1 << 3
  static let codeShift: UInt8 = 4

  enum NumberCode {
    static let none: UInt8 = 0
    static let signed: UInt8 = 1
    static let unsigned: UInt8 = 2
    static let wholeDouble: UInt8 = 3
    static let decimal: UInt8 = 4
    static let float: UInt8 = 5
    static let double: UInt8 = 6
    static let alarm: UInt8 = 7
  }

  static let extrasBit: UInt8 = 1 << 5
  /// A row has no more of them: each function once, but for durations, of which there are `mostStates` + 1.
  static let mostExtras = 32

  /// No row is longer: tag, two varints of 10, point 5, status 3, window 3 × 10 and 6 numbers of 1 + 10, and as many
  /// extras as there may be, of 1 + 2 × (1 + 10).
  static let longestRow = 160 + mostExtras * 23

  /// What the next row is written relative to; the same on both sides.
  struct Context {
    var time: Int64 = 0
    var offset: Int64 = 0
    var point: Int64 = -1
  }

  @inline(__always)
  static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value << 1 ^ value >> 63) }

  @inline(__always)
  static func unzigzag(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  static let powers: (Double, Double, Double, Double, Double) = (1, 10, 100, 1000, 10_000)

  @inline(__always)
  static func power(_ places: Int) -> Double {
    switch places {
    case 0: powers.0
    case 1: powers.1
    case 2: powers.2
    case 3: powers.3
    default: powers.4
    }
  }
}

/// A payload that is not what `RowEncoder` writes; with a commit whose CRC is right it means another version.
package struct RowCodecError: Error, Equatable, CustomStringConvertible {
  package var offset: Int
  package var description: String { "cannot decode the row at byte \(offset) of the commit" }
}
