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

  // Format 1: u8 version, u32 count, then for each point: u8 name length, name; u8 unit length, unit (0: none);
  // u8 kind; u32 window seconds (0: raw); u8 functions; where kind is alarm: u8 length, alarm. Little-endian.
  private static let version: UInt8 = 1

  private static func encode(_ points: [PointDescription]) -> [UInt8] {
    var buffer = ByteBuffer(capacity: 16 + points.count * 40)
    buffer.append(version)
    buffer.append(fixed: UInt32(points.count))
    for point in points {
      append(point.name, to: &buffer)
      append(point.unit ?? "", to: &buffer)
      buffer.append(point.kind.rawValue)
      switch point.window {
      case .raw: buffer.append(fixed: UInt32(0))
      case .tumbling(let seconds): buffer.append(fixed: seconds)
      }
      buffer.append(point.functions.rawValue)
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
    guard reader.byte() == version, let count = reader.fixed(UInt32.self), count <= bytes.count else {
      return nil
    }
    var points: [PointDescription] = []
    points.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let name = reader.text(), let unit = reader.text(),
        let kind = reader.byte().flatMap(PointKind.init),
        let seconds = reader.fixed(UInt32.self), let functions = reader.byte()
      else { return nil }
      var alarm: String?
      if kind == .alarm {
        guard let name = reader.text() else { return nil }
        alarm = name
      }
      points.append(
        PointDescription(
          name: name, unit: unit.isEmpty ? nil : unit, kind: kind,
          window: seconds == 0 ? .raw : .tumbling(seconds: seconds),
          functions: WindowFunctions(rawValue: functions), alarm: alarm))
    }
    return reader.isAtEnd ? points : nil
  }
}
