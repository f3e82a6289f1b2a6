/// Appends JSON (RFC 8259) to a byte buffer; the caller keeps the structure right. Used for batches, where
/// it must be fast, and for everything else, so that there is one way to write it.
package enum JSONWriter {
  package static func append(string: String, to buffer: inout ByteBuffer) {
    buffer.append(UInt8(ascii: "\""))
    var string = string
    string.withUTF8 { bytes in
      var start = 0
      for index in 0..<bytes.count where needsEscape(bytes[index]) {
        buffer.append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[start..<index]))
        appendEscape(bytes[index], to: &buffer)
        start = index + 1
      }
      buffer.append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[start...]))
    }
    buffer.append(UInt8(ascii: "\""))
  }

  private static func needsEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private static func appendEscape(_ byte: UInt8, to buffer: inout ByteBuffer) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      buffer.append(UInt8(ascii: "\\"))
      buffer.append(byte)
    case 0x0A: buffer.append("\\n")
    default:
      let hexadecimal: StaticString = "0123456789abcdef"
      buffer.append("\\u00")
      buffer.append(hexadecimal.utf8Start[Int(byte >> 4)])
      buffer.append(hexadecimal.utf8Start[Int(byte & 15)])
    }
  }

  package static func append(integer value: Int64, to buffer: inout ByteBuffer) {
    if value < 0 { buffer.append(UInt8(ascii: "-")) }
    append(integer: value.magnitude, to: &buffer)
  }

  package static func append(integer value: UInt64, to buffer: inout ByteBuffer) {
    buffer.append(upTo: 20) { room in
      var digits = 1
      var rest = value
      while rest >= 10 {
        rest /= 10
        digits += 1
      }
      rest = value
      for index in stride(from: digits - 1, through: 0, by: -1) {
        let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
        room[index] = UInt8(truncatingIfNeeded: 0x30 + remainder)
        rest = quotient
      }
      return digits
    }
  }

  /// The shortest decimal that reads back as the same double; `null` for what JSON has no number for.
  package static func append(double value: Double, to buffer: inout ByteBuffer) {
    guard value.isFinite else { return buffer.append("null") }
    if appendDecimal(value, to: &buffer) { return }
    var text = value.description
    text.withUTF8 { buffer.append(UnsafeRawBufferPointer($0)) }
  }

  package static func append(value: Value, to buffer: inout ByteBuffer) {
    switch value {
    case .double(let number): append(double: number, to: &buffer)
    case .signed(let number): append(integer: number, to: &buffer)
    case .unsigned(let number): append(integer: number, to: &buffer)
    }
  }

  /// Sensors mostly give numbers of few digits: where m / 10^k is the same double, m and k are the shortest
  /// decimal (at most 15 digits are always recovered from a double), at a fraction of the general cost.
  private static func appendDecimal(_ value: Double, to buffer: inout ByteBuffer) -> Bool {
    let magnitude = value.magnitude
    guard magnitude < 1e9, magnitude >= 1e-3 || (magnitude == 0 && value.sign == .plus) else { return false }
    var power = 1.0
    var places = 0
    while places <= 4 {
      let scaled = magnitude * power
      let whole = scaled.rounded(.toNearestOrEven)
      if whole / power == magnitude {
        if value < 0 { buffer.append(UInt8(ascii: "-")) }
        append(mantissa: UInt64(whole), places: places, to: &buffer)
        return true
      }
      power *= 10
      places += 1
    }
    return false
  }

  private static func append(mantissa: UInt64, places: Int, to buffer: inout ByteBuffer) {
    guard places > 0 else { return append(integer: mantissa, to: &buffer) }
    var divisor: UInt64 = 1
    for _ in 0..<places { divisor *= 10 }
    let (whole, fraction) = mantissa.quotientAndRemainder(dividingBy: divisor)
    append(integer: whole, to: &buffer)
    buffer.append(UInt8(ascii: "."))
    buffer.append(upTo: places) { room in
      var rest = fraction
      for index in stride(from: places - 1, through: 0, by: -1) {
        room[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
        rest /= 10
      }
      return places
    }
  }

  /// Any document; members in the order of their names.
  package static func append(_ value: JSONValue, to buffer: inout ByteBuffer) {
    switch value {
    case .null: buffer.append("null")
    case .bool(let flag): buffer.append(flag ? "true" : "false")
    case .signed(let number): append(integer: number, to: &buffer)
    case .unsigned(let number): append(integer: number, to: &buffer)
    case .double(let number): append(double: number, to: &buffer)
    case .string(let text): append(string: text, to: &buffer)
    case .array(let elements):
      buffer.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { buffer.append(UInt8(ascii: ",")) }
        append(element, to: &buffer)
      }
      buffer.append(UInt8(ascii: "]"))
    case .object(let members):
      buffer.append(UInt8(ascii: "{"))
      for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { buffer.append(UInt8(ascii: ",")) }
        append(string: member.key, to: &buffer)
        buffer.append(UInt8(ascii: ":"))
        append(member.value, to: &buffer)
      }
      buffer.append(UInt8(ascii: "}"))
    }
  }
}
