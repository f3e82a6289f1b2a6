private import CSystem
package import GatewaySystem
private import Glibc

/// What the store needs of its one file. Tests put faults behind it. One thread writes, any number read.
package protocol BlockDevice: AnyObject, Sendable {
  /// What a person knows it by.
  var name: String { get }
  /// Bytes.
  var size: Int { get }
  /// Fills `room` from `offset`; returns less than its size only at the end of the file.
  func read(into room: UnsafeMutableRawBufferPointer, at offset: Int) -> Result<Int, Errno>
  /// Writes all of `bytes`; they are durable after the next `synchronize` that succeeds.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Result<Void, Errno>
  func synchronize() -> Result<Void, Errno>
  /// Sets `length` bytes of the medium aside without changing the size.
  func reserve(_ length: Int) -> Result<Void, Errno>
  /// The file has no name any more: nobody will find it again.
  var isDeleted: Bool { get }
  /// Gives back what was set aside beyond the size, if that is more than `length` bytes.
  func giveBack(beyond length: Int)
  /// Makes later reads come from the medium: after a failed fdatasync the page cache shows bytes that never
  /// reached it.
  func dropCache()
}

/// The file itself.
final class StoreFile: BlockDevice {
  private let descriptor: FileDescriptor
  private let path: String
  let name: String

  /// `path`: where others look for it.
  init(_ descriptor: consuming FileDescriptor, at path: String) {
    self.descriptor = descriptor
    self.path = path
    name = String(path.reversed().prefix { $0 != "/" }.reversed())
  }

  var size: Int {
    var status = stat()
    return fstat(descriptor.number, &status) == 0 ? Int(status.st_size) : 0
  }

  func read(into room: UnsafeMutableRawBufferPointer, at offset: Int) -> Result<Int, Errno> {
    descriptor.readAll(into: room, at: offset)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Result<Void, Errno> {
    descriptor.writeAll(bytes, at: offset)
  }

  func synchronize() -> Result<Void, Errno> { descriptor.synchronizeData() }

  func reserve(_ length: Int) -> Result<Void, Errno> {
    let result = retrying { gateway_reserve(descriptor.number, off_t(length)) }.map { _ in }
    // A file system that is too small has given all of its room by now.
    if case .failure = result { giveBack(beyond: 0) }
    return result
  }

  var isDeleted: Bool {
    var (own, there) = (stat(), stat())
    guard fstat(descriptor.number, &own) == 0 else { return false }
    guard stat(path, &there) == 0 else { return own.st_nlink == 0 || errno == ENOENT }
    return own.st_dev != there.st_dev || own.st_ino != there.st_ino
  }

  func giveBack(beyond length: Int) {
    var status = stat()
    guard fstat(descriptor.number, &status) == 0, Int(status.st_blocks) * 512 > length else { return }
    // To the size that it has: what lies behind is freed.
    _ = ftruncate(descriptor.number, status.st_size)
  }

  func dropCache() { _ = posix_fadvise(descriptor.number, 0, 0, POSIX_FADV_DONTNEED) }
}

extension BlockDevice {
  package var name: String { StoreFormat.fileName }
  package var isDeleted: Bool { false }
  package func giveBack(beyond length: Int) {}

  /// `reserve`, but a file system that cannot do that is no failure.
  func setAside(_ length: Int) -> Result<Void, Errno> {
    if case .failure(let error) = reserve(length), error.code != EOPNOTSUPP { return .failure(error) }
    return .success(())
  }

  /// Zeros in pieces, so that preparing a slot costs no slot of memory.
  func zero(_ range: Range<Int>) -> Result<Void, Errno> {
    let piece = 256 << 10
    return withUnsafeTemporaryAllocation(byteCount: piece, alignment: 16) { zeros in
      zeros.initializeMemory(as: UInt8.self, repeating: 0)
      for offset in stride(from: range.lowerBound, to: range.upperBound, by: piece) {
        let count = min(piece, range.upperBound - offset)
        let result = write(UnsafeRawBufferPointer(rebasing: zeros[..<count]), at: offset)
        if case .failure = result { return result }
      }
      return .success(())
    }
  }
}
