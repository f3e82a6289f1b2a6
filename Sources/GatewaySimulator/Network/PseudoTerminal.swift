internal import CSystem
package import GatewaySystem
internal import Glibc

/// A serial port that exists only here: a pty pair behind a symbolic link that keeps its name when the port comes back
/// under another number. The far end stays open on our side, so that a gateway may close and open it at will; it is
/// raw, and what nobody reads is lost once it is full. Owned by one thread at a time.
package struct PseudoTerminal: ~Copyable {
  package let link: String
  /// The device behind the link; stays when unplugged, so that the next one differs.
  private var name = ""
  private var farEnd: FileDescriptor?

  package init(link: String) { self.link = link }

  deinit { if isPlugged { Self.removeLink(link) } }

  package var isPlugged: Bool { farEnd != nil }

  /// Makes a new pair and the link to it; returns the near end.
  package mutating func plug() throws(SystemError) -> FileDescriptor {
    let first = try Self.openMaster()
    if try Self.name(of: first) != name { return try plug(first) }
    // The kernel gives out the lowest free number: while the old one is held, a new adapter gets another.
    let second = try Self.openMaster()
    return try plug(second)
  }

  private mutating func plug(_ master: consuming FileDescriptor) throws(SystemError) -> FileDescriptor {
    name = try Self.name(of: master)
    let slave = try FileDescriptor.open(name, O_RDWR | O_NOCTTY)
    // Until the gateway sets the port itself, nothing may be echoed or translated.
    var settings = termios()
    _ = tcgetattr(slave.number, &settings)
    cfmakeraw(&settings)
    _ = tcsetattr(slave.number, TCSANOW, &settings)
    Self.removeLink(link)
    let result = symlink(name, link)
    let code = errno
    guard result == 0 else { throw SystemError("cannot make link \"\(link)\"", code: code) }
    farEnd = consume slave
    return master
  }

  /// The link goes; whoever holds the far end sees a hang-up as soon as the near end is closed.
  package mutating func unplug() {
    guard isPlugged else { return }
    Self.removeLink(link)
    farEnd = nil
  }

  /// Nothing but a link is removed: a name that was mistyped in a description costs nobody a file.
  private static func removeLink(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return }
    unlink(path)
  }

  private static func openMaster() throws(SystemError) -> FileDescriptor {
    let number = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
    var code = errno
    guard number >= 0 else { throw SystemError("cannot make a pseudo terminal", code: code) }
    let master = FileDescriptor(owning: number)
    guard grantpt(number) == 0, unlockpt(number) == 0 else {
      code = errno
      throw SystemError("cannot make a pseudo terminal", code: code)
    }
    return master
  }

  private static func name(of master: borrowing FileDescriptor) throws(SystemError) -> String {
    var room = [CChar](repeating: 0, count: 64)
    let code = ptsname_r(master.number, &room, room.count)
    guard code == 0 else { throw SystemError("cannot name a pseudo terminal", code: code) }
    return room.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }
}
