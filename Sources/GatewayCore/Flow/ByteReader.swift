/// Takes numbers off the front of bytes that may be anything; nil where they end too early.
package struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  package private(set) var index = 0

  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  package var isAtEnd: Bool { index == bytes.count }

  @inline(__always)
  package mutating func byte() -> UInt8? {
    guard index < bytes.count else { return nil }
    defer { index += 1 }
    return bytes[index]
  }

  /// At most ten bytes; a longer or overflowing one is nil.
  @inline(__always)
  package mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = byte() {
      if shift == 63 && byte > 1 { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { return nil }
    }
    return nil
  }

  @inline(__always)
  package mutating func fixed<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
    guard bytes.count - index >= MemoryLayout<Number>.size else { return nil }
    defer { index += MemoryLayout<Number>.size }
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: Number.self))
  }

  /// What was not read.
  package var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[index...]) }

  /// The next `length` bytes.
  package mutating func bytes(_ length: UInt64) -> UnsafeRawBufferPointer? {
    guard let length = Int(exactly: length), bytes.count - index >= length else { return nil }
    defer { index += length }
    return UnsafeRawBufferPointer(rebasing: bytes[index..<index + length])
  }

  /// A byte with the length, then that many bytes of UTF-8.
  package mutating func text() -> String? {
    guard let length = byte().map(Int.init), bytes.count - index >= length else { return nil }
    defer { index += length }
    return String(validating: bytes[index..<index + length], as: UTF8.self)
  }
}
