// What a serial port's path leads to: it may come to lead elsewhere while the port is open.
internal import CSystem
internal import Glibc

/// Which device a path leads to, or a descriptor has open: an adapter that was unplugged and comes back is
/// another one, whatever its name.
package struct SerialIdentity: Equatable, Sendable {
  private let device: dev_t
  private let inode: ino_t
  private let number: dev_t

  /// Follows symbolic links, as /dev/serial/by-path has them. nil where nothing is, or no character device.
  package init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  package init?(descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  private init?(_ status: stat) {
    guard status.st_mode & S_IFMT == S_IFCHR else { return nil }
    (device, inode, number) = (status.st_dev, status.st_ino, status.st_rdev)
  }
}

/// Makes an open terminal ours alone; 0, or an `errno` value: EWOULDBLOCK where another program has it, ENOTTY
/// where it is none. TIOCEXCL keeps out who comes later (root excepted), flock(2) those who look at it, as most
/// terminal programs do.
package func claimTerminal(_ descriptor: Int32) -> Int32 {
  if case .failure(let error) = retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) { return error.code }
  return gateway_claim_terminal(descriptor) == 0 ? 0 : errno
}

/// To be called before a claimed terminal is closed: the mark stays while anybody has it open.
package func releaseTerminal(_ descriptor: Int32) { _ = gateway_release_terminal(descriptor) }
