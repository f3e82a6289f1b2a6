internal import GatewayCore
internal import GatewaySystem
internal import Glibc

/// One stream of bytes between a master and a port: a TCP client's connection, or a serial port's near end. Bounded:
/// 4 KiB of requests, and while more than 64 KiB of answers wait to be sent, no further requests are read.
final class FieldChannel {
  enum Progress { case open, closed }

  private static let inputCapacity = 4096
  private static let outputLimit = 64 << 10

  let server: Int
  let token: UInt64
  /// nil: Modbus TCP, where bytes have no time.
  var line: LineClock?
  /// Answers behind a delayed one wait for it.
  var lastDue = BootTime(microseconds: .min)
  /// The same for each unit of a line, whose answers never overtake each other: a slave does one thing after the other.
  var lastDueOfUnit: [UInt8: BootTime] = [:]
  /// Nothing more is read; what is in `output` still leaves.
  var closesWhenSent = false
  var output = ByteBuffer(capacity: 512)
  private let descriptor: FileDescriptor
  private let isTerminal: Bool
  private var sent = 0
  private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: inputCapacity, alignment: 8)
  private var filled = 0
  private var waitsForRoom = false

  init(
    _ descriptor: consuming FileDescriptor, server: Int, token: UInt64, line: LineClock?, isTerminal: Bool
  ) {
    self.descriptor = descriptor
    self.server = server
    self.token = token
    self.line = line
    self.isTerminal = isTerminal
  }

  deinit { input.deallocate() }

  /// Reads what came and hands over each whole Modbus TCP frame.
  func receiveFrames(_ body: (UnsafeRawBufferPointer) -> Void) -> Progress {
    guard let count = read(into: filled) else { return .closed }
    filled += count
    var start = 0
    while !closesWhenSent {
      let rest = UnsafeRawBufferPointer(rebasing: input[start..<filled])
      switch TCPFrame.next(in: rest) {
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

  /// Reads what came, as it came.
  func receiveBytes(_ body: (UnsafeRawBufferPointer) -> Void) -> Progress {
    guard let count = read(into: 0) else { return .closed }
    if count > 0 { body(UnsafeRawBufferPointer(rebasing: input[..<count])) }
    return .open
  }

  /// nil: the stream has ended.
  private func read(into place: Int) -> Int? {
    switch descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: input[place...])) {
    case .success(0): nil
    case .success(let count): count
    case .failure(let error): error.code == EAGAIN ? 0 : nil
    }
  }

  /// Sends what can be sent, and polls for the rest.
  func flush(_ poll: borrowing EventPoll) -> Progress {
    if isTerminal { return flushTerminal() }
    while sent < output.count {
      let result = output.withBytes { bytes in
        retrying {
          send(descriptor.number, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
        }
      }
      switch result {
      case .success(let count): sent += count
      case .failure(let error) where error.code == EAGAIN:
        waitsForRoom = true
        let reads = !closesWhenSent && output.count - sent < Self.outputLimit
        poll.change(descriptor.number, token: token, reads: reads, writes: true)
        return .open
      case .failure: return .closed
      }
    }
    output.removeAll()
    sent = 0
    if waitsForRoom {
      waitsForRoom = false
      poll.change(descriptor.number, token: token, reads: true, writes: false)
    }
    return closesWhenSent ? .closed : .open
  }

  /// A serial port waits for nobody: what is not read in time is lost. It is never closed by what is said on it.
  private func flushTerminal() -> Progress {
    _ = output.withBytes { descriptor.write($0) }
    output.removeAll()
    closesWhenSent = false
    return .open
  }

  /// Whether so much waits to be sent that nothing should be added.
  var isCrowded: Bool { output.count - sent >= Self.outputLimit }
}
