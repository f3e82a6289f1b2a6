// Stream sockets of the local machine (unix(7)): who listens, who connects, and who is at the other end.
//
// Relies on a listener's directory being writable by the daemon alone (`RuntimeDirectory=`): only then can
// nobody put another file there between the look and the unlink.
internal import CSystem
internal import Glibc

/// A listening Unix stream socket at a path. Any thread may use it; the file goes when its owner goes.
package final class UnixListener: Sendable {
  package let path: String
  private let socket: FileDescriptor
  private let file: SocketFile

  /// Listens at `path`, whose file gets exactly the permissions `mode`. A socket file that nobody answers on is
  /// what a killed daemon left, and is replaced. Throws EADDRINUSE where one answers, ENOTSOCK where something
  /// else is in the way.
  package init(path: String, mode: UInt32 = 0o660) throws(SystemError) {
    let action = "cannot listen on \"\(path)\""
    if let code = Self.clear(path) { throw SystemError(action, code: code) }
    let opened = newSocket()
    guard case .success(let number) = opened else { throw SystemError(action, code: EMFILE) }
    let socket = FileDescriptor(owning: number)
    if let code = withAddress(path, { Glibc.bind(number, $0, $1) }) { throw SystemError(action, code: code) }
    // The permissions come before listen: until then nobody can connect, whatever the umask left open.
    guard fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) == 0, let file = SocketFile(path),
      listen(number, 16) == 0
    else {
      let code = errno
      throw SystemError(action, code: code)
    }
    self.path = path
    self.socket = socket
    self.file = file
  }

  deinit {
    // Another daemon may have taken the path over in the meantime.
    if SocketFile(path) == file { _ = unlink(path) }
  }

  /// Readable while a client waits to be accepted.
  package var descriptor: Int32 { socket.number }

  /// The group that the socket's file belongs to.
  package var group: UInt32 { file.group }

  /// Lets the next client in and out again, so that it need not wait, when no descriptor is free but `spare`; whether
  /// there was one.
  package func turnAway(giving spare: SpareDescriptor) -> Bool {
    spare.use {
      let accepted = retrying { accept4(socket.number, nil, nil, Int32(SOCK_CLOEXEC.rawValue)) }
      guard case .success(let number) = accepted else { return }
      _ = FileDescriptor(owning: number)
    }
  }

  /// The next client's connection, non-blocking; nil when none is waiting. Throws EMFILE and its like when
  /// there is one but no room for it.
  package func accept() throws(SystemError) -> FileDescriptor? {
    let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    switch retrying({ accept4(socket.number, nil, nil, flags) }) {
    case .success(let number): return FileDescriptor(owning: number)
    case .failure(let error) where error.code == EAGAIN || error.code == ECONNABORTED: return nil
    case .failure(let error): throw SystemError("cannot accept a client on \"\(path)\"", code: error.code)
    }
  }

  /// Removes what a killed daemon left at `path`; the reason why it may not be removed, or nil.
  private static func clear(_ path: String) -> Int32? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return errno == ENOENT ? nil : errno }
    guard status.st_mode & S_IFMT == S_IFSOCK else { return ENOTSOCK }
    guard case .success(let number) = newSocket() else { return EMFILE }
    let probe = FileDescriptor(owning: number)
    switch withAddress(path, { connect(probe.number, $0, $1) }) {
    case ECONNREFUSED: return unlink(path) == 0 || errno == ENOENT ? nil : errno
    case nil, EAGAIN: return EADDRINUSE
    case .some(let code): return code
    }
  }
}

/// Which file a socket is bound to: a path may come to mean another file.
private struct SocketFile: Equatable {
  let device: dev_t
  let inode: ino_t
  let group: gid_t

  init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
    device = status.st_dev
    inode = status.st_ino
    group = status.st_gid
  }
}

/// Who connected, as the kernel vouches for it (SO_PEERCRED, SO_PEERGROUPS): the state at connect time.
package struct PeerCredentials: Equatable, Sendable {
  package var user: UInt32
  package var group: UInt32
  package var supplementaryGroups: [UInt32]

  package init(user: UInt32, group: UInt32, supplementaryGroups: [UInt32] = []) {
    self.user = user
    self.group = group
    self.supplementaryGroups = supplementaryGroups
  }

  /// nil when the kernel does not say.
  package init?(of socket: borrowing FileDescriptor) {
    var user: UInt32 = 0
    var group: UInt32 = 0
    guard gateway_peer_user(socket.number, &user, &group) == 0 else { return nil }
    self.init(user: user, group: group, supplementaryGroups: Self.groups(of: socket.number))
  }

  package func isMember(of group: UInt32) -> Bool {
    self.group == group || supplementaryGroups.contains(group)
  }

  /// The user that this process runs as.
  package static var ownUser: UInt32 { geteuid() }

  /// A user in more than 256 groups counts as being in none besides its own.
  private static func groups(of socket: Int32) -> [UInt32] {
    var groups = [UInt32](repeating: 0, count: 256)
    var length = socklen_t(groups.count * MemoryLayout<UInt32>.stride)
    let result = groups.withUnsafeMutableBytes {
      getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, $0.baseAddress, &length)
    }
    return result == 0 ? Array(groups.prefix(Int(length) / MemoryLayout<UInt32>.stride)) : []
  }
}

extension FileDescriptor {
  /// Connects to the Unix stream socket at `path`; the connection is non-blocking.
  package static func connect(unixSocket path: String) throws(SystemError) -> FileDescriptor {
    let action = "cannot connect to \"\(path)\""
    switch newSocket() {
    case .failure(let error): throw SystemError(action, code: error.code)
    case .success(let number):
      let socket = FileDescriptor(owning: number)
      // On a Unix socket connect never waits: it succeeds, or the backlog is full (EAGAIN).
      if let code = withAddress(path, { Glibc.connect(number, $0, $1) }) {
        throw SystemError(action, code: code)
      }
      return socket
    }
  }

  /// Writes to a socket; a peer that has gone is EPIPE, not a signal.
  package borrowing func send(_ bytes: UnsafeRawBufferPointer) -> Result<Int, Errno> {
    retrying { Glibc.send(number, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
  }

  /// Ends the writing side; the peer reads what is under way and then the end.
  package borrowing func finishSending() { _ = shutdown(number, Int32(SHUT_WR)) }
}

private func newSocket() -> Result<Int32, Errno> {
  retrying {
    socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
  }
}

/// Calls `call` with the address of `path`; nil when it succeeded, else the errno.
private func withAddress(_ path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32? {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  let bytes = Array(path.utf8)
  // One byte less than there is room for: the path ends with a NUL.
  guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
    return ENAMETOOLONG
  }
  guard !bytes.contains(0) else { return EINVAL }
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
  let result = withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { base in
      retrying { call(base, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
  }
  if case .failure(let error) = result { return error.code }
  return nil
}

/// A descriptor kept in reserve, for one thread.
package final class SpareDescriptor {
  private var number: Int32

  package init() { number = open("/dev/null", O_RDONLY | O_CLOEXEC) }

  deinit { if number >= 0 { close(number) } }

  /// Gives it up while `body` runs; false when it had none to give.
  fileprivate func use(_ body: () -> Void) -> Bool {
    guard number >= 0 else { return false }
    close(number)
    body()
    number = open("/dev/null", O_RDONLY | O_CLOEXEC)
    return true
  }
}
