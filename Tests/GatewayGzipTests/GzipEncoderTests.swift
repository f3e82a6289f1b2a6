import GatewayCore
import GatewayGzip
import Testing

@Suite struct GzipEncoderTests {
  @Test func whatIsCompressedComesBackAndTheSameBytesGiveTheSameMember() {
    var noise: UInt64 = 7
    var gzip = GzipEncoder()
    for length in [0, 1, 100, 4096, 70_000, 300_000] {
      for isNoise in [false, true] {
        let bytes = (0..<length).map { index -> UInt8 in
          // Knuth, MMIX: the upper bits look like noise.
          noise = noise &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          return isNoise ? UInt8(truncatingIfNeeded: noise >> 56) : UInt8(index / 7 % 20)
        }
        var one = ByteBuffer()
        var two = ByteBuffer()
        bytes.withUnsafeBytes { gzip.append($0, to: &one) }
        bytes.withUnsafeBytes { gzip.append($0, to: &two) }
        #expect(inflate(one.copyBytes()) == bytes)
        #expect(one.copyBytes() == two.copyBytes())
      }
    }
  }

  @Test func theMemberIsAppendedBehindWhatIsThere() {
    var gzip = GzipEncoder()
    var buffer = ByteBuffer()
    buffer.append("head")
    Array("body".utf8).withUnsafeBytes { gzip.append($0, to: &buffer) }
    #expect(Array(buffer.copyBytes().prefix(4)) == Array("head".utf8))
    #expect(inflate(Array(buffer.copyBytes().dropFirst(4))) == Array("body".utf8))
  }

  @Test func membersThatFollowEachOtherAreOneText() {
    var gzip = GzipEncoder()
    var file = ByteBuffer()
    for text in ["one\n", "", "three\n"] { Array(text.utf8).withUnsafeBytes { gzip.append($0, to: &file) } }
    let bytes = file.copyBytes()
    // Whatever the pieces are that a file is read in.
    for piece in [1, 2, 7, bytes.count] {
      #expect(inflate(bytes, piece: piece) == Array("one\nthree\n".utf8))
    }
  }

  @Test func anyByteThatIsWrongOrMissingIsNoticed() {
    var gzip = GzipEncoder()
    var file = ByteBuffer()
    for text in ["some text, some text\n", "and more\n"] {
      Array(text.utf8).withUnsafeBytes { gzip.append($0, to: &file) }
    }
    let bytes = file.copyBytes()
    let text = inflate(bytes)
    for index in bytes.indices {
      // A member's header has a time, a level and a system, which say nothing of the text.
      for bit in 0..<8 {
        var damaged = bytes
        damaged[index] ^= 1 << bit
        let found = inflate(damaged)
        #expect(found == nil || found == text, "bit \(bit) of byte \(index)")
      }
      let cut = inflate(Array(bytes[..<index]))
      #expect(cut == nil || cut == [] && index == 0 || cut == Array("some text, some text\n".utf8))
    }
  }
}

/// nil when the bytes are no whole members.
private func inflate(_ bytes: [UInt8], piece: Int = 4096) -> [UInt8]? {
  var decoder = GzipDecoder()
  var text = ByteBuffer()
  for start in stride(from: 0, to: bytes.count, by: piece) {
    let isIntact = bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes {
      decoder.append($0, to: &text)
    }
    guard isIntact else { return nil }
  }
  return decoder.isAtEnd ? text.copyBytes() : nil
}
