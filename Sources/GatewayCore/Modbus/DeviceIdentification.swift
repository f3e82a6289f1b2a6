/// The question what a device is, and its answer: function 43, MEI type 14, the basic objects (Modbus Application
/// Protocol 1.1b3, section 6.21). Pure.
package struct DeviceIdentification: Sendable {
  private static let function: UInt8 = 0x2B
  private static let mei: UInt8 = 0x0E
  private static let basic: UInt8 = 0x01

  package let unit: UInt8

  package init(unit: UInt8) { self.unit = unit }

  /// A request that no answer of this function can be taken for.
  package var stand: ModbusRequest { ModbusRequest(unit: unit, table: .holding, address: 0, count: 1) }

  package func frame(isRTU: Bool, transaction: UInt16) -> [UInt8] {
    let body = [unit, Self.function, Self.mei, Self.basic, 0]
    guard isRTU else {
      return [UInt8(transaction >> 8), UInt8(transaction & 0xFF), 0, 0, 0, UInt8(body.count)] + body
    }
    let crc = body.withUnsafeBytes { ModbusCRC.of($0) }
    return body + [UInt8(crc & 0xFF), UInt8(crc >> 8)]
  }

  /// Maker, product code, version, as far as the device says them; empty for anything but a right answer.
  package func answer(_ bytes: UnsafeRawBufferPointer, isRTU: Bool, transaction: UInt16) -> [String] {
    guard let body = isRTU ? rtuBody(bytes) : tcpBody(bytes, transaction) else { return [] }
    // Unit, function, MEI type, code, conformity, more follows, next object, number of objects.
    guard body.count >= 8, body[0] == unit, body[1] == Self.function, body[2] == Self.mei else { return [] }
    var texts: [String] = []
    var place = 8
    for _ in 0..<body[7] {
      guard place + 2 <= body.count, place + 2 + Int(body[place + 1]) <= body.count else { return texts }
      let text = body[place + 2..<place + 2 + Int(body[place + 1])]
      texts.append(String(decoding: text.filter { (0x20...0x7E).contains($0) }, as: UTF8.self))
      place += 2 + Int(body[place + 1])
    }
    return texts
  }

  private func rtuBody(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    // Some adapters hear themselves.
    let echo = frame(isRTU: true, transaction: 0)
    let answer = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(bytes.starts(with: echo) ? echo.count : 0))
    return ModbusCRC.holds(answer) ? Array(answer.dropLast(2)) : nil
  }

  private func tcpBody(_ bytes: UnsafeRawBufferPointer, _ transaction: UInt16) -> [UInt8]? {
    guard bytes.count > 6, bytes[0] == UInt8(transaction >> 8), bytes[1] == UInt8(transaction & 0xFF),
      Int(bytes[4]) << 8 | Int(bytes[5]) == bytes.count - 6
    else { return nil }
    return Array(bytes.dropFirst(6))
  }
}
