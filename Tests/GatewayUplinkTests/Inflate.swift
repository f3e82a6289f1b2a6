private import CZlib

/// Reads one gzip member; nil when it is damaged, or something follows it.
func inflate(_ bytes: [UInt8]) -> [UInt8]? {
  var stream = z_stream()
  var input = bytes
  var output: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  guard gateway_inflate_init_gzip(&stream) == Z_OK else { return nil }
  defer { inflateEnd(&stream) }
  return input.withUnsafeMutableBufferPointer { input in
    stream.next_in = input.baseAddress
    stream.avail_in = UInt32(input.count)
    while true {
      let code = chunk.withUnsafeMutableBufferPointer { chunk in
        stream.next_out = chunk.baseAddress
        stream.avail_out = UInt32(chunk.count)
        return CZlib.inflate(&stream, Z_NO_FLUSH)
      }
      output.append(contentsOf: chunk[..<(chunk.count - Int(stream.avail_out))])
      if code == Z_STREAM_END { return stream.avail_in == 0 ? output : nil }
      if code != Z_OK { return nil }
    }
  }
}
