/// JSON tokens (RFC 8259) straight from the bytes: each call takes one, or says why not.
struct JSONScanner {
  private let bytes: UnsafeRawBufferPointer
  private(set) var index = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  func problem(_ message: String) -> BatchProblem { BatchProblem(offset: index, message: message) }

  /// 0 at the end, where no token has one.
  var next: UInt8 { index < bytes.count ? bytes[index] : 0 }

  mutating func skipSpace() {
    while index < bytes.count {
      let byte = bytes[index]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      index += 1
    }
  }

  mutating func take(_ byte: UInt8) -> Bool {
    guard index < bytes.count, bytes[index] == byte else { return false }
    index += 1
    return true
  }

  mutating func expect(_ byte: UInt8) throws(BatchProblem) {
    guard take(byte) else { throw problem("\"\(Character(Unicode.Scalar(byte)))\" should stand here") }
  }

  mutating func expect(_ word: StaticString) throws(BatchProblem) {
    for place in 0..<word.utf8CodeUnitCount {
      guard take(word.utf8Start[place]) else { throw problem("not a value that may stand here") }
    }
  }

  mutating func expectEnd() throws(BatchProblem) {
    skipSpace()
    guard index == bytes.count else { throw problem("text after the end of the batch") }
  }

  /// A member's name and its colon, and the space up to the value; the place of the name.
  mutating func key() throws(BatchProblem) -> Range<Int> {
    skipSpace()
    let name = try quoted()
    skipSpace()
    try expect(UInt8(ascii: ":"))
    skipSpace()
    return name
  }

  func matches(_ range: Range<Int>, _ word: StaticString) -> Bool {
    guard range.count == word.utf8CodeUnitCount else { return false }
    for place in 0..<range.count where bytes[range.lowerBound + place] != word.utf8Start[place] {
      return false
    }
    return true
  }

  func string(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// A string; the place of what stands between the quotes, escapes and all.
  mutating func quoted() throws(BatchProblem) -> Range<Int> {
    try expect(UInt8(ascii: "\""))
    let start = index
    var isASCII = true
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") {
        let range = start..<index
        index += 1
        guard isASCII || String(validating: bytes[range], as: UTF8.self) != nil else {
          throw problem("a string that is not UTF-8")
        }
        return range
      }
      index += 1
      if byte == UInt8(ascii: "\\") { try escape() }
      if byte < 0x20 { throw problem("a control character in a string") }
      if byte >= 0x80 { isASCII = false }
    }
    throw problem("a string without its closing quote")
  }

  private mutating func escape() throws(BatchProblem) {
    let byte = next
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return
    case UInt8(ascii: "u"):
      for _ in 0..<4 {
        let digit = next
        guard digit &- 0x30 <= 9 || (digit | 0x20) &- 0x61 <= 5 else {
          throw problem("four hexadecimal digits should stand here")
        }
        index += 1
      }
    default: throw problem("an escape that JSON does not have")
    }
  }

  /// A whole number from 0, without sign, fraction or exponent.
  mutating func natural() throws(BatchProblem) -> UInt64 {
    let start = index
    var number: UInt64 = 0
    while next &- 0x30 <= 9 {
      let (product, overflow) = number.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(bytes[index] - 0x30))
      guard !overflow, !carry else { throw problem("a number out of range") }
      number = sum
      index += 1
    }
    guard index > start, index == start + 1 || bytes[start] != 0x30 else {
      throw problem("not a whole number")
    }
    return number
  }

  /// Any number in JSON's grammar.
  mutating func number() throws(BatchProblem) {
    _ = take(UInt8(ascii: "-"))
    let start = index
    try digits()
    guard index == start + 1 || bytes[start] != 0x30 else { throw problem("a number with a leading zero") }
    if take(UInt8(ascii: ".")) { try digits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
  }

  private mutating func digits() throws(BatchProblem) {
    let start = index
    while next &- 0x30 <= 9 { index += 1 }
    guard index > start else { throw problem("a digit should stand here") }
  }

  mutating func time() throws(BatchProblem) {
    let range = try quoted()
    guard BatchRules.isTime(UnsafeRawBufferPointer(rebasing: bytes[range])) else {
      throw problem("not a UTC time with milliseconds")
    }
  }
}
