/// A device's `frame`: how it speaks on its serial line. What a point takes out of it is in `FrameFieldCheck`.
struct FrameCheck {
  enum FrameType { case line, nmea, ascii, binary }

  /// The frame, and what holds for its points where they say nothing else.
  struct Checked {
    let type: FrameType
    var config: FrameConfig
    var selector: [UInt8] = []
    var request: [UInt8] = []
    var validity: FrameValidity?
  }

  let log: ProblemLog

  /// nil where there is no frame, or none of a known type.
  func frame(_ reader: MappingReader?) -> Checked? {
    guard var keys = reader, let type = keys.require("type", Self.type) else { return nil }
    defer { keys.finish() }
    switch type {
    case .line, .ascii: return text(&keys, type)
    case .nmea: return nmea(&keys)
    case .binary: return binary(&keys)
    }
  }

  private static var type: ScalarForm<FrameType> {
    .word(
      [("line", .line), ("nmea", .nmea), ("ascii", .ascii), ("binary", .binary)],
      synonyms: [
        "lines": "line", "text": "line", "csv": "line", "nmea0183": "nmea", "nmea-0183": "nmea",
        "bytes": "binary", "hex": "binary", "poll": "ascii", "request": "ascii",
      ])
  }

  private func text(_ keys: inout MappingReader, _ type: FrameType) -> Checked {
    let delimiter = keys.optional("delimiter", .ascii(1...8)) ?? [0x0A]
    var frame = Checked(type: type, config: FrameConfig(shape: .lines(delimiter: delimiter)))
    if type == .ascii {
      frame.request = keys.take("request").map { keys.read($0, "request", .ascii(1...255)) ?? [0] } ?? []
    } else {
      keys.refuse("request", "\"request\" is for the types ascii and binary; a line comes unasked")
    }
    frame.selector = keys.optional("prefix", .ascii(1...64)) ?? []
    let decimal = ScalarForm<Bool>.word([("point", false), ("comma", true)])
    frame.config.text.usesDecimalComma = keys.optional("decimal", decimal) ?? false
    frame.config.text.separator = separator(&keys, usesDecimalComma: frame.config.text.usesDecimalComma)
    // What is there but cannot be read must not be missed a second time at each point.
    frame.config.text.nameMark = keys.take("names").map { keys.read($0, "names", .ascii(1...4)) ?? [0] } ?? []
    frame.validity = validity(&keys, frame.config.text)
    return frame
  }

  private func separator(_ keys: inout MappingReader, usesDecimalComma: Bool) -> FrameText.Separator {
    guard let node = keys.take("separator") else {
      return .bytes([UInt8(ascii: usesDecimalComma ? ";" : ",")])
    }
    guard let bytes = keys.read(node, "separator", .separator) else { return .whitespace }
    if usesDecimalComma, bytes.contains(UInt8(ascii: ",")) {
      log.add(node, "a \"separator\" with a comma does not go with \"decimal: comma\"")
    }
    return bytes == [0x20] ? .whitespace : .bytes(bytes)
  }

  private func nmea(_ keys: inout MappingReader) -> Checked {
    let selector = keys.take("sentence").map { keys.read($0, "sentence", .sentence) ?? [0] }
    let isNeeded = ScalarForm<Bool>.word([("required", true), ("optional", false)])
    let needsChecksum = keys.optional("checksum", isNeeded) ?? true
    var frame = Checked(type: .nmea, config: FrameConfig(shape: .nmea(needsChecksum: needsChecksum)))
    frame.selector = selector ?? []
    frame.validity = validity(&keys, frame.config.text)
    return frame
  }

  /// `valid: {field: 5, is: A}`, in a frame and at a point.
  func validity(_ reader: inout MappingReader, _ text: FrameText) -> FrameValidity? {
    guard var keys = reader.mapping("valid") else { return nil }
    defer { keys.finish() }
    let place = textPlace(&keys, text)
    let word = ScalarForm<[UInt8]>.ascii(1...32)
    guard let node = keys.require("is") else { return nil }
    let nodes = if case .sequence(let elements) = node.content { elements } else { [node] }
    if nodes.isEmpty {
      log.add(node, "\"is\" should be the text of a good frame, or a list of such, not an empty one")
    }
    let words = nodes.compactMap { keys.read($0, "is", word) }
    return place.map { FrameValidity(place: $0, words: words) }
  }

  /// The key `field`.
  func textPlace(_ keys: inout MappingReader, _ text: FrameText) -> TextPlace? {
    guard let node = keys.require("field"), let place = keys.read(node, "field", .textPlace) else {
      return nil
    }
    if case .name = place, text.nameMark.isEmpty {
      log.add(
        node,
        "a \"field\" is found by its name only where \"frame\" says with \"names\" what stands between"
          + " a name and its value, such as \"=\"; else it has a number from 1")
    }
    return place
  }
}

extension ScalarForm<[UInt8]> {
  /// Control characters are written as YAML writes them in double quotes.
  static func ascii(_ range: ClosedRange<Int>) -> Self {
    let count = "\(range.lowerBound) to \(range.upperBound)"
    return Self("\(count) ASCII characters (\\r, \\n, \\t and \\x02 only in double quotes)") { text, _ in
      // Without double quotes YAML leaves them as they stand, and no device sends a backslash and an r.
      let isEscaped = ["\\r", "\\n", "\\t", "\\x"].contains { text.contains($0) }
      let bytes = Array(text.utf8)
      return !isEscaped && range ~= bytes.count && bytes.allSatisfy { $0 < 0x80 } ? bytes : nil
    }
  }

  /// A single space stands for whitespace.
  fileprivate static var separator: Self {
    let text = ascii(1...4)
    return Self(
      "whitespace, or \(text.expectation)", nearest: { nearestWord(to: $0, in: ["whitespace"]) },
      parse: { word, isPlain in word == "whitespace" ? [0x20] : text.parse(word, isPlain) })
  }

  static var sentence: Self {
    func isAddress(_ text: String) -> Bool {
      3...15 ~= text.utf8.count && text == text.uppercased() && isName(text, others: "")
    }
    return Self(
      "a sentence's address such as WIMWV, or its last three letters for any talker, such as MWV",
      nearest: { text in
        let near = text.drop { $0 == "$" || $0 == "!" }.prefix { $0 != "," }.uppercased()
        return isAddress(near) ? near : nil
      },
      parse: { text, _ in isAddress(text) ? Array(text.utf8) : nil })
  }

  /// Bytes as two hexadecimal digits each.
  static func hexadecimal(_ range: ClosedRange<Int>) -> Self {
    func bytes(_ text: String) -> [UInt8]? {
      let digits = text.compactMap { $0 == " " ? nil : $0.isASCII ? $0.hexDigitValue : nil }
      let spaces = text.utf8.count { $0 == 0x20 }
      guard digits.count + spaces == text.utf8.count, digits.count % 2 == 0 else { return nil }
      let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
      return range ~= bytes.count ? bytes : nil
    }
    return Self(
      "\(range.lowerBound) to \(range.upperBound) bytes in hexadecimal such as \"42 4D\"",
      nearest: { text in
        let near = text.replacing("0x", with: "").replacing(",", with: " ").replacing("  ", with: " ")
        return bytes(near) == nil ? nil : near
      },
      parse: { text, _ in bytes(text) })
  }
}

extension ScalarForm<TextPlace> {
  static var textPlace: Self {
    Self("a field's number from 1 to 256, or its name") { text, isPlain in
      if isPlain, let number = wholeNumber(text) { return 1...256 ~= number ? .index(number) : nil }
      let name = Array(text.utf8)
      return 1...64 ~= name.count && name.allSatisfy { 0x20...0x7E ~= $0 } ? .name(name) : nil
    }
  }
}
