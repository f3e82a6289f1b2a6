import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc

/// A bare TCP client: what a test says over it is exactly what it writes down.
final class TestClient {
  private let socket: FileDescriptor

  /// nil when the connection is refused.
  init?(_ address: ListenAddress) {
    let number = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    precondition(number >= 0)
    socket = FileDescriptor(owning: number)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = address.port.bigEndian
    inet_pton(AF_INET, address.host, &name.sin_addr)
    let result = withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { return nil }
  }

  func send(_ bytes: [UInt8]) {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes {
        Glibc.send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      done += count
    }
  }

  /// What comes within `timeout`, until `count` bytes are there or the other side closes.
  func receive(_ count: Int, timeout: Duration = .seconds(5)) -> [UInt8] { receiveAll(count, timeout).bytes }

  /// Whether the other side closes within `timeout`; what comes before is thrown away.
  func isClosed(within timeout: Duration = .seconds(5)) -> Bool { receiveAll(.max, timeout).isClosed }

  func receiveAll(
    _ count: Int = .max, _ timeout: Duration = .seconds(5)
  ) -> (bytes: [UInt8], isClosed: Bool) {
    let end = SystemClock.boot.advanced(by: timeout)
    var bytes: [UInt8] = []
    var room = [UInt8](repeating: 0, count: min(count, 65536))
    while bytes.count < count {
      let left = SystemClock.boot.duration(to: end)
      var entry = pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)
      guard left > .zero, poll(&entry, 1, left.millisecondsRoundedUp) > 0 else { return (bytes, false) }
      let wanted = min(count - bytes.count, room.count)
      let size = recv(socket.number, &room, wanted, 0)
      if size <= 0 { return (bytes, true) }
      bytes += room[..<size]
    }
    return (bytes, false)
  }
}

/// A Modbus read request with its MBAP header.
func modbusRequest(
  _ function: UInt8, at address: UInt16, count: UInt16, unit: UInt8 = 1, transaction: UInt16 = 1
) -> [UInt8] {
  func bytes(_ word: UInt16) -> [UInt8] { [UInt8(word >> 8), UInt8(word & 255)] }
  return bytes(transaction) + [0, 0, 0, 6, unit, function] + bytes(address) + bytes(count)
}

func temporaryDirectory() -> String {
  var template = Array("/tmp/gateway-sim-XXXXXX".utf8CString)
  return String(cString: mkdtemp(&template)!)
}
