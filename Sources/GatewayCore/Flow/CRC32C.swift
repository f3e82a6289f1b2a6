/// CRC-32C (Castagnoli; RFC 3720, appendix B.4): slice by eight, 1 GB/s without any one processor's instruction.
package struct CRC32C: BitwiseCopyable, Sendable {
  private var state: UInt32 = ~0

  package init() {}

  package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32C()
    crc.update(bytes)
    return crc.value
  }

  package var value: UInt32 { ~state }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    let table = Self.tables.words
    var crc = state
    var index = 0
    while index + 8 <= bytes.count {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      let low = UInt32(truncatingIfNeeded: word) ^ crc
      let high = UInt32(truncatingIfNeeded: word >> 32)
      crc = table[7 * 256 + Int(low & 255)] ^ table[6 * 256 + Int(low >> 8 & 255)]
      crc ^= table[5 * 256 + Int(low >> 16 & 255)] ^ table[4 * 256 + Int(low >> 24)]
      crc ^= table[3 * 256 + Int(high & 255)] ^ table[2 * 256 + Int(high >> 8 & 255)]
      crc ^= table[256 + Int(high >> 16 & 255)] ^ table[Int(high >> 24)]
      index += 8
    }
    while index < bytes.count {
      crc = table[Int((crc ^ UInt32(bytes[index])) & 255)] ^ crc >> 8
      index += 1
    }
    state = crc
  }

  /// Eight tables of 256 words, built once and never freed.
  private struct Tables: @unchecked Sendable {
    // Sendable: written in init, only read afterwards.
    let words: UnsafeMutablePointer<UInt32>

    init() {
      words = .allocate(capacity: 8 * 256)
      for byte in 0..<256 {
        var crc = UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
        words[byte] = crc
      }
      for byte in 256..<8 * 256 {
        let previous = words[byte - 256]
        words[byte] = words[Int(previous & 255)] ^ previous >> 8
      }
    }
  }
  private static let tables = Tables()
}
