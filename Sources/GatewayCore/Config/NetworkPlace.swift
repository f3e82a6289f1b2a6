/// A host and perhaps a port, as they stand in an address or a URL: `host`, `host:port`, `192.0.2.1:502`,
/// `[2001:db8::1]:502`. Only the form is checked; nothing is resolved.
package struct NetworkPlace: Equatable, Sendable {
  /// Without the brackets of an IPv6 address.
  package let host: String
  /// 1 … 65535
  package let port: UInt16?

  package init?(_ text: some StringProtocol) {
    let text = String(text)
    var rest: Substring
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = String(text[text.index(after: text.startIndex)..<end])
      guard isIPv6Address(host) else { return nil }
      rest = text[text.index(after: end)...]
    } else {
      let end = text.firstIndex(of: ":") ?? text.endIndex
      host = String(text[..<end])
      guard Self.isHostName(host) else { return nil }
      rest = text[end...]
    }
    if rest.isEmpty {
      port = nil
      return
    }
    guard rest.removeFirst() == ":", let number = wholeNumber(String(rest)), 1...65_535 ~= number else {
      return nil
    }
    port = UInt16(number)
  }

  /// Whether it can only be this machine.
  package var isLoopback: Bool {
    if host.lowercased() == "localhost" || host == "::1" { return true }
    return host.hasPrefix("127.") && isIPv4Address(host)
  }

  /// RFC 1123, and the underscore that many private networks have; a name of four numbers is an address.
  private static func isHostName(_ text: String) -> Bool {
    guard text.utf8.count <= 253 else { return false }
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    let areNames = labels.allSatisfy { isName(String($0)) && !$0.hasSuffix("-") }
    let endsInNumber = labels.last?.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ?? true
    return areNames && (!endsInNumber || isIPv4Address(text))
  }
}

package func isIPv4Address(_ text: some StringProtocol) -> Bool {
  let parts = text.split(separator: ".", omittingEmptySubsequences: false)
  return parts.count == 4
    && parts.allSatisfy { part in wholeNumber(String(part)).map { 0...255 ~= $0 } ?? false }
}

/// RFC 4291, section 2.2, with a zone (`%eth0`) allowed.
package func isIPv6Address(_ text: String) -> Bool {
  let zoned = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
  if zoned.count == 2, !isName(String(zoned[1]), others: "-_.") { return false }
  guard let address = zoned.first, address.utf8.count <= 45 else { return false }
  guard let gap = firstDoubleColon(address) else { return ipv6Groups(address) == 8 }
  let (left, right) = (address[..<gap], address[address.index(gap, offsetBy: 2)...])
  guard let before = ipv6Groups(left), let after = ipv6Groups(right) else { return false }
  return before + after <= 7 && !left.contains(".")
}

private func firstDoubleColon(_ text: Substring) -> Substring.Index? {
  text.indices.dropLast().first { text[$0] == ":" && text[text.index(after: $0)] == ":" }
}

/// How many groups of 16 bits stand there; a dotted address at the end counts for two. nil where one is
/// wrong.
private func ipv6Groups(_ text: Substring) -> Int? {
  if text.isEmpty { return 0 }
  var parts = text.split(separator: ":", omittingEmptySubsequences: false)
  var count = 0
  if let last = parts.last, last.contains(".") {
    guard isIPv4Address(last) else { return nil }
    parts.removeLast()
    count = 2
  }
  for part in parts {
    let isGroup =
      1...4 ~= part.utf8.count && part.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
    guard isGroup else { return nil }
  }
  return count + parts.count
}
