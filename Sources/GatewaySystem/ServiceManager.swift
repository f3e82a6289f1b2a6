internal import CSystem
internal import Glibc

/// Tells systemd how the service fares (sd_notify(3): one datagram to `$NOTIFY_SOCKET`). Without systemd every
/// call does nothing.
package struct ServiceManager: Sendable {
  private let address: [UInt8]
  /// Half of `$WATCHDOG_USEC`, as sd_watchdog_enabled(3) advises; nil when no watchdog is set.
  package let watchdogInterval: Duration?

  package init() {
    address = getenv("NOTIFY_SOCKET").map { Array(String(cString: $0).utf8) } ?? []
    let isForUs = getenv("WATCHDOG_PID").map { Int32(String(cString: $0)) == getpid() } ?? true
    let limit = getenv("WATCHDOG_USEC").flatMap { Int64(String(cString: $0)) }
    watchdogInterval = isForUs ? limit.flatMap { $0 > 0 ? .microseconds($0 / 2) : nil } : nil
    // What we start must not speak in our name.
    unsetenv("NOTIFY_SOCKET")
  }

  package func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }
  package func watchdog() { send("WATCHDOG=1") }
  package func stopping() { send("STOPPING=1") }

  package func reloading() {
    send("RELOADING=1\nMONOTONIC_USEC=\(SystemClock.monotonicMicroseconds)")
  }

  private func send(_ message: String) {
    guard address.count > 1 else { return }
    let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { return }
    let descriptor = FileDescriptor(owning: number)
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    guard address.count < MemoryLayout.size(ofValue: name.sun_path) else { return }
    withUnsafeMutableBytes(of: &name.sun_path) { path in
      path.copyBytes(from: address)
      // A leading @ stands for the abstract namespace.
      if path[0] == UInt8(ascii: "@") { path[0] = 0 }
    }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + address.count)
    var text = message
    text.withUTF8 { bytes in
      withUnsafePointer(to: &name) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          _ = sendto(descriptor.number, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
        }
      }
    }
  }
}
