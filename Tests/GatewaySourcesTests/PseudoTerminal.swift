import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc

/// The far end of a serial line: whatever is at the other end of the cable. The gateway opens `path`.
final class PseudoTerminal {
  private var master: Int32
  /// The terminal's own name; another number each time.
  let path: String

  init() throws {
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
    let code = errno
    guard master >= 0, grantpt(master) == 0, unlockpt(master) == 0, let name = ptsname(master) else {
      throw SystemError("cannot make a pseudoterminal", code: code)
    }
    path = String(cString: name)
  }

  deinit { unplug() }

  /// The adapter is pulled out.
  func unplug() {
    if master >= 0 { close(master) }
    master = -1
  }

  func say(_ bytes: [UInt8]) {
    let count = write(master, bytes, bytes.count)
    precondition(count == bytes.count, "the terminal took \(count) of \(bytes.count) bytes")
  }

  func say(_ text: String) { say(Array(text.utf8)) }

  /// What was sent to this end and not heard yet.
  func hear() -> [UInt8] {
    var room = [UInt8](repeating: 0, count: 4096)
    let count = read(master, &room, room.count)
    return count > 0 ? Array(room[..<count]) : []
  }

  /// Waits until so many bytes came; gives up after a long time.
  func hear(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    waitUntil {
      bytes += hear()
      return bytes.count >= count
    }
    return bytes
  }
}

/// A path that leads to one terminal or another, as those under /dev/serial/by-path do.
final class PortPath {
  private let directory: String
  let path: String

  init() throws {
    directory = try TemporaryDirectory.make(prefix: "serial")
    path = directory + "/port"
  }

  deinit { TemporaryDirectory.remove(directory) }

  func lead(to terminal: PseudoTerminal?) {
    unlink(path)
    if let terminal { symlink(terminal.path, path) }
  }
}
