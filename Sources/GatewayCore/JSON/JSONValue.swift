/// A JSON document (RFC 8259), read strictly: one value, no trailing text, no duplicate keys, depth and size
/// bounded by the caller. Integers keep all 64 bits.
///
/// Own code because the toolchain's `FoundationEssentials` costs the daemon 7 MB of binary and 3 MB of resident
/// memory (measured), for a few control messages and acknowledgements of some hundred bytes.
package enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case signed(Int64)
  /// Only for integers above `Int64.max`.
  case unsigned(UInt64)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Where and why a text is not JSON.
  package struct Problem: Error, Equatable, CustomStringConvertible {
    package var offset: Int
    package var message: String
    package var description: String { "byte \(offset): \(message)" }
  }

  package init(parsing bytes: UnsafeRawBufferPointer, maximumDepth: Int = 32) throws(Problem) {
    var parser = JSONParser(bytes: bytes, maximumDepth: maximumDepth)
    self = try parser.document()
  }

  package init(parsing bytes: [UInt8]) throws(Problem) {
    // A rethrowing closure would lose the error's type.
    let result: Result<JSONValue, Problem> = bytes.withUnsafeBytes { raw in
      do throws(Problem) { return .success(try JSONValue(parsing: raw)) } catch { return .failure(error) }
    }
    self = try result.get()
  }

  package init(parsing text: String) throws(Problem) { try self.init(parsing: Array(text.utf8)) }

  package subscript(key: String) -> JSONValue? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  package var string: String? { if case .string(let text) = self { text } else { nil } }
  package var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  package var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
  package var object: [String: JSONValue]? { if case .object(let members) = self { members } else { nil } }

  package var integer: Int64? { if case .signed(let number) = self { number } else { nil } }

  package var unsignedInteger: UInt64? {
    switch self {
    case .signed(let number): UInt64(exactly: number)
    case .unsigned(let number): number
    default: nil
    }
  }

  package var double: Double? {
    switch self {
    case .signed(let number): Double(number)
    case .unsigned(let number): Double(number)
    case .double(let number): number
    default: nil
    }
  }
}

private struct JSONParser: ~Copyable {
  let bytes: UnsafeRawBufferPointer
  let maximumDepth: Int
  var index = 0
  var depth = 0

  init(bytes: UnsafeRawBufferPointer, maximumDepth: Int) {
    self.bytes = bytes
    self.maximumDepth = maximumDepth
  }

  mutating func document() throws(JSONValue.Problem) -> JSONValue {
    skipSpace()
    let value = try value()
    skipSpace()
    guard index == bytes.count else { throw problem("text after the end of the value") }
    return value
  }

  private func problem(_ message: String) -> JSONValue.Problem {
    JSONValue.Problem(offset: index, message: message)
  }

  private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    index += 1
    return true
  }

  private mutating func value() throws(JSONValue.Problem) -> JSONValue {
    guard let byte = next else { throw problem("the text ends where a value should be") }
    switch byte {
    case UInt8(ascii: "{"): return try nested { parser throws(JSONValue.Problem) in try parser.object() }
    case UInt8(ascii: "["): return try nested { parser throws(JSONValue.Problem) in try parser.array() }
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(JSONValue.Problem) -> JSONValue
  ) throws(JSONValue.Problem) -> JSONValue {
    depth += 1
    guard depth <= maximumDepth else { throw problem("nested deeper than \(maximumDepth) levels") }
    index += 1
    let value = try body(&self)
    depth -= 1
    return value
  }

  private mutating func object() throws(JSONValue.Problem) -> JSONValue {
    var members: [String: JSONValue] = [:]
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw problem("a member's name should stand here, in quotes") }
      let key = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw problem("a colon should stand here") }
      skipSpace()
      guard members.updateValue(try value(), forKey: key) == nil else {
        throw problem("the member \"\(key)\" stands twice")
      }
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw problem("a comma or a closing brace should stand here") }
    return .object(members)
  }

  private mutating func array() throws(JSONValue.Problem) -> JSONValue {
    var elements: [JSONValue] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array(elements) }
    repeat {
      skipSpace()
      elements.append(try value())
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw problem("a comma or a closing bracket should stand here") }
    return .array(elements)
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONValue.Problem) -> JSONValue
  {
    for offset in 0..<text.utf8CodeUnitCount {
      guard take(text.utf8Start[offset]) else { throw problem("not a JSON value") }
    }
    return value
  }

  private mutating func digits() -> Int {
    let start = index
    while let byte = next, byte >= 0x30, byte <= 0x39 { index += 1 }
    return index - start
  }

  private mutating func number() throws(JSONValue.Problem) -> JSONValue {
    let start = index
    var isInteger = true
    _ = take(UInt8(ascii: "-"))
    let leading = next
    let count = digits()
    guard count > 0, count == 1 || leading != UInt8(ascii: "0") else { throw problem("not a JSON value") }
    if take(UInt8(ascii: ".")) {
      isInteger = false
      guard digits() > 0 else { throw problem("a digit should stand behind the decimal point") }
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      isInteger = false
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard digits() > 0 else { throw problem("a digit should stand in the exponent") }
    }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    if isInteger, let number = Int64(text) { return .signed(number) }
    if isInteger, let number = UInt64(text) { return .unsigned(number) }
    guard let number = Double(text), number.isFinite else { throw problem("a number out of range") }
    return .double(number)
  }

  private mutating func string() throws(JSONValue.Problem) -> String {
    index += 1
    let start = index
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { index += 1 }
    if next == UInt8(ascii: "\"") {
      let plain = UnsafeRawBufferPointer(rebasing: bytes[start..<index])
      index += 1
      return try utf8(Array(plain))
    }
    var text = Array(bytes[start..<index])
    while let byte = next {
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return try utf8(text)
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20: throw problem("a control character in a string")
      default: text.append(byte)
      }
    }
    throw problem("a string without its closing quote")
  }

  private func utf8(_ text: [UInt8]) throws(JSONValue.Problem) -> String {
    guard let string = String(validating: text, as: UTF8.self) else {
      throw problem("a string that is not UTF-8")
    }
    return string
  }

  private mutating func escape(into text: inout [UInt8]) throws(JSONValue.Problem) {
    guard let byte = next else { throw problem("a string without its closing quote") }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text.append(contentsOf: Array(String(try scalar()).utf8))
    default: throw problem("an escape that JSON does not have")
    }
  }

  private mutating func scalar() throws(JSONValue.Problem) -> Unicode.Scalar {
    let first = try hexadecimal()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
      throw problem("half of a surrogate pair")
    }
    let second = try hexadecimal()
    guard (0xDC00..<0xE000).contains(second) else { throw problem("half of a surrogate pair") }
    return Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))!
  }

  private mutating func hexadecimal() throws(JSONValue.Problem) -> UInt16 {
    guard bytes.count - index >= 4,
      let text = String(validating: bytes[index..<index + 4], as: UTF8.self),
      text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
      let unit = UInt16(text, radix: 16)
    else { throw problem("four hexadecimal digits should stand here") }
    index += 4
    return unit
  }
}
