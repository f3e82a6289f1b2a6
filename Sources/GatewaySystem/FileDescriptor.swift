internal import CSystem
internal import Glibc

/// The owner of one open descriptor, closed when it goes. Every descriptor is close-on-exec.
package struct FileDescriptor: ~Copyable, Sendable {
  package let number: Int32

  /// Takes over a descriptor that nobody else will close.
  package init(owning number: Int32) { self.number = number }

  deinit { _ = Glibc.close(number) }

  /// Opens without following a symbolic link in the last component.
  package static func open(
    _ path: String, _ flags: Int32, mode: UInt32 = 0o600, at directory: Int32 = AT_FDCWD
  ) throws(SystemError) -> FileDescriptor {
    let result = retrying { gateway_openat(directory, path, flags | O_CLOEXEC | O_NOFOLLOW, mode) }
    switch result {
    case .success(let number): return FileDescriptor(owning: number)
    case .failure(let error): throw SystemError("cannot open \"\(path)\"", code: error.code)
    }
  }

  /// Reads up to `room.count` bytes; 0 at the end of the file.
  package borrowing func read(into room: UnsafeMutableRawBufferPointer) -> Result<Int, Errno> {
    retrying { Glibc.read(number, room.baseAddress, room.count) }
  }

  package borrowing func write(_ bytes: UnsafeRawBufferPointer) -> Result<Int, Errno> {
    retrying { Glibc.write(number, bytes.baseAddress, bytes.count) }
  }

  /// Reads exactly `room.count` bytes at `offset`, or fewer at the end of the file; returns how many.
  package borrowing func readAll(
    into room: UnsafeMutableRawBufferPointer, at offset: Int
  ) -> Result<Int, Errno> {
    var done = 0
    while done < room.count {
      let result = retrying {
        pread(number, room.baseAddress! + done, room.count - done, off_t(offset + done))
      }
      switch result {
      case .success(0): return .success(done)
      case .success(let count): done += count
      case .failure(let error): return .failure(error)
      }
    }
    return .success(done)
  }

  /// Writes all of `bytes` at `offset`.
  package borrowing func writeAll(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Result<Void, Errno> {
    var done = 0
    while done < bytes.count {
      let result = retrying {
        pwrite(number, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
      }
      switch result {
      case .success(0): return .failure(Errno(code: EIO))
      case .success(let count): done += count
      case .failure(let error): return .failure(error)
      }
    }
    return .success(())
  }

  package borrowing func synchronizeData() -> Result<Void, Errno> {
    retrying { fdatasync(number) }.map { _ in }
  }

  package borrowing func synchronize() -> Result<Void, Errno> {
    retrying { fsync(number) }.map { _ in }
  }
}

/// Reads a whole small file; throws when it is longer than `limit` bytes.
package func readFile(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8] {
  let result = retrying { gateway_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0) }
  guard case .success(let number) = result else {
    guard case .failure(let error) = result else { return [] }
    throw SystemError("cannot read \"\(path)\"", code: error.code)
  }
  let file = FileDescriptor(owning: number)
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 16384)
  while true {
    switch chunk.withUnsafeMutableBytes({ file.read(into: $0) }) {
    case .success(0): return bytes
    case .success(let count):
      bytes.append(contentsOf: chunk[..<count])
      guard bytes.count <= limit else { throw SystemError("cannot read \"\(path)\"", code: EFBIG) }
    case .failure(let error): throw SystemError("cannot read \"\(path)\"", code: error.code)
    }
  }
}

/// Gives a file another name; `EEXIST` where something has it and is not to be replaced.
package func renameFile(_ path: String, to name: String, replacing: Bool) -> Result<Void, Errno> {
  if replacing { return retrying { rename(path, name) }.map { _ in } }
  let result = retrying {
    renameat2(AT_FDCWD, path, AT_FDCWD, name, UInt32(GATEWAY_RENAME_NOREPLACE))
  }
  // Not every file system knows the flag.
  guard case .failure(let error) = result, error.code == EINVAL || error.code == ENOSYS else {
    return result.map { _ in }
  }
  if access(name, F_OK) == 0 { return .failure(Errno(code: EEXIST)) }
  return retrying { rename(path, name) }.map { _ in }
}

/// Makes a directory for its owner alone, unless something of that name is there; its parent must exist.
package func makeDirectory(_ path: String) throws(SystemError) {
  guard mkdir(path, 0o700) != 0 else { return }
  let code = errno
  if code != EEXIST { throw SystemError("cannot make directory \"\(path)\"", code: code) }
}

/// Writes a file anew: a cut at any moment leaves it as it was or as it is to be.
package func replaceFile(_ path: String, by bytes: [UInt8]) throws(SystemError) {
  let draft = path + ".new"
  func check(_ result: Result<Void, Errno>, _ action: String) throws(SystemError) {
    if case .failure(let error) = result { throw SystemError("cannot \(action)", code: error.code) }
  }
  let file = try FileDescriptor.open(draft, O_WRONLY | O_CREAT | O_TRUNC)
  try check(bytes.withUnsafeBytes { file.writeAll($0, at: 0) }, "write \"\(draft)\"")
  try check(file.synchronize(), "synchronise \"\(draft)\"")
  try check(retrying { rename(draft, path) }.map { _ in }, "rename \"\(draft)\"")
  let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  let holder = try FileDescriptor.open("\(directory)/.", O_RDONLY | O_DIRECTORY)
  try check(holder.synchronize(), "synchronise \"\(directory)\"")
}
