/// RFC 3339 in UTC with milliseconds, `2026-11-22T21:00:00.000Z`, the only form in which times leave the
/// gateway. Valid for the years 0 … 9999; others are clamped.
extension Timestamp: CustomStringConvertible {
  private static let earliest: Int64 = -62_167_219_200_000  // 0000-01-01
  private static let latest: Int64 = 253_402_300_799_999  // 9999-12-31T23:59:59.999

  /// Rounded down.
  package var millisecondsSince1970: Int64 {
    let quotient = microseconds / 1000
    return microseconds % 1000 < 0 ? quotient - 1 : quotient
  }

  package func append(to buffer: inout ByteBuffer) {
    let milliseconds = min(max(millisecondsSince1970, Self.earliest), Self.latest)
    let (days, ofDay) = Self.floorDivide(milliseconds, 86_400_000)
    let date = Self.civil(days: days)
    buffer.append(upTo: 24) { room in
      func put(_ value: Int64, _ width: Int, at offset: Int, then separator: UInt8) {
        var rest = value
        for index in stride(from: offset + width - 1, through: offset, by: -1) {
          room[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
          rest /= 10
        }
        room[offset + width] = separator
      }
      put(date.year, 4, at: 0, then: UInt8(ascii: "-"))
      put(date.month, 2, at: 5, then: UInt8(ascii: "-"))
      put(date.day, 2, at: 8, then: UInt8(ascii: "T"))
      put(ofDay / 3_600_000, 2, at: 11, then: UInt8(ascii: ":"))
      put(ofDay / 60_000 % 60, 2, at: 14, then: UInt8(ascii: ":"))
      put(ofDay / 1000 % 60, 2, at: 17, then: UInt8(ascii: "."))
      put(ofDay % 1000, 3, at: 20, then: UInt8(ascii: "Z"))
      return 24
    }
  }

  package var description: String {
    var buffer = ByteBuffer(capacity: 64)
    append(to: &buffer)
    return buffer.withBytes { String(decoding: $0, as: UTF8.self) }
  }

  private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  /// Days since 1970 to the proleptic Gregorian calendar, counted from March so that the leap day comes last
  /// (Hinnant, "chrono-compatible low-level date algorithms", civil_from_days).
  private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
  }
}
