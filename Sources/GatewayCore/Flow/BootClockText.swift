// The table of boots as it is kept: lines of text, so that a person can read it.
//
//   boots 1
//   ID NOT-BEFORE LAST OFFSET CORRECTION      a boot, the oldest first; all numbers in microseconds, `-` for no offset
//   crc XXXXXXXX                              CRC-32C of all bytes before this line

extension BootClock {
  private static let head = "boots 1"

  package var text: [UInt8] {
    var text = Self.head + "\n"
    for boot in boots {
      let id = "\(StreamID(bits: boot.id.high))\(StreamID(bits: boot.id.low))"
      let offset = boot.offset.map { "\($0)" } ?? "-"
      text +=
        "\(id) \(boot.notBefore.microseconds) \(boot.last.microseconds) \(offset) \(boot.correction)\n"
    }
    return Array((text + Self.seal(text)).utf8)
  }

  private static func seal(_ text: String) -> String {
    let crc = Array(text.utf8).withUnsafeBytes { CRC32C.of($0) }
    let digits = String(crc, radix: 16)
    return "crc " + String(repeating: "0", count: 8 - digits.count) + digits + "\n"
  }

  /// nil for anything that `text` does not write.
  package init?(text bytes: [UInt8]) {
    guard let all = String(validating: bytes, as: UTF8.self) else { return nil }
    var lines = all.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.popLast()?.isEmpty == true, let seal = lines.popLast(), lines.first == Self.head[...],
      lines.count <= 1 + Self.mostBoots,
      seal + "\n" == Self.seal(lines.joined(separator: "\n") + "\n")
    else { return nil }
    var boots: [BootRecord] = []
    for line in lines.dropFirst() {
      guard let boot = BootRecord(line: line) else { return nil }
      boots.append(boot)
    }
    self.init(boots)
  }
}

extension BootRecord {
  /// Times beyond this are nobody's: sums of them stay in range.
  private static let limit: Int64 = 1 << 58

  fileprivate init?(line: Substring) {
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 5, let id = BootID(text: words[0]), let notBefore = Int64(words[1]),
      let last = Int64(words[2]), let correction = Int64(words[4]),
      words[3] == "-" || Int64(words[3]) != nil
    else { return nil }
    let offset = Int64(words[3])
    guard [notBefore, last, correction, offset ?? 0].allSatisfy({ $0.magnitude < Self.limit }) else {
      return nil
    }
    self.init(
      id: id, notBefore: Timestamp(microseconds: notBefore), last: BootTime(microseconds: last),
      offset: offset, correction: correction)
  }
}
