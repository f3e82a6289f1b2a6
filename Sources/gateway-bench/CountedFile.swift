internal import GatewayStore
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// A store's file that counts what is read, and that a benchmark fills without waiting for the medium.
final class CountedFile: BlockDevice {
  private let descriptor: FileDescriptor
  let bytesRead = Atomic<Int>(0)
  let reads = Atomic<Int>(0)

  init(_ path: String) throws(SystemError) { descriptor = try FileDescriptor.open(path, O_RDWR | O_CREAT) }

  var size: Int { Int(lseek(descriptor.number, 0, SEEK_END)) }

  func read(into room: UnsafeMutableRawBufferPointer, at offset: Int) -> Result<Int, Errno> {
    let result = descriptor.readAll(into: room, at: offset)
    if case .success(let count) = result { bytesRead.add(count, ordering: .relaxed) }
    reads.add(1, ordering: .relaxed)
    return result
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Result<Void, Errno> {
    descriptor.writeAll(bytes, at: offset)
  }

  func synchronize() -> Result<Void, Errno> { .success(()) }

  func reserve(_ length: Int) -> Result<Void, Errno> { .success(()) }

  func dropCache() {}

  /// Puts all of it on the medium.
  func flush() { _ = descriptor.synchronizeData() }

  /// CPU microseconds for reading the first `bytes`, in pieces of 64 KiB, from the medium or from memory.
  func bareReads(_ bytes: Int, cold: Bool) -> Double {
    if cold { _ = posix_fadvise(descriptor.number, 0, 0, POSIX_FADV_DONTNEED) }
    let piece = 64 << 10
    return withUnsafeTemporaryAllocation(byteCount: piece, alignment: 16) { room in
      let cpu = SystemClock.threadCPU
      for offset in stride(from: 0, to: bytes, by: piece) {
        let part = UnsafeMutableRawBufferPointer(rebasing: room[..<min(piece, bytes - offset)])
        _ = descriptor.readAll(into: part, at: offset)
      }
      return Double(SystemClock.threadCPU - cpu)
    }
  }
}
