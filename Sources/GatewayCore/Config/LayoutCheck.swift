/// How a point's registers, or its bytes in a frame, become a number: `type` and the keys that depend on it.
struct LayoutCheck {
  /// nil where the place could not be read; then nothing is held against it.
  let table: RegisterTable?
  let log: ProblemLog
  /// The value lies in the bytes of a frame; then its key `byte` is its place, and there is no table.
  var isFrame = false

  /// nil where the type is missing or wrong.
  func layout(_ keys: inout MappingReader) -> RegisterLayout? {
    guard let type = type(&keys) else {
      // They cannot be checked without the type, but they are keys of a point.
      for key in ["order", "byte", "bit", "bits", "scale", "offset", "invalid"] { _ = keys.take(key) }
      return nil
    }
    var layout = RegisterLayout(type: type)
    layout.order = order(&keys, type) ?? .bigEndian
    layout.usesHighByte = usesHighByte(&keys, type)
    let bits = bits(&keys, type)
    layout.firstBit = UInt8(bits.lowerBound)
    layout.bitCount = UInt8(bits.count)
    layout.scale = scale(&keys, type)
    layout.invalid = invalid(&keys, layout)
    return layout
  }

  private func type(_ keys: inout MappingReader) -> RegisterType? {
    let isBits = table?.isBits ?? false
    guard let node = keys.take("type") else {
      if isBits { return .bool }
      // Without a place, a coil may have been meant.
      if table != nil || isFrame { _ = keys.require("type") }
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
    if isFrame, [.bool, .int8, .uint8].contains(type) {
      keys.refuse("order", "\"order\" is for several bytes, not \(type.rawValue)")
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
    if isFrame { return false }
    if type == .int8 || type == .uint8 {
      return keys.optional("byte", .word([("high", true), ("low", false)])) ?? false
    }
    keys.refuse("byte", "\"byte\" is for int8 and uint8, not \(type.rawValue)")
    return false
  }

  /// The bits that are meant; empty for a whole number.
  private func bits(_ keys: inout MappingReader, _ type: RegisterType) -> Range<Int> {
    let isFlag = type == .bool && (isFrame || !(table?.isBits ?? true))
    var bits = type == .bool ? 0..<1 : 0..<0
    if isFlag {
      let bit = keys.require("bit", .integer(0...(isFrame ? 7 : 15))) ?? 0
      bits = bit..<bit + 1
    } else {
      let advice =
        type == .bool ? "a coil or discrete input has one bit only" : "for several bits there is \"bits\""
      keys.refuse("bit", "\"bit\" is for a bool in a register; \(advice)")
    }
    if [.uint16, .uint32, .uint64].contains(type) {
      bits = keys.optional("bits", Self.fieldForm(width: type.registers * 16)) ?? bits
    } else if isFrame, type == .uint8 {
      bits = keys.optional("bits", Self.fieldForm(width: 8)) ?? bits
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

  /// Many makers reserve a raw value for "no sensor" or "overflow"; taken for a number it would be a wrong one.
  private func invalid(_ keys: inout MappingReader, _ layout: RegisterLayout) -> UInt64? {
    let isSigned = [.int8, .int16, .int32, .int64].contains(layout.type)
    guard isSigned || [.uint8, .uint16, .uint32, .uint64].contains(layout.type) else {
      keys.refuse("invalid", "\"invalid\" is for whole numbers, not \(layout.type.rawValue)")
      return nil
    }
    let isByte = layout.type == .int8 || layout.type == .uint8
    let width = layout.bitCount > 0 ? Int(layout.bitCount) : isByte ? 8 : layout.type.registers * 16
    return keys.optional("invalid", Self.pattern(width: width, isSigned: isSigned))
  }

  /// A raw value in `width` bits, as a decimal number or as the manuals' hexadecimal pattern.
  private static func pattern(width: Int, isSigned: Bool) -> ScalarForm<UInt64> {
    let mask: UInt64 = width == 64 ? .max : (1 << UInt64(width)) - 1
    let highest = isSigned ? mask >> 1 : mask
    let example = "\(highest) or 0x\(String(highest, radix: 16, uppercase: true))"
    return ScalarForm("a raw value of \(width) bits such as \(example)") { text, isPlain in
      guard isPlain else { return nil }
      if text.hasPrefix("0x") {
        return UInt64(text.dropFirst(2), radix: 16).flatMap { $0 <= mask ? $0 : nil }
      }
      // Only the upper half of 64 bits is beyond a whole number's range.
      guard let number = wholeNumber(text).map(Int64.init) else {
        return "1"..."9" ~= text.prefix(1) ? UInt64(text).flatMap { $0 <= highest ? $0 : nil } : nil
      }
      if number >= 0 { return UInt64(number) <= highest ? UInt64(number) : nil }
      return isSigned && UInt64(bitPattern: number) >= ~highest ? UInt64(bitPattern: number) & mask : nil
    }
  }
}
