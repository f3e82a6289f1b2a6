/// A growing run of bytes with one owner. The hot writers (rows, JSON) append here without the bounds and
/// uniqueness checks of an array; `reserve` is the only place that allocates.
package struct ByteBuffer: ~Copyable, @unchecked Sendable {
  // Sendable: the memory is reachable through this one owner alone.
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  package private(set) var count = 0

  package init(capacity: Int = 4096) {
    self.capacity = Swift.max(capacity, 64)
    base = .allocate(byteCount: self.capacity, alignment: 16)
  }

  deinit { base.deallocate() }

  /// Makes room for `extra` more bytes.
  package mutating func reserve(_ extra: Int) {
    if capacity - count < extra { grow(extra) }
  }

  private mutating func grow(_ extra: Int) {
    capacity = Swift.max(capacity * 2, count + extra)
    let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    larger.copyMemory(from: base, byteCount: count)
    base.deallocate()
    base = larger
  }

  package mutating func append(_ byte: UInt8) {
    reserve(1)
    base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  package mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    reserve(bytes.count)
    (base + count).copyMemory(from: source, byteCount: bytes.count)
    count += bytes.count
  }

  package mutating func append(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { append($0) }
  }

  package mutating func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  package mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  /// Little-endian.
  package mutating func append(fixed value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { append($0) }
  }

  package mutating func append(zeros number: Int) {
    reserve(number)
    (base + count).initializeMemory(as: UInt8.self, repeating: 0, count: number)
    count += number
  }

  /// Lets `write` fill up to `room` bytes in place; it returns how many it wrote.
  package mutating func append(upTo room: Int, _ write: (UnsafeMutableRawBufferPointer) -> Int) {
    reserve(room)
    let written = write(UnsafeMutableRawBufferPointer(start: base + count, count: room))
    precondition(written >= 0 && written <= room, "BUG: wrote past the room it asked for")
    count += written
  }

  package mutating func removeAll() { count = 0 }

  /// Drops what was appended after the first `length` bytes.
  package mutating func truncate(to length: Int) {
    precondition(length >= 0 && length <= count, "BUG: truncating to more than there is")
    count = length
  }

  package borrowing func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(start: base, count: count))
  }

  package mutating func withMutableBytes<Result, Failure: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeMutableRawBufferPointer(start: base, count: count))
  }

  package borrowing func copyBytes() -> [UInt8] { withBytes { [UInt8]($0) } }
}
