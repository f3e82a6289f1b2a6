internal import GatewayCore

/// Modbus over TCP as a device speaks it (Modbus Messaging on TCP/IP 1.0b, section 3.1; Application Protocol
/// 1.1b3, sections 6.1-6.4 and 7). Pure: bytes in, bytes out.
enum ModbusFrame {
  /// Transaction, protocol, length (2 bytes each) and unit.
  static let headerLength = 7
  /// A header and a PDU of 253 bytes.
  static let maximumLength = 260

  enum Next: Equatable {
    /// More bytes are needed.
    case incomplete
    /// So many bytes are one frame.
    case whole(Int)
    /// This is not Modbus, and there is no way back into step.
    case nonsense
  }

  static func next(in bytes: UnsafeRawBufferPointer) -> Next {
    guard bytes.count >= 6 else { return .incomplete }
    let length = word(bytes, 4)
    guard word(bytes, 2) == 0, length >= 2, length + 6 <= maximumLength else { return .nonsense }
    return bytes.count >= length + 6 ? .whole(length + 6) : .incomplete
  }

  static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int {
    Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
  }

  /// Appends a device's answer to the whole frame `request`.
  static func answer(
    _ request: UnsafeRawBufferPointer, from image: DeviceImage, into output: inout ByteBuffer
  ) {
    guard let table = table(function: request[7]) else { return refuse(request, code: 1, into: &output) }
    guard request.count == 12 else { return refuse(request, code: 3, into: &output) }
    let address = word(request, 8)
    let count = word(request, 10)
    guard count >= 1, count <= table.requestLimit else { return refuse(request, code: 3, into: &output) }
    let byteCount = table.isBits ? (count + 7) / 8 : 2 * count
    let answered: Void? = image.read(table, at: address, count: count) { words in
      header(request, length: 3 + byteCount, into: &output)
      output.append(request[7])
      output.append(UInt8(byteCount))
      output.append(upTo: byteCount) { room in
        if table.isBits { pack(words, into: room) } else { copy(words, into: room) }
        return byteCount
      }
    }
    if answered == nil { refuse(request, code: 2, into: &output) }
  }

  /// Appends an exception.
  static func refuse(_ request: UnsafeRawBufferPointer, code: UInt8, into output: inout ByteBuffer) {
    header(request, length: 3, into: &output)
    output.append(request[7] | 0x80)
    output.append(code)
  }

  private static func table(function: UInt8) -> RegisterTable? {
    switch function {
    case 1: .coil
    case 2: .discrete
    case 3: .holding
    case 4: .input
    default: nil
    }
  }

  private static func header(_ request: UnsafeRawBufferPointer, length: Int, into output: inout ByteBuffer) {
    output.append(upTo: headerLength) { room in
      (room[0], room[1], room[2], room[3]) = (request[0], request[1], 0, 0)
      (room[4], room[5], room[6]) = (UInt8(length >> 8), UInt8(length & 255), request[6])
      return headerLength
    }
  }

  private static func copy(_ words: UnsafeBufferPointer<UInt16>, into room: UnsafeMutableRawBufferPointer) {
    for index in 0..<words.count {
      room.storeBytes(of: words[index].bigEndian, toByteOffset: 2 * index, as: UInt16.self)
    }
  }

  /// The first bit is the lowest of the first byte (section 6.1).
  private static func pack(_ bits: UnsafeBufferPointer<UInt16>, into room: UnsafeMutableRawBufferPointer) {
    for index in 0..<room.count { room[index] = 0 }
    for index in 0..<bits.count where bits[index] != 0 { room[index / 8] |= 1 << UInt8(index % 8) }
  }
}
