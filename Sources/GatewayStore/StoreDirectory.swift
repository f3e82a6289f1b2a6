private import CSystem
internal import GatewaySystem
private import Glibc

/// The state directory, held by this process alone while it exists. What lies in it may have been put there
/// by somebody else: links are not followed, and only plain files of ours with one name are opened.
final class StoreDirectory: Sendable {
  let path: String
  let place: StorePlace
  private let directory: FileDescriptor
  /// Held with flock(2), which the kernel releases however the process ends.
  private let lock: FileDescriptor

  init(_ path: String, _ place: StorePlace = .rows) throws(StoreError) {
    self.path = path
    self.place = place
    directory = try Self.open(path)
    lock = try Self.openPlainFile(place.lock, in: directory, path: path)
    if case .failure(let error) = retrying({ flock(lock.number, LOCK_EX | LOCK_NB) }) {
      guard error.code == EWOULDBLOCK else {
        throw .refused(
          "cannot lock \"\(path)/\(place.lock)\": \(SystemError.text(error.code))", code: error.code)
      }
      throw .busy("cannot lock \"\(path)/\(place.lock)\": another gatewayd runs on this state directory")
    }
  }

  private static func open(_ path: String) throws(StoreError) -> FileDescriptor {
    let directory: FileDescriptor
    do throws(SystemError) {
      // The dot: the directory itself may be a symbolic link, systemd makes one for DynamicUser=.
      directory = try FileDescriptor.open("\(path)/.", O_RDONLY | O_DIRECTORY)
    } catch {
      throw .refused(
        "cannot use state directory \"\(path)\": \(SystemError.text(error.code));"
          + " make it a directory that belongs to the gateway's user", code: error.code)
    }
    var status = stat()
    guard fstat(directory.number, &status) == 0, status.st_mode & S_IWOTH == 0 else {
      throw .unusable("cannot use state directory \"\(path)\": everybody may write there; chmod it to 0700")
    }
    return directory
  }

  /// Opens the store's file, making it when there is none.
  func openFile() throws(StoreError) -> StoreFile {
    StoreFile(
      try Self.openPlainFile(place.file, in: directory, path: path),
      at: "\(path)/\(place.file)")
  }

  private static func openPlainFile(
    _ name: String, in directory: borrowing FileDescriptor, path: String
  ) throws(StoreError) -> FileDescriptor {
    let file: FileDescriptor
    do throws(SystemError) {
      // O_NONBLOCK: opening a fifo that was put here must not hang the start.
      file = try FileDescriptor.open(name, O_RDWR | O_CREAT | O_NONBLOCK, at: directory.number)
    } catch {
      let cause = error.code == ELOOP ? "it is a symbolic link; remove it" : SystemError.text(error.code)
      throw .refused("cannot open \"\(path)/\(name)\": \(cause)", code: error.code)
    }
    var status = stat()
    guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1,
      status.st_uid == geteuid()
    else {
      throw .unusable("cannot open \"\(path)/\(name)\": \(advice(on: status)); it may hold rows, so keep it")
    }
    return file
  }

  /// What is wrong with a file that is not plainly ours, and what would be right.
  private static func advice(on status: stat) -> String {
    guard status.st_mode & S_IFMT == S_IFREG else { return "it is no plain file; move it away" }
    return status.st_nlink == 1
      ? "it belongs to user \(status.st_uid); chown it to user \(geteuid())"
      : "it has \(status.st_nlink) names; remove the others"
  }

  /// Gives a file that is not ours another name, so that it is kept; returns that name.
  func setForeignFileAside() throws(StoreError) -> String {
    for number in 1...1000 {
      let name = "\(place.file).foreign-\(number)"
      var status = stat()
      if fstatat(directory.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { continue }
      guard renameat(directory.number, place.file, directory.number, name) == 0 else {
        let code = errno
        throw .refused(
          "cannot rename \"\(path)/\(place.file)\": \(SystemError.text(code))", code: code)
      }
      _ = synchronize()
      return name
    }
    throw .unusable("cannot rename \"\(path)/\(place.file)\": there are 1000 foreign files already")
  }

  /// Makes the names in the directory durable.
  func synchronize() -> Result<Void, Errno> { directory.synchronize() }
}
