/// One read as it goes over a wire (Modbus Application Protocol 1.1b3, sections 6.1-6.4), and the two frames that
/// carry it: RTU (Modbus over Serial Line 1.02, section 2.5.1) and TCP (Messaging on TCP/IP 1.0b, section 3.1).
package struct ModbusRequest: Equatable, BitwiseCopyable, Sendable {
  /// Unit, function, address, count, CRC.
  package static let rtuLength = 8
  /// Transaction, protocol, length, unit, function, address, count.
  package static let tcpLength = 12
  /// The longest frames there are: 256 bytes with a CRC, 260 with a header.
  package static let longestFrame = 260

  package var unit: UInt8
  package var table: RegisterTable
  /// Zero-based protocol address.
  package var address: UInt16
  /// Registers or bits: 1 … `table.requestLimit`.
  package var count: UInt16

  package init(unit: UInt8, table: RegisterTable, address: UInt16, count: UInt16) {
    self.unit = unit
    self.table = table
    self.address = address
    self.count = count
  }

  package var function: UInt8 { table.function }

  /// The data bytes of the right answer: 1 … 250.
  package var dataBytes: Int { table.isBits ? (Int(count) + 7) / 8 : 2 * Int(count) }

  /// Characters of the answer on a serial line.
  package var rtuAnswerLength: Int { 5 + dataBytes }

  /// Writes the RTU frame to the start of `frame`; its length.
  package func encodeRTU(into frame: UnsafeMutableRawBufferPointer) -> Int {
    encode(into: frame, at: 0)
    let crc = ModbusCRC.of(UnsafeRawBufferPointer(rebasing: frame[..<6]))
    frame[6] = UInt8(crc & 0xFF)
    frame[7] = UInt8(crc >> 8)
    return Self.rtuLength
  }

  /// Writes the TCP frame to the start of `frame`; its length.
  package func encodeTCP(transaction: UInt16, into frame: UnsafeMutableRawBufferPointer) -> Int {
    for (place, word) in [transaction, 0, 6].enumerated() {
      frame.storeBytes(of: word.bigEndian, toByteOffset: 2 * place, as: UInt16.self)
    }
    encode(into: frame, at: 6)
    return Self.tcpLength
  }

  private func encode(into frame: UnsafeMutableRawBufferPointer, at start: Int) {
    frame[start] = unit
    frame[start + 1] = function
    frame.storeBytes(of: address.bigEndian, toByteOffset: start + 2, as: UInt16.self)
    frame.storeBytes(of: count.bigEndian, toByteOffset: start + 4, as: UInt16.self)
  }
}

extension RegisterTable {
  /// The function that reads the table (sections 6.1-6.4).
  package var function: UInt8 {
    switch self {
    case .coil: 1
    case .discrete: 2
    case .holding: 3
    case .input: 4
    }
  }
}

/// CRC-16/MODBUS: polynomial 0x8005 reflected, started with ones, sent low byte first (Modbus over Serial Line
/// 1.02, section 2.5.1.2 and its appendix B).
package enum ModbusCRC {
  private static let table: [UInt16] = (0..<256).map { byte in
    (0..<8).reduce(UInt16(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0xA001 : crc >> 1 }
  }

  package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt16 {
    table.withUnsafeBufferPointer { table in
      var crc: UInt16 = 0xFFFF
      for byte in bytes { crc = crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] }
      return crc
    }
  }

  /// Whether the last two bytes are the right check of those before.
  package static func holds(_ frame: UnsafeRawBufferPointer) -> Bool {
    guard frame.count > 2 else { return false }
    let end = frame.count - 2
    let crc = of(UnsafeRawBufferPointer(rebasing: frame[..<end]))
    return frame[end] == UInt8(crc & 0xFF) && frame[end + 1] == UInt8(crc >> 8)
  }
}
