/// A frame into a point's value. Pure; allocates nothing for numbers of up to 15 characters. Promises: decimals are
/// taken exactly, with one rounding where a scale applies, and what is not a number says so instead of becoming one.

/// What a frame said about a point.
package enum FrameReading: Equatable, Sendable {
  /// Nothing: it is another sentence, or another line.
  case other
  case value(Value)
  case failed(QualityReason)
}

extension FrameConfig {
  package func read(_ field: FrameField, in frame: ArraySlice<UInt8>) -> FrameReading {
    switch field.place {
    case .bytes(let bytes): return bytes.read(frame)
    case .text(let place):
      guard let body = body(of: frame, field.selector) else { return .other }
      if let validity = field.validity, !text.confirms(validity, body) { return .failed(.markedInvalid) }
      guard let content = text.field(place, in: body) else { return .failed(.missingField) }
      return field.read(content, usesDecimalComma: text.usesDecimalComma)
    }
  }

  /// Where the fields are; nil where the selector means another frame.
  private func body(of frame: ArraySlice<UInt8>, _ selector: [UInt8]) -> ArraySlice<UInt8>? {
    if case .nmea = shape { return text.sentence(frame, selector) }
    guard frame.starts(with: selector) else { return nil }
    let body = frame.dropFirst(selector.count)
    // A separator right behind the prefix belongs to it, as in `WIND,3.2`.
    guard case .bytes(let separator) = text.separator, !selector.isEmpty,
      !selector.reversed().starts(with: separator.reversed()), body.starts(with: separator)
    else { return body }
    return body.dropFirst(separator.count)
  }
}

extension FrameText {
  /// The fields of a sentence. Its address is the talker's two letters and the three of the sentence, or P and the
  /// maker's letters (NMEA 0183, section 5.3.2); a selector of three letters means any talker's.
  fileprivate func sentence(_ frame: ArraySlice<UInt8>, _ selector: [UInt8]) -> ArraySlice<UInt8>? {
    let address = frame.prefix { $0 != UInt8(ascii: ",") }
    let isAnyTalker = selector.count == 3 && address.count == 5 && address.first != UInt8(ascii: "P")
    guard address.elementsEqual(selector) || isAnyTalker && address.suffix(3).elementsEqual(selector) else {
      return nil
    }
    return frame.dropFirst(address.count + 1)
  }

  fileprivate func confirms(_ validity: FrameValidity, _ body: ArraySlice<UInt8>) -> Bool {
    guard let content = field(validity.place, in: body) else { return false }
    return validity.words.contains { content.elementsEqual($0) }
  }

  /// Without the spaces around it; nil where the frame has no such field.
  func field(_ place: TextPlace, in body: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var rest: ArraySlice<UInt8>? = body
    var number = 0
    while let field = takeField(from: &rest) {
      number += 1
      switch place {
      case .index(let wanted): if number == wanted { return trimmed(named(field).value) }
      case .name(let wanted):
        let (name, value) = named(field)
        if let name, trimmed(name).elementsEqual(wanted) { return trimmed(value) }
      }
    }
    return nil
  }

  private func takeField(from rest: inout ArraySlice<UInt8>?) -> ArraySlice<UInt8>? {
    guard let body = rest else { return nil }
    switch separator {
    case .whitespace:
      let beginning = body.drop(while: isBlank)
      let field = beginning.prefix { !isBlank($0) }
      rest = beginning.dropFirst(field.count)
      return field.isEmpty ? nil : field
    case .bytes(let separator):
      guard let place = firstPlace(of: separator, in: body) else {
        rest = nil
        return body
      }
      rest = body[(place + separator.count)...]
      return body[..<place]
    }
  }

  private func named(_ field: ArraySlice<UInt8>) -> (name: ArraySlice<UInt8>?, value: ArraySlice<UInt8>) {
    guard !nameMark.isEmpty, let place = firstPlace(of: nameMark, in: field) else { return (nil, field) }
    return (field[..<place], field[(place + nameMark.count)...])
  }

  private func firstPlace(of bytes: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
    text.indices.first { text[$0] == bytes[0] && text[$0...].starts(with: bytes) }
  }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

private func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
  let text = text.drop(while: isBlank)
  return text[..<(text.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? text.startIndex)]
}

extension FrameField {
  /// More digits than any number needs.
  private static let longestNumber = 64

  fileprivate func read(_ content: ArraySlice<UInt8>, usesDecimalComma: Bool) -> FrameReading {
    if !words.isEmpty {
      let word = words.first { content.elementsEqual($0.text) }
      return word.map { .value($0.value) } ?? .failed(.notANumber)
    }
    guard content.count >= suffix.count, content.suffix(suffix.count).elementsEqual(suffix) else {
      return .failed(.notANumber)
    }
    let digits = trimmed(content.dropLast(suffix.count))
    guard digits.count <= Self.longestNumber,
      let number = DecimalText(Self.text(digits, usesDecimalComma: usesDecimalComma))
    else { return .failed(.notANumber) }
    // A whole number stays one, exact in 64 bits.
    if scale.isIdentity, number.exponent == 0, let whole = number.significand {
      return .value(.signed(whole))
    }
    let value = scale.apply(number)
    return value.isFinite ? .value(.double(value)) : .failed(.notANumber)
  }

  private static func text(_ digits: ArraySlice<UInt8>, usesDecimalComma: Bool) -> String {
    // A short string lies in the value itself.
    String(unsafeUninitializedCapacity: digits.count) { room in
      for (place, byte) in digits.enumerated() {
        // With a decimal comma a point is a thousands separator, or a mistake: no number either way.
        room[place] =
          switch byte {
          case UInt8(ascii: ",") where usesDecimalComma: UInt8(ascii: ".")
          case UInt8(ascii: ".") where usesDecimalComma: UInt8(ascii: "?")
          default: byte
          }
      }
      return digits.count
    }
  }
}

extension FrameBytes {
  fileprivate func read(_ frame: ArraySlice<UInt8>) -> FrameReading {
    let bytes = frame.dropFirst(first).prefix(width)
    guard bytes.count == width else { return .failed(.missingField) }
    let decoded = withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 4) { words in
      words.initialize(repeating: 0)
      // One byte is the low half of a word.
      for (place, byte) in bytes.enumerated() { words[place / 2] = words[place / 2] << 8 | UInt16(byte) }
      return words.baseAddress.map { RegisterDecoder.decode(layout, $0) } ?? .notANumber
    }
    switch decoded {
    case .value(let value): return .value(value)
    case .notANumber: return .failed(.notANumber)
    }
  }
}

extension LinearScale {
  /// The decimal result with one rounding where its whole numbers fit, as for whole numbers.
  package func apply(_ decimal: DecimalText) -> Double {
    if isIdentity { return decimal.value }
    let places = max(0, -decimal.exponent)
    guard denominator > 0, places <= 18, let whole = decimal.scaled(byTens: places) else {
      return apply(decimal.value)
    }
    let tens = (0..<places).reduce(Int64(1)) { product, _ in product * 10 }
    let (product, productOverflows) = whole.multipliedReportingOverflow(by: numerator)
    let (shift, shiftOverflows) = addend.multipliedReportingOverflow(by: tens)
    let (sum, sumOverflows) = product.addingReportingOverflow(shift)
    let (divisor, divisorOverflows) = denominator.multipliedReportingOverflow(by: tens)
    // Up to 2^53 both are exact as doubles, and the division is the one rounding.
    let fit = !(productOverflows || shiftOverflows || sumOverflows || divisorOverflows)
    guard fit, sum.magnitude <= 1 << 53, divisor <= 1 << 53 else { return apply(decimal.value) }
    return Double(sum) / Double(divisor)
  }
}
