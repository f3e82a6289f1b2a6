import GatewaySimulator
import GatewaySystem
import Glibc

/// A serial adapter and whatever is at the other end of its cable. The gateway opens `path`, which stays the same
/// when the adapter comes back under another number.
final class SerialAdapter {
  let path: String
  private let directory: String
  private var terminal: PseudoTerminal
  private var cable: FileDescriptor?

  init(isPlugged: Bool = true) throws {
    directory = try TemporaryDirectory.make(prefix: "serial")
    path = directory + "/port"
    terminal = PseudoTerminal(link: path)
    if isPlugged { try plug() }
  }

  deinit {
    unplug()
    TemporaryDirectory.remove(directory)
  }

  func plug() throws { cable = try terminal.plug() }

  func unplug() {
    terminal.unplug()
    cable = nil
  }

  func say(_ bytes: [UInt8]) {
    guard case .success(bytes.count)? = bytes.withUnsafeBytes({ cable?.write($0) }) else {
      preconditionFailure("the adapter did not take \(bytes.count) bytes")
    }
  }

  func say(_ text: String) { say(Array(text.utf8)) }

  /// Waits until so many bytes came; gives up after a long time.
  func hear(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 256)
    waitUntil {
      if case .success(let count)? = room.withUnsafeMutableBytes({ cable?.read(into: $0) }) {
        bytes += room[..<count]
      }
      return bytes.count >= count
    }
    return bytes
  }
}
