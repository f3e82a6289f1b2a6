private import CZlib
package import GatewayCore

/// Reads gzip members that follow each other (RFC 1952, 2.2), in whatever pieces their bytes come. Checks
/// each member's CRC and length. Relies on zlib.
package struct GzipDecoder: ~Copyable {
  // zlib keeps a pointer back to its stream: it must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  /// Between two members, or before the first.
  package private(set) var isAtEnd = true

  package init() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let code = gateway_inflate_init_gzip(stream)
    precondition(code == Z_OK, "BUG: zlib refuses the decoder's parameters (\(code))")
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Appends the text of `bytes`; false where they are no gzip, and then nothing more can be read.
  package mutating func append(_ bytes: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) -> Bool {
    // zlib reads through this pointer and never writes.
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(bytes.count)
    var hasMore = false
    while stream.pointee.avail_in > 0 || hasMore {
      isAtEnd = false
      var code = Z_OK
      buffer.append(upTo: 64 << 10) { room in
        stream.pointee.next_out = room.baseAddress!.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(room.count)
        code = inflate(stream, Z_NO_FLUSH)
        return room.count - Int(stream.pointee.avail_out)
      }
      // A full room may leave text that needs no further bytes.
      hasMore = code == Z_OK && stream.pointee.avail_out == 0
      switch code {
      case Z_OK, Z_BUF_ERROR: break
      case Z_STREAM_END:
        inflateReset(stream)
        isAtEnd = true
      default: return false
      }
    }
    return true
  }
}
