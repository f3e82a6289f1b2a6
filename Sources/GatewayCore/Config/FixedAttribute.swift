/// An attribute that the configuration gives once and for all, written as NGSI-LD wants it (ETSI GS CIM 009, 5.2).
struct FixedAttribute {
  let log: ProblemLog

  /// `"name":{…}`; nil where `node` does not fit, which is reported.
  func json(_ attribute: SmartAttribute, _ node: ConfigNode) -> String? {
    guard let value = value(attribute, node) else { return nil }
    let isLink = attribute.form == .link || attribute.form == .links
    var buffer = ByteBuffer(capacity: 128)
    JSONWriter.append(string: attribute.name, to: &buffer)
    buffer.append(isLink ? ":{\"type\":\"Relationship\",\"object\":" : ":{\"type\":\"Property\",\"value\":")
    JSONWriter.append(value, to: &buffer)
    buffer.append(UInt8(ascii: "}"))
    return buffer.withBytes { String(decoding: $0, as: UTF8.self) }
  }

  private func value(_ attribute: SmartAttribute, _ node: ConfigNode) -> JSONValue? {
    let (name, keys) = (attribute.name, MappingReader(ConfigNode(.mapping([]), line: 1, column: 1), "", log))
    switch attribute.form {
    case .number, .angle, .integer:
      return keys.read(node, name, Self.number(attribute)).map { number in
        Int64(exactly: number.value).map { .signed($0) } ?? .double(number.value)
      }
    case .flag: return keys.read(node, name, .flag).map { .bool($0) }
    case .text: return keys.read(node, name, .plainText).map { .string($0) }
    case .date:
      return keys.read(node, name, .instant).map {
        .object(["@type": .string("DateTime"), "@value": .string($0)])
      }
    case .link: return keys.read(node, name, .entityID).map { .string($0) }
    case .word(let words): return keys.read(node, name, .oneOf(words)).map { .string($0) }
    case .links: return list(name, node, .entityID)
    case .words(let words): return list(name, node, words.isEmpty ? .plainText : .oneOf(words))
    case .parts(let parts):
      log.add(node, "\(quoted(name)) has the parts \(parts.joined(separator: ", ")): give it to points")
      return nil
    }
  }

  private func list(_ name: String, _ node: ConfigNode, _ form: ScalarForm<String>) -> JSONValue? {
    guard let elements = node.elements, !elements.isEmpty else {
      log.add(node, "\(quoted(name)) should be a list, such as [\(form.expectation)], not \(node.summary)")
      return nil
    }
    let reader = MappingReader(ConfigNode(.mapping([]), line: 1, column: 1), "", log)
    let values = elements.compactMap { reader.read($0, name, form).map { JSONValue.string($0) } }
    return values.count == elements.count ? .array(values) : nil
  }

  private static func number(_ attribute: SmartAttribute) -> ScalarForm<DecimalText> {
    let isWhole = attribute.form == .integer
    let noun = isWhole ? "a whole number" : "a number"
    return .decimal().map(noun + attribute.bounds) { number in
      let value = number.value
      return attribute.range.contains(value) && (!isWhole || value == value.rounded()) ? number : nil
    }
  }
}

extension SmartAttribute {
  /// ` from 0 to 1`, or what of it there is.
  var bounds: String {
    func text(_ bound: Double) -> String { Int(exactly: bound).map(String.init) ?? bound.description }
    let low = range.lowerBound.isFinite ? " from \(text(range.lowerBound))" : ""
    let high = range.upperBound.isFinite ? " to \(text(range.upperBound))" : ""
    return low + high
  }
}

extension ScalarForm<String> {
  static func oneOf(_ words: [String]) -> Self { .word(words.map { ($0, $0) }) }

  /// Without the characters that brokers refuse (ETSI GS CIM 009, 4.6.4).
  static var plainText: Self {
    Self("a text of 1 to 256 characters without < > \" ' = ; ( )") { text, _ in
      let isPlain = text.unicodeScalars.allSatisfy { scalar in
        scalar.properties.generalCategory != .control && !"<>\"'=;()".unicodeScalars.contains(scalar)
      }
      return isPlain && !text.isEmpty && text.unicodeScalars.count <= 256 ? text : nil
    }
  }

  /// `2026-11-22T21:00:00Z`
  static var instant: Self {
    Self("a time in UTC such as 2026-11-22T21:00:00Z") { text, _ in
      let pattern = Array("0000-00-00T00:00:00Z".utf8)
      let bytes = Array(text.utf8)
      let fits =
        bytes.count == pattern.count
        && zip(bytes, pattern).allSatisfy { byte, expected in
          expected == 0x30 ? (0x30...0x39).contains(byte) : byte == expected
        }
      return fits ? text : nil
    }
  }
}
