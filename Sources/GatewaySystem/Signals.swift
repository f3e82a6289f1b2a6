internal import CSystem
internal import GatewayCore
internal import Glibc

/// SIGTERM, SIGINT and SIGHUP as something to wait for. Made on the main thread before any other thread starts,
/// so that all of them inherit the mask.
package final class Signals: Sendable {
  package enum Signal: Sendable { case terminate, reload }

  private let descriptor: FileDescriptor

  package init() throws(SystemError) {
    var mask = sigset_t()
    sigemptyset(&mask)
    for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&mask, signal) }
    pthread_sigmask(SIG_BLOCK, &mask, nil)
    // A peer that closes its end is a result of write(2), not the end of the process.
    Glibc.signal(SIGPIPE, SIG_IGN)
    // So is a file that may not grow.
    Glibc.signal(SIGXFSZ, SIG_IGN)
    let number = signalfd(-1, &mask, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
    let code = errno
    guard number >= 0 else { throw SystemError("cannot wait for signals", code: code) }
    descriptor = FileDescriptor(owning: number)
  }

  /// The next signal; nil after `timeout`.
  package func wait(timeout: Duration) -> Signal? {
    var entry = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
    _ = poll(&entry, 1, timeout.millisecondsRoundedUp)
    var info = signalfd_siginfo()
    let result = withUnsafeMutableBytes(of: &info) { descriptor.read(into: $0) }
    guard case .success(MemoryLayout<signalfd_siginfo>.size) = result else { return nil }
    return Int32(info.ssi_signo) == SIGHUP ? .reload : .terminate
  }

  /// From now on a second SIGTERM or SIGINT ends the process at once.
  package func restoreTermination() {
    var mask = sigset_t()
    sigemptyset(&mask)
    for signal in [SIGTERM, SIGINT] { sigaddset(&mask, signal) }
    pthread_sigmask(SIG_UNBLOCK, &mask, nil)
  }
}
