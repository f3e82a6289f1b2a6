/// How a point's registers become a number: `type` and the keys that depend on it.
struct LayoutCheck {
  /// nil where the place could not be read; then nothing is held against it.
  let table: RegisterTable?
  let log: ProblemLog

  /// nil where the type is missing or wrong.
  func layout(_ keys: inout MappingReader) -> RegisterLayout? {
    guard let type = type(&keys) else {
      // They cannot be checked without the type, but they are keys of a point.
      for key in ["order", "byte", "bit", "bits", "scale", "offset"] { _ = keys.take(key) }
      return nil
    }
    var layout = RegisterLayout(type: type)
    layout.order = order(&keys, type) ?? .bigEndian
    layout.usesHighByte = usesHighByte(&keys, type)
    let bits = bits(&keys, type)
    layout.firstBit = UInt8(bits.lowerBound)
    layout.bitCount = UInt8(bits.count)
    layout.scale = scale(&keys, type)
    return layout
  }

  private func type(_ keys: inout MappingReader) -> RegisterType? {
    let isBits = table?.isBits ?? false
    guard let node = keys.take("type") else {
      if isBits { return .bool }
      // Without a place, a coil may have been meant.
      if table != nil { _ = keys.require("type") }
      return nil
    }
    guard let type = keys.read(node, "type", RegisterType.form) else { return nil }
    if isBits, type != .bool {
      let word = table.map { "\($0.word)" } ?? ""
      log.add(node, "a \(word) is one bit, which is a bool, not \(type.rawValue); leave \"type\" out")
      return nil
    }
    return type
  }

  private func order(_ keys: inout MappingReader, _ type: RegisterType) -> ByteOrder? {
    if table?.isBits ?? false {
      keys.refuse("order", "\"order\" is for registers; a bit has none")
      return nil
    }
    guard let node = keys.take("order") else { return nil }
    let words = ByteOrder.words(registers: type.registers)
    // The short words are understood for eight bytes too, but only the long ones are suggested.
    if type.registers == 4, case .scalar(let text, _) = node.content,
      let order = ByteOrder.words(registers: 2).first(where: { $0.word == text })
    {
      return order.value
    }
    return keys.read(
      node, "order", .word(words).map("\(alternatives(words.map(\.word))) for \(type.rawValue)") { $0 })
  }

  private func usesHighByte(_ keys: inout MappingReader, _ type: RegisterType) -> Bool {
    if type == .int8 || type == .uint8 {
      return keys.optional("byte", .word([("high", true), ("low", false)])) ?? false
    }
    keys.refuse("byte", "\"byte\" is for int8 and uint8, not \(type.rawValue)")
    return false
  }

  /// The bits that are meant; empty for a whole number.
  private func bits(_ keys: inout MappingReader, _ type: RegisterType) -> Range<Int> {
    let isFlag = type == .bool && !(table?.isBits ?? true)
    var bits = type == .bool ? 0..<1 : 0..<0
    if isFlag {
      let bit = keys.require("bit", .integer(0...15)) ?? 0
      bits = bit..<bit + 1
    } else {
      let advice =
        type == .bool ? "a coil or discrete input has one bit only" : "for several bits there is \"bits\""
      keys.refuse("bit", "\"bit\" is for a bool in a register; \(advice)")
    }
    if [.uint16, .uint32, .uint64].contains(type) {
      bits = keys.optional("bits", Self.fieldForm(width: type.registers * 16)) ?? bits
    } else {
      keys.refuse("bits", "\"bits\" is for uint16, uint32 and uint64, not \(type.rawValue)")
    }
    return bits
  }

  private static func fieldForm(width: Int) -> ScalarForm<Range<Int>> {
    func field(_ text: String) -> Range<Int>? {
      let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { wholeNumber(String($0)) }
      guard ends.count == 2, let low = ends[0], let high = ends[1] else { return nil }
      return 0 <= low && low <= high && high < width ? low..<high + 1 : nil
    }
    return ScalarForm(
      "two bits from 0 to \(width - 1), the lower first, such as \"4-7\"",
      nearest: { text in
        let turned = text.split(separator: "-").reversed().joined(separator: "-")
        return field(turned) == nil ? nil : turned
      },
      parse: { text, _ in field(text) })
  }

  private func scale(_ keys: inout MappingReader, _ type: RegisterType) -> LinearScale {
    if type == .bool {
      for key in ["scale", "offset"] { keys.refuse(key, "\(quoted(key)) is not for a bool") }
      return .identity
    }
    return keys.scale()
  }
}
