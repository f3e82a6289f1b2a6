internal import CZlib
internal import GatewayCore

/// Unpacks gzip (RFC 1952), bounded. Owned by one thread; its state is kept from call to call.
final class Inflater {
  enum Problem: Error { case notGzip, tooLong }

  /// A bomb unpacks to a thousand times its size.
  static let limit = 256 << 20

  private var stream = z_stream()

  init() {
    let code = gateway_inflate_init_gzip(&stream)
    precondition(code == Z_OK, "BUG: zlib does not start (\(code))")
  }

  deinit { inflateEnd(&stream) }

  /// Replaces what is in `output`.
  func inflate(_ bytes: UnsafeRawBufferPointer, into output: inout ByteBuffer) throws(Problem) {
    output.removeAll()
    inflateReset(&stream)
    stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.avail_in = UInt32(bytes.count)
    var code = Z_OK
    while code == Z_OK {
      guard output.count < Self.limit else { throw .tooLong }
      output.append(upTo: 256 << 10) { room in
        stream.next_out = room.baseAddress!.assumingMemoryBound(to: UInt8.self)
        stream.avail_out = UInt32(room.count)
        code = CZlib.inflate(&stream, Z_NO_FLUSH)
        return room.count - Int(stream.avail_out)
      }
    }
    guard code == Z_STREAM_END, stream.avail_in == 0 else { throw .notGzip }
  }
}
