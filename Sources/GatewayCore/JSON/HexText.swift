/// Bytes as a person compares them with a manual: `01 03 04 41 C8`.
package enum HexText {
  private static let digits = Array("0123456789ABCDEF".utf8)

  package static func of(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    for byte in bytes {
      if !text.isEmpty { text.append(UInt8(ascii: " ")) }
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  package static func of(_ word: UInt16) -> String {
    String(decoding: stride(from: 12, through: 0, by: -4).map { digits[Int(word >> $0 & 15)] }, as: UTF8.self)
  }

  /// nil for what is not pairs of hexadecimal digits with blanks between.
  package static func bytes(_ text: String) -> [UInt8]? {
    let pairs = text.split(separator: " ")
    let bytes = pairs.compactMap { $0.utf8.count == 2 ? UInt8($0, radix: 16) : nil }
    return bytes.count == pairs.count ? bytes : nil
  }
}
