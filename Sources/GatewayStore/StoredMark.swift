internal import GatewayCore
package import GatewaySystem
internal import Glibc
internal import Synchronization

/// The number of the last stored row, on memory that survives the process but not the machine (a file on the
/// runtime directory's tmpfs; no synchronisation, no wear).
///
/// After a kill it proves that the end of the log is the end: a log that ends earlier lost rows which may have
/// been sent, and their numbers must not be given to others. After a power cut it is gone, or of another boot,
/// and proves nothing. Written by the store's writing thread, read at start.
///
/// Format: "CGWMARK1", u32 CRC-32C of bytes 16 ..< 48, u32 0, 16 bytes boot, u64 stream, u64 stored through.
package final class StoredMark: Sendable {
  struct Content: Equatable {
    var boot: BootID
    var stream: StreamID
    var storedThrough: UInt64
  }

  private static let magic: StaticString = "CGWMARK1"
  private static let size = 48

  private final class File: Sendable {
    let descriptor: FileDescriptor
    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
  }

  private let file: File?
  private let memory = Mutex<[UInt8]>([])

  /// On a file, made when there is none.
  package init(path: String) throws(SystemError) {
    file = File(try FileDescriptor.open(path, O_RDWR | O_CREAT | O_NONBLOCK))
  }

  /// In this process only: proves something about a store that the same process opens again.
  package init() { file = nil }

  /// nil when there is none that can be believed.
  func read() -> Content? {
    let bytes = stored()
    return bytes.withUnsafeBytes { bytes in
      guard bytes.count == Self.size, bytes.starts(with: Self.magic),
        CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[16...])) == bytes.number(UInt32.self, at: 8)
      else { return nil }
      return Content(
        boot: bytes.boot(at: 16), stream: StreamID(bits: bytes.number(at: 32)),
        storedThrough: bytes.number(at: 40))
    }
  }

  private func stored() -> [UInt8] {
    guard let file else { return memory.withLock { $0 } }
    var bytes = [UInt8](repeating: 0, count: Self.size)
    guard
      case .success(Self.size) = bytes.withUnsafeMutableBytes({ file.descriptor.readAll(into: $0, at: 0) })
    else {
      return []
    }
    return bytes
  }

  /// A mark that cannot be written is no loss: the next start draws a new stream.
  func write(_ content: Content) {
    var buffer = ByteBuffer(capacity: Self.size)
    buffer.append(Self.magic)
    buffer.append(zeros: 8)
    buffer.append(content.boot)
    buffer.append(fixed: content.stream.bits)
    buffer.append(fixed: content.storedThrough)
    buffer.seal(crcAt: 8, over: 16..<Self.size)
    guard let file else { return memory.withLock { $0 = buffer.copyBytes() } }
    _ = buffer.withBytes { file.descriptor.writeAll($0, at: 0) }
  }
}
