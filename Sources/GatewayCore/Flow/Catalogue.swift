/// The point descriptions that a commit's rows refer to by place, identified by the CRC-32C of their encoding.
package final class Catalogue: Sendable, Equatable {
  package let points: [PointDescription]
  package let encoded: [UInt8]
  package let id: UInt32

  package init(points: [PointDescription]) {
    self.points = points
    encoded = Self.encode(points)
    id = encoded.withUnsafeBytes { CRC32C.of($0) }
  }

  /// Reads what `encoded` holds; nil when it is damaged.
  package init?(decoding bytes: [UInt8]) {
    guard let points = bytes.withUnsafeBytes(Self.decode) else { return nil }
    self.points = points
    encoded = bytes
    id = bytes.withUnsafeBytes { CRC32C.of($0) }
  }

  package static func == (left: Catalogue, right: Catalogue) -> Bool { left.points == right.points }

  // Format 2: u8 version, u32 count, then for each point: u8 name length, name; u8 unit length, unit (0: none);
  // u8 kind; varint window seconds (0: raw); varint rows in that time; varint functions. Little-endian.
  // Where kind is alarm: u8 length, alarm. Format 1 has u32 seconds, u8 functions.
  private static let version: UInt8 = 2

  private static func encode(_ points: [PointDescription]) -> [UInt8] {
    var buffer = ByteBuffer(capacity: 16 + points.count * 40)
    buffer.append(version)
    buffer.append(fixed: UInt32(points.count))
    for point in points {
      append(point.name, to: &buffer)
      append(point.unit ?? "", to: &buffer)
      buffer.append(point.kind.rawValue)
      buffer.append(varint: UInt64(point.window.length / 1_000_000))
      buffer.append(varint: UInt64(point.window.length / max(point.window.step, 1)))
      buffer.append(varint: UInt64(point.functions.rawValue))
      if point.kind == .alarm { append(point.alarm ?? "", to: &buffer) }
    }
    return buffer.copyBytes()
  }

  private static func append(_ text: String, to buffer: inout ByteBuffer) {
    precondition(text.utf8.count <= 255, "BUG: a name of more than 255 bytes passed the check")
    buffer.append(UInt8(text.utf8.count))
    buffer.append(text)
  }

  private static func decode(_ bytes: UnsafeRawBufferPointer) -> [PointDescription]? {
    var reader = ByteReader(bytes)
    guard let version = reader.byte(), 1...Self.version ~= version, let count = reader.fixed(UInt32.self),
      count <= bytes.count
    else {
      return nil
    }
    var points: [PointDescription] = []
    points.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let point = Self.point(&reader, version) else { return nil }
      points.append(point)
    }
    return reader.isAtEnd ? points : nil
  }

  private static func point(_ reader: inout ByteReader, _ version: UInt8) -> PointDescription? {
    guard let name = reader.text(), let unit = reader.text(),
      let kind = reader.byte().flatMap(PointKind.init),
      let (window, functions) = version == 1 ? firstWindow(&reader) : window(&reader)
    else { return nil }
    var alarm: String?
    if kind == .alarm {
      guard let name = reader.text() else { return nil }
      alarm = name
    }
    return PointDescription(
      name: name, unit: unit.isEmpty ? nil : unit, kind: kind, window: window, functions: functions,
      alarm: alarm)
  }

  private static func window(_ reader: inout ByteReader) -> (Window, WindowFunctions)? {
    guard let seconds = reader.varint().flatMap(UInt32.init(exactly:)),
      let rows = reader.varint().flatMap(UInt32.init(exactly:)),
      let functions = reader.varint().flatMap(UInt32.init(exactly:))
    else { return nil }
    let known = WindowFunctions(rawValue: functions)
    if seconds == 0 { return rows == 0 ? (.raw, known) : nil }
    guard rows > 0, seconds % rows == 0 else { return nil }
    return (
      rows == 1 ? .tumbling(seconds: seconds) : .sliding(seconds: seconds, slide: seconds / rows), known
    )
  }

  private static func firstWindow(_ reader: inout ByteReader) -> (Window, WindowFunctions)? {
    guard let seconds = reader.fixed(UInt32.self), let functions = reader.byte() else { return nil }
    return (
      seconds == 0 ? .raw : .tumbling(seconds: seconds), WindowFunctions(rawValue: UInt32(functions))
    )
  }
}
