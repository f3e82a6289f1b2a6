internal import CSystem
internal import GatewayCore
internal import Glibc

/// Wakes one thread from another (eventfd): raised any number of times, waited for once. Any thread may
/// raise; one thread waits.
package final class EventSignal: Sendable {
  private let event: FileDescriptor

  package init() throws(SystemError) {
    let number = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    let code = errno
    guard number >= 0 else { throw SystemError("cannot make an event descriptor", code: code) }
    event = FileDescriptor(owning: number)
  }

  /// Readable while raised; for waiting on several things at once.
  package var descriptor: Int32 { event.number }

  package func raise() {
    var one: UInt64 = 1
    _ = withUnsafeBytes(of: &one) { event.write($0) }
  }

  /// Lowers the signal; whether it had been raised.
  @discardableResult
  package func lower() -> Bool {
    var value: UInt64 = 0
    if case .success = withUnsafeMutableBytes(of: &value, { event.read(into: $0) }) { return true }
    return false
  }

  /// Waits until raised or until `timeout` (nil: for ever) has passed, then lowers it; whether it was raised.
  @discardableResult
  package func wait(timeout: Duration?) -> Bool { wait(timeout: timeout, or: nil).raised }

  /// The same, and also until `descriptor` is readable or at its end.
  package func wait(timeout: Duration?, or descriptor: Int32?) -> (raised: Bool, descriptor: Bool) {
    let seen = poll(timeout: timeout, or: descriptor)
    // Most waits end by time: then there is nothing to lower, and a system call to save.
    return (seen.raised && lower(), seen.descriptor)
  }

  /// The same without lowering the signal.
  package func poll(timeout: Duration?, or descriptor: Int32?) -> (raised: Bool, descriptor: Bool) {
    var entries = (
      pollfd(fd: event.number, events: Int16(POLLIN), revents: 0),
      pollfd(fd: descriptor ?? -1, events: Int16(POLLIN), revents: 0)
    )
    withUnsafeMutableBytes(of: &entries) { bytes in
      let entries = bytes.bindMemory(to: pollfd.self)
      if let timeout {
        let microseconds = max(timeout.microseconds, 0)
        var limit = timespec(
          tv_sec: Int(microseconds / 1_000_000), tv_nsec: Int(microseconds % 1_000_000 * 1000))
        _ = ppoll(entries.baseAddress, nfds_t(entries.count), &limit, nil)
      } else {
        _ = ppoll(entries.baseAddress, nfds_t(entries.count), nil, nil)
      }
    }
    return (entries.0.revents & Int16(POLLIN) != 0, entries.1.revents != 0)
  }
}
