internal import GatewayCore
internal import GatewaySystem
internal import Glibc

/// One client of a simulated server. Bounded: 4 KiB of requests, and while more than 64 KiB of answers wait to be
/// sent, no further requests are read.
final class FieldConnection {
  enum Progress { case open, closed }

  private static let inputCapacity = 4096
  private static let outputLimit = 64 << 10

  let socket: FileDescriptor
  let server: Int
  let token: UInt64
  /// Answers behind a delayed one wait for it.
  var lastDue = BootTime(microseconds: .min)
  /// Nothing more is read; what is in `output` still leaves.
  var closesWhenSent = false
  var output = ByteBuffer(capacity: 512)
  private var sent = 0
  private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: inputCapacity, alignment: 8)
  private var filled = 0
  private var waitsForRoom = false

  init(socket: consuming FileDescriptor, server: Int, token: UInt64) {
    self.socket = socket
    self.server = server
    self.token = token
  }

  deinit { input.deallocate() }

  /// Reads what came and hands over each whole frame.
  func receive(_ body: (UnsafeRawBufferPointer) -> Void) -> Progress {
    switch socket.read(into: UnsafeMutableRawBufferPointer(rebasing: input[filled...])) {
    case .success(0): return .closed
    case .success(let count): filled += count
    case .failure(let error): return error.code == EAGAIN ? .open : .closed
    }
    var start = 0
    while !closesWhenSent {
      let rest = UnsafeRawBufferPointer(rebasing: input[start..<filled])
      switch ModbusFrame.next(in: rest) {
      case .nonsense: return .closed
      case .incomplete:
        // A frame is at most 260 bytes, so there is always room for the rest of it.
        if start > 0 {
          input.baseAddress!.copyMemory(from: input.baseAddress! + start, byteCount: rest.count)
        }
        filled = rest.count
        return .open
      case .whole(let length):
        body(UnsafeRawBufferPointer(rebasing: rest[..<length]))
        start += length
      }
    }
    filled = 0
    return .open
  }

  /// Sends what can be sent, and polls for the rest.
  func flush(_ poll: borrowing EventPoll) -> Progress {
    while sent < output.count {
      let result = output.withBytes { bytes in
        retrying { send(socket.number, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL)) }
      }
      switch result {
      case .success(let count): sent += count
      case .failure(let error) where error.code == EAGAIN:
        waitsForRoom = true
        let reads = !closesWhenSent && output.count - sent < Self.outputLimit
        poll.change(socket.number, token: token, reads: reads, writes: true)
        return .open
      case .failure: return .closed
      }
    }
    output.removeAll()
    sent = 0
    if waitsForRoom {
      waitsForRoom = false
      poll.change(socket.number, token: token, reads: true, writes: false)
    }
    return closesWhenSent ? .closed : .open
  }
}
