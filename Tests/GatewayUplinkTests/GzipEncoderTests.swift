import GatewayCore
import GatewayUplink
import Testing

@Suite struct GzipEncoderTests {
  @Test func whatIsCompressedComesBackAndTheSameBytesGiveTheSameMember() {
    var generator = SeededGenerator(seed: 7)
    var gzip = GzipEncoder()
    for length in [0, 1, 100, 4096, 70_000, 300_000] {
      for isNoise in [false, true] {
        let bytes = (0..<length).map { index -> UInt8 in
          isNoise ? UInt8.random(in: 0...255, using: &generator) : UInt8(index / 7 % 20)
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
}
