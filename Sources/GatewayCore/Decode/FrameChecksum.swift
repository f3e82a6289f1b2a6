/// The checksums that binary frames carry. Each is a function of the bytes it covers and nothing else.
package enum FrameChecksum: String, Hashable, Sendable, CaseIterable {
  /// The low byte of the sum (SDS011).
  case sum8
  /// What the sum lacks to 256 (Winsen's sensors, Modbus ASCII's LRC).
  case negatedSum8 = "sum8-negated"
  /// The low 16 bits of the sum (Plantower PMS5003).
  case sum16
  case xor
  /// Polynomial 0x8005 reflected, begins with 0xFFFF (Modbus over Serial Line 1.02, section 2.5.1.2).
  case modbus = "crc16-modbus"
  /// Polynomial 0x1021, begins with 0xFFFF (known as CRC-16/CCITT-FALSE).
  case ccitt = "crc16-ccitt"

  package var bytes: Int {
    switch self {
    case .sum8, .negatedSum8, .xor: 1
    case .sum16, .modbus, .ccitt: 2
    }
  }

  package func of(_ bytes: ArraySlice<UInt8>) -> UInt16 {
    switch self {
    case .sum8: sum(bytes) & 0xFF
    case .negatedSum8: (0 &- sum(bytes)) & 0xFF
    case .sum16: sum(bytes)
    case .xor: UInt16(bytes.reduce(0) { $0 ^ $1 })
    case .modbus: bytes.reduce(0xFFFF) { Self.modbus($0 ^ UInt16($1)) }
    case .ccitt: bytes.reduce(0xFFFF) { Self.ccitt($0 ^ UInt16($1) << 8) }
    }
  }

  private func sum(_ bytes: ArraySlice<UInt8>) -> UInt16 { bytes.reduce(0) { $0 &+ UInt16($1) } }

  // Bit by bit: a frame of 100 bytes a second does not earn a table.
  private static func modbus(_ crc: UInt16) -> UInt16 {
    (0..<8).reduce(crc) { crc, _ in crc & 1 != 0 ? crc >> 1 ^ 0xA001 : crc >> 1 }
  }

  private static func ccitt(_ crc: UInt16) -> UInt16 {
    (0..<8).reduce(crc) { crc, _ in crc & 0x8000 != 0 ? crc << 1 ^ 0x1021 : crc << 1 }
  }
}
