/// What stands in a formula's text.
extension FormulaParser {
  /// The next byte that is no space, which is then at `at`.
  mutating func next() -> UInt8? {
    while at < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[at]) { at += 1 }
    return at < text.count ? text[at] : nil
  }

  /// The first of the words that stands here, and where.
  mutating func take(_ words: [String]) -> (word: String, place: Int)? {
    guard next() != nil else { return nil }
    let place = at
    guard let word = words.first(where: { text[place...].starts(with: $0.utf8) }) else { return nil }
    at += word.utf8.count
    return (word, place)
  }

  /// All that a name may hold, from here on.
  func run() -> String {
    String(decoding: text[at...].prefix { Self.isName($0) || $0 == UInt8(ascii: "-") }, as: UTF8.self)
  }

  func problem(_ sentence: String, _ back: Int = 0) -> FormulaProblem {
    FormulaProblem(offset: max(at + back, 0), sentence: sentence)
  }

  static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

  static func isLetter(_ byte: UInt8) -> Bool {
    UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || byte == UInt8(ascii: "_")
  }

  static func isName(_ byte: UInt8) -> Bool {
    isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: ".")
  }
}
