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
  // u8 kind; u32 window seconds (0: raw); u32 seconds from row to row; u32 functions. Little-endian.
  // Format 1 has u8 functions and all windows tumbling.
  private static let version: UInt8 = 2

  private static func encode(_ points: [PointDescription]) -> [UInt8] {
    var buffer = ByteBuffer(capacity: 16 + points.count * 40)
    buffer.append(version)
    buffer.append(fixed: UInt32(points.count))
    for point in points {
      append(point.name, to: &buffer)
      append(point.unit ?? "", to: &buffer)
      buffer.append(point.kind.rawValue)
      buffer.append(fixed: UInt32(point.window.length / 1_000_000))
      buffer.append(fixed: UInt32(point.window.step / 1_000_000))
      buffer.append(fixed: point.functions.rawValue)
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
      let seconds = reader.fixed(UInt32.self)
    else { return nil }
    var (window, functions) = (seconds == 0 ? Window.raw : .tumbling(seconds: seconds), WindowFunctions())
    if version == 1 {
      guard let bits = reader.byte() else { return nil }
      functions = WindowFunctions(rawValue: UInt32(bits))
    } else {
      guard let step = reader.fixed(UInt32.self), let bits = reader.fixed(UInt32.self), step <= seconds,
        step == 0 ? seconds == 0 : seconds % step == 0
      else { return nil }
      if step < seconds { window = .sliding(seconds: seconds, slide: step) }
      functions = WindowFunctions(rawValue: bits)
    }
    return PointDescription(
      name: name, unit: unit.isEmpty ? nil : unit, kind: kind, window: window, functions: functions)
  }
}
