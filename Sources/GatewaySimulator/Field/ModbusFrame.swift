internal import GatewayCore

/// What carries a request and its answer: each framing adds something of its own around unit and PDU.
enum Framing: Equatable, Sendable {
  /// Modbus Messaging on TCP/IP 1.0b, section 3.1: a header before them.
  case tcp
  /// Modbus over Serial Line 1.02, section 2.5.1: a checksum behind them.
  case rtu
  /// Bytes that are not Modbus.
  case plain

  /// Bytes before the unit.
  var headLength: Int { self == .tcp ? TCPFrame.headerLength - 1 : 0 }
  /// Bytes behind the PDU.
  var tailLength: Int { self == .rtu ? 2 : 0 }

  /// The whole frame around `body` (unit and PDU), as the answer to the frame `request`.
  func frame(_ body: [UInt8], answering request: UnsafeRawBufferPointer) -> [UInt8] {
    switch self {
    case .tcp:
      [request[0], request[1], 0, 0, UInt8(body.count >> 8), UInt8(truncatingIfNeeded: body.count)] + body
    case .rtu: RTUFrame.sealed(body)
    case .plain: body
    }
  }
}

enum TCPFrame {
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
    let length = ModbusPDU.word(bytes, 4)
    guard ModbusPDU.word(bytes, 2) == 0, length >= 2, length + 6 <= maximumLength else { return .nonsense }
    return bytes.count >= length + 6 ? .whole(length + 6) : .incomplete
  }

  /// Appends a header for the answer to `request`, then what `body` appends after it.
  static func append(
    to output: inout ByteBuffer, answering request: UnsafeRawBufferPointer, _ body: (inout ByteBuffer) -> Void
  ) {
    let start = output.count
    output.append(upTo: headerLength) { room in
      (room[0], room[1], room[2], room[3]) = (request[0], request[1], 0, 0)
      (room[4], room[5], room[6]) = (0, 0, request[6])
      return headerLength
    }
    body(&output)
    let length = output.count - start - 6
    output.withMutableBytes { bytes in
      (bytes[start + 4], bytes[start + 5]) = (UInt8(length >> 8), UInt8(length & 255))
    }
  }
}

enum RTUFrame {
  /// Unit, PDU of 253 bytes, CRC.
  static let maximumLength = 256

  /// How many bytes the request at the start of `bytes` takes, from its function alone; nil: more bytes are needed.
  /// Only where no time shows a frame's end.
  static func requestLength(in bytes: UnsafeRawBufferPointer) -> Int? {
    guard bytes.count >= 2 else { return nil }
    switch bytes[1] {
    case 1...6: return bytes.count >= 8 ? 8 : nil
    case 15, 16:
      guard bytes.count >= 7 else { return nil }
      let length = 9 + Int(bytes[6])
      return bytes.count >= length ? length : nil
    default: return bytes.count >= 4 ? bytes.count : nil
    }
  }

  /// Whether `frame` ends with the checksum of what is before; one of less than four bytes never does.
  static func isSound(_ frame: UnsafeRawBufferPointer) -> Bool {
    guard frame.count >= 4 else { return false }
    let sum = checksum(UnsafeRawBufferPointer(rebasing: frame[..<(frame.count - 2)]))
    return frame[frame.count - 2] == UInt8(sum & 255) && frame[frame.count - 1] == UInt8(sum >> 8)
  }

  static func sealed(_ body: [UInt8]) -> [UInt8] {
    let sum = body.withUnsafeBytes { checksum($0) }
    return body + [UInt8(sum & 255), UInt8(sum >> 8)]
  }

  /// CRC-16/MODBUS (Modbus over Serial Line 1.02, section 6.2.2): bit by bit, where the gateway's library uses tables.
  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt16 {
    var sum: UInt16 = 0xFFFF
    for byte in bytes {
      sum ^= UInt16(byte)
      for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : sum >> 1 ^ 0xA001 }
    }
    return sum
  }
}
