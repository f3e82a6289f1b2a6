import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc

/// A bare master on a serial port: opens the far end as a gateway does, and says exactly what a test writes down.
final class TestLine {
  private let port: FileDescriptor

  /// nil when the link leads nowhere.
  init?(_ link: String) {
    let number = Glibc.open(link, O_RDWR | O_NOCTTY | O_NONBLOCK)
    guard number >= 0 else { return nil }
    port = FileDescriptor(owning: number)
    var settings = termios()
    tcgetattr(number, &settings)
    cfmakeraw(&settings)
    tcsetattr(number, TCSANOW, &settings)
  }

  func send(_ bytes: [UInt8]) { _ = bytes.withUnsafeBytes { port.write($0) } }

  /// What comes within `timeout`, until `count` bytes are there or the port hangs up.
  func receive(_ count: Int, timeout: Duration = .seconds(5)) -> [UInt8] {
    let end = SystemClock.boot.advanced(by: timeout)
    var bytes: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 4096)
    while bytes.count < count {
      let left = SystemClock.boot.duration(to: end)
      var entry = pollfd(fd: port.number, events: Int16(POLLIN), revents: 0)
      guard left > .zero, poll(&entry, 1, left.millisecondsRoundedUp) > 0 else { break }
      guard
        case .success(let size) = room.withUnsafeMutableBytes({ room in
          port.read(
            into: UnsafeMutableRawBufferPointer(rebasing: room[..<min(room.count, count - bytes.count)]))
        }), size > 0
      else { break }
      bytes += room[..<size]
    }
    return bytes
  }

  func receiving(_ count: Int, after request: [UInt8]) -> [UInt8] {
    send(request)
    return receive(count)
  }

  /// Whether the adapter is gone.
  var hasHungUp: Bool {
    var entry = pollfd(fd: port.number, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLHUP) != 0
  }
}

/// A place for a link that goes with its suite.
final class TestLink {
  private let directory = temporaryDirectory()

  deinit { TemporaryDirectory.remove(directory) }

  var path: String { directory + "/line" }
}

/// A Modbus read request with its checksum, computed here with the table-free method of the specification's appendix.
func rtuRequest(_ function: UInt8, at address: UInt16, count: UInt16, unit: UInt8 = 1) -> [UInt8] {
  rtuSealed([
    unit, function, UInt8(address >> 8), UInt8(address & 255), UInt8(count >> 8), UInt8(count & 255),
  ])
}

func rtuSealed(_ body: [UInt8]) -> [UInt8] {
  var sum: UInt16 = 0xFFFF
  for byte in body {
    sum ^= UInt16(byte)
    for _ in 0..<8 {
      let carries = sum & 1 == 1
      sum >>= 1
      if carries { sum ^= 0xA001 }
    }
  }
  return body + [UInt8(sum & 255), UInt8(sum >> 8)]
}
