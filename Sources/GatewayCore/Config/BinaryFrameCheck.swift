/// The keys of a binary frame.
extension FrameCheck {
  func binary(_ keys: inout MappingReader) -> Checked {
    let start = keys.require("start", .hexadecimal(1...8)) ?? [0]
    let lengthNode = keys.require("length")
    let length = lengthNode.flatMap { self.length($0, keys) }
    var frame = BinaryFrame(start: start, length: length ?? .fixed(FrameDecoder.longestFrame))
    frame.end = keys.optional("end", .hexadecimal(1...8)) ?? []
    let sumNode = keys.take("checksum")
    frame.checksum = sumNode.flatMap { checksum($0, keys) }
    if let lengthNode, length != nil { checkLength(frame, lengthNode, sumNode) }
    var checked = Checked(type: .binary, config: FrameConfig(shape: .binary(frame)))
    checked.request =
      keys.take("request").map { keys.read($0, "request", .hexadecimal(1...255)) ?? [0] } ?? []
    return checked
  }

  /// A number of bytes, or where the frame says it.
  private func length(_ node: ConfigNode, _ outer: MappingReader) -> BinaryFrame.Length? {
    let longest = FrameDecoder.longestFrame
    guard case .mapping = node.content else {
      let form = ScalarForm<Int>.integer(2...longest)
        .map("a whole number of bytes from 2 to \(longest), or where it stands such as {at: 2, type: uint16}")
      {
        $0
      }
      return outer.read(node, "length", form).map { .fixed($0) }
    }
    var keys = MappingReader(node, "\"length\"", log)
    defer { keys.finish() }
    let place = keys.require("at", .integer(0...63))
    let bytes = keys.optional("type", .word([("uint8", 1), ("uint16", 2)])) ?? 1
    let isLittleEndian = keys.optional("order", Self.order) ?? false
    let add = keys.optional("add", .integer(-255...longest)) ?? 0
    let most = keys.optional("max", .integer(2...longest)) ?? Self.usualMost
    return place.map {
      .stated(at: $0, bytes: bytes, isLittleEndian: isLittleEndian, add: add, most: most)
    }
  }

  /// Where nothing is said: what a wrong length can make a decoder wait for is bounded by it.
  private static let usualMost = 256

  /// The checksum's name, or a mapping with its `type`.
  private func checksum(_ node: ConfigNode, _ outer: MappingReader) -> BinaryFrame.Checksum? {
    let form = ScalarForm<FrameChecksum>.word(
      FrameChecksum.allCases.map { ($0.rawValue, $0) },
      synonyms: [
        "sum": "sum8", "crc16": "crc16-modbus", "crc": "crc16-modbus", "modbus": "crc16-modbus",
        "xor8": "xor",
        "bcc": "xor", "lrc": "sum8-negated", "ccitt": "crc16-ccitt",
      ])
    guard case .mapping = node.content else {
      return outer.read(node, "checksum", form).map {
        BinaryFrame.Checksum(kind: $0, isLittleEndian: Self.usualOrder(of: $0))
      }
    }
    var keys = MappingReader(node, "\"checksum\"", log)
    defer { keys.finish() }
    let kind = keys.require("type", form)
    let first = keys.optional("from", .integer(0...FrameDecoder.longestFrame - 1)) ?? 0
    let last = keys.optional("to", .integer(0...FrameDecoder.longestFrame - 1))
    let order = keys.optional("order", Self.order)
    if let last, last < first { log.add(node, "the checksum's \"to\" should not be below its \"from\"") }
    return kind.map {
      BinaryFrame.Checksum(
        kind: $0, first: first, last: last, isLittleEndian: order ?? Self.usualOrder(of: $0))
    }
  }

  /// Whether the low byte comes first. Modbus sends its CRC so (Modbus over Serial Line 1.02, section 2.5.1).
  private static func usualOrder(of kind: FrameChecksum) -> Bool { kind == .modbus }

  private static var order: ScalarForm<Bool> { .word([("big", false), ("little", true)]) }

  private func checkLength(_ frame: BinaryFrame, _ node: ConfigNode, _ sumNode: ConfigNode?) {
    let least = frame.start.count + frame.trailer
    switch frame.length {
    case .fixed(let length):
      let sumStart = length - frame.trailer
      if length < least {
        log.add(
          node, "a frame of \(length) bytes has no room for its start, checksum and end (\(least) bytes)")
      } else if let sum = frame.checksum, let sumNode, max(sum.first, sum.last ?? 0) >= sumStart {
        log.add(sumNode, "the checksum stands at byte \(sumStart) and covers only what lies before it")
      }
    case .stated(_, _, _, _, let most):
      guard most < least else { return }
      log.add(node, "the \"max\" of \"length\" should not be below \(least), its start, checksum and end")
    }
  }
}
