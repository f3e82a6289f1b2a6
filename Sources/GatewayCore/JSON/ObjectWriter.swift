/// One JSON object under way, its members in the order in which they are given: knows whether a comma is due.
package struct ObjectWriter {
  private var isEmpty = true

  package init(_ buffer: inout ByteBuffer) { buffer.append(UInt8(ascii: "{")) }

  package func end(_ buffer: inout ByteBuffer) { buffer.append(UInt8(ascii: "}")) }

  package mutating func member(
    _ key: StaticString, to buffer: inout ByteBuffer, _ value: (inout ByteBuffer) -> Void
  ) {
    buffer.append(isEmpty ? "\"" : ",\"")
    isEmpty = false
    buffer.append(key)
    buffer.append("\":")
    value(&buffer)
  }

  package mutating func member<Element>(
    _ key: StaticString, _ elements: [Element], to buffer: inout ByteBuffer,
    _ append: (Element, inout ByteBuffer) -> Void
  ) {
    member(key, to: &buffer) { buffer in
      buffer.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { buffer.append(UInt8(ascii: ",")) }
        append(element, &buffer)
      }
      buffer.append(UInt8(ascii: "]"))
    }
  }

  package mutating func member(_ key: StaticString, _ text: String?, to buffer: inout ByteBuffer) {
    member(key, to: &buffer) { buffer in
      if let text { JSONWriter.append(string: text, to: &buffer) } else { buffer.append("null") }
    }
  }

  package mutating func member(_ key: StaticString, _ number: UInt64, to buffer: inout ByteBuffer) {
    member(key, to: &buffer) { JSONWriter.append(integer: number, to: &$0) }
  }

  package mutating func member(_ key: StaticString, _ flag: Bool, to buffer: inout ByteBuffer) {
    member(key, to: &buffer) { $0.append(flag ? "true" : "false") }
  }

  package mutating func member(_ key: StaticString, _ time: Timestamp?, to buffer: inout ByteBuffer) {
    member(key, to: &buffer) { buffer in
      guard let time else { return buffer.append("null") }
      buffer.append(UInt8(ascii: "\""))
      time.append(to: &buffer)
      buffer.append(UInt8(ascii: "\""))
    }
  }

  /// To a thousandth; a share of one.
  package mutating func member(_ key: StaticString, share: Double?, to buffer: inout ByteBuffer) {
    member(key, seconds: share, to: &buffer)
  }

  /// To the millisecond; more digits would only be noise.
  package mutating func member(_ key: StaticString, seconds: Double?, to buffer: inout ByteBuffer) {
    member(key, to: &buffer) { buffer in
      guard let seconds else { return buffer.append("null") }
      JSONWriter.append(double: (seconds * 1000).rounded() / 1000, to: &buffer)
    }
  }
}
