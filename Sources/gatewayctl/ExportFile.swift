// The file of an export, on a stick that may be full, slow, worn out, or pulled. Promises: under the file's
// own name there is never anything but a whole export that was read back from the medium; a draft beside it
// is taken away unless this program is killed, and the next export to the same name takes it over.
internal import GatewayCore
internal import GatewayGzip
internal import GatewaySystem
internal import Glibc

struct ExportFile: ~Copyable {
  private static let writeBytes = 256 << 10

  let path: String
  private let draft: String
  private let replaces: Bool
  private let file: FileDescriptor
  private var gzip = GzipEncoder()
  private var output = ByteBuffer(capacity: 512 << 10)
  private(set) var length = 0
  private var isDone = false

  /// Begins a draft. `replaces`: a plain file of this name may be there.
  init(path: String, replaces: Bool) throws(ExportFailure) {
    self.path = path
    self.replaces = replaces
    draft = path + ".partial"
    file = try Self.openDraft(path + ".partial", of: path, replaces: replaces)
    UnfinishedDraft.remember(draft)
  }

  deinit {
    UnfinishedDraft.forget()
    if !isDone { unlink(draft) }
  }

  private static func openDraft(
    _ draft: String, of path: String, replaces: Bool
  ) throws(ExportFailure) -> FileDescriptor {
    try check(path, replaces: replaces)
    let file: FileDescriptor
    do throws(SystemError) {
      file = try FileDescriptor.open(draft, O_RDWR | O_CREAT | O_NONBLOCK, mode: 0o644)
    } catch {
      throw .file("write", path, SystemError.text(error.code), exitCode: ExitCode.cannotCreate)
    }
    var status = stat()
    guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .file(
        "write", path, "\"\(draft)\" is no plain file", exitCode: ExitCode.cannotCreate)
    }
    guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else {
      throw .file("write", path, "another export writes it", exitCode: ExitCode.tryLater)
    }
    // What an export left that was killed.
    guard ftruncate(file.number, 0) == 0 else { throw .file("write", path, Errno(code: errno)) }
    return file
  }

  private static func check(_ path: String, replaces: Bool) throws(ExportFailure) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .file("write", path, "it is there and no plain file", exitCode: ExitCode.cannotCreate)
    }
    guard replaces else { throw isThere(path) }
  }

  private static func isThere(_ path: String) -> ExportFailure {
    .file("write", path, "it is there already; --force replaces it", exitCode: ExitCode.cannotCreate)
  }

  /// Appends one line as a gzip member of its own, so that damage to one leaves the others readable.
  mutating func append(_ line: [UInt8]) throws(ExportFailure) {
    line.withUnsafeBytes { gzip.append($0, to: &output) }
    if output.count >= Self.writeBytes { try write() }
  }

  private mutating func write() throws(ExportFailure) {
    let result = output.withBytes { file.writeAll($0, at: length) }
    if case .failure(let error) = result { throw .file("write", path, error) }
    length += output.count
    output.removeAll()
  }

  /// Puts the draft on the medium, and has what the medium gives back checked.
  mutating func finish(_ check: inout ExportCheck) throws(ExportFailure) {
    try write()
    if case .failure(let error) = file.synchronize() { throw .file("synchronise", path, error) }
    // What is clean now is forgotten, so that the next reads come from the medium.
    _ = posix_fadvise(file.number, 0, 0, POSIX_FADV_DONTNEED)
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    var offset = 0
    while true {
      switch chunk.withUnsafeMutableBytes({ file.readAll(into: $0, at: offset) }) {
      case .failure(let error): throw .file("read back", path, error)
      case .success(0): break
      case .success(let count):
        guard chunk.withUnsafeBytes({ check.take(UnsafeRawBufferPointer(rebasing: $0[..<count])) }) else {
          throw damaged
        }
        offset += count
        continue
      }
      break
    }
    guard offset == length, check.isComplete else { throw damaged }
  }

  private var damaged: ExportFailure {
    .file("use", path, "what the medium gives back is not what was written to it; take another")
  }

  /// Gives the draft the file's name, durably.
  mutating func publish() throws(ExportFailure) {
    switch renameFile(draft, to: path, replacing: replaces) {
    case .success: isDone = true
    case .failure(let error) where error.code == EEXIST: throw Self.isThere(path)
    case .failure(let error): throw .file("write", path, error)
    }
    if case .failure(let error) = Self.synchronizeDirectory(of: path) {
      throw .file("synchronise", path, error)
    }
  }

  private static func synchronizeDirectory(of path: String) -> Result<Void, Errno> {
    let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    do throws(SystemError) {
      let directory = try FileDescriptor.open(parent + ".", O_RDONLY | O_DIRECTORY)
      let result = directory.synchronize()
      // Some file systems synchronise no directory alone.
      guard case .failure(let error) = result, error.code == EINVAL else { return result }
      sync()
      return .success(())
    } catch {
      return .failure(Errno(code: error.code))
    }
  }
}

/// The draft that Ctrl-C takes away.
private enum UnfinishedDraft {
  // Set before the handler is, and not freed: the handler may run at any moment.
  nonisolated(unsafe) private static var path: UnsafeMutablePointer<CChar>?

  static func remember(_ draft: String) {
    path = strdup(draft)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) { number in
        UnfinishedDraft.remove()
        _exit(128 + number)
      }
    }
  }

  static func remove() { if let path { unlink(path) } }

  static func forget() { path = nil }
}
