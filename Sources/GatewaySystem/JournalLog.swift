internal import GatewayCore
internal import Glibc
internal import Synchronization

/// Lines for the journal on standard error, with the priority that systemd reads (sd-daemon(3)). Each kind of
/// line is limited, and what was held back is counted in the next one. Any thread may log.
package enum JournalLog {
  package enum Priority: Int, Sendable { case error = 3, warning = 4, notice = 5, info = 6 }

  private struct Limit {
    var windowStart = BootTime(microseconds: .min)
    var written = 0
    var heldBack = 0
  }

  /// Lines of one kind in ten minutes; keeps a cabinet with a broken bus below 1 MB of log a day.
  private static let linesPerWindow = 10
  private static let window = Duration.seconds(600)
  private static let limits = Mutex<[String: Limit]>([:])

  /// `kind` names what is limited together, e.g. the bus whose failure this is.
  package static func write(_ priority: Priority, kind: String, _ message: @autoclosure () -> String) {
    let now = SystemClock.boot
    let heldBack: Int? = limits.withLock { limits in
      var limit = limits[kind] ?? Limit()
      defer { limits[kind] = limit }
      if limit.windowStart.microseconds == .min || limit.windowStart.duration(to: now) >= window {
        let before = limit.heldBack
        limit = Limit(windowStart: now, written: 1)
        return before
      }
      guard limit.written < linesPerWindow else {
        limit.heldBack += 1
        return nil
      }
      limit.written += 1
      return 0
    }
    guard let heldBack else { return }
    let suffix = heldBack > 0 ? " (\(heldBack) like it were held back)" : ""
    line(priority, message() + suffix)
  }

  /// One line, whatever was written before.
  package static func line(_ priority: Priority, _ message: String) {
    let clean = String(decoding: message.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }, as: UTF8.self)
    // Under systemd the prefix is read; for a person at a terminal it would be noise.
    printError(underSystemd ? "<\(priority.rawValue)>\(clean)\n" : "gatewayd: \(clean)\n")
  }

  private static let underSystemd = getenv("JOURNAL_STREAM") != nil
}
