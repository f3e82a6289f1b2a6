import GatewaySystem
import Glibc
import Synchronization

/// One request as it came over the wire.
struct WireRequest: Sendable {
  /// Counts the requests of all connections of the device from 0.
  var number: Int
  var bytes: [UInt8]

  var unit: UInt8 { bytes[6] }
  var function: UInt8 { bytes[7] }
  var address: Int { Int(bytes[8]) << 8 | Int(bytes[9]) }
  var count: Int { Int(bytes[10]) << 8 | Int(bytes[11]) }

  /// What the scripted devices hold: another value for each unit, table and address.
  static func register(unit: UInt8, function: UInt8, address: Int) -> UInt16 {
    UInt16(truncatingIfNeeded: Int(unit) * 1000 + Int(function) * 100 + address)
  }

  static func bit(address: Int) -> Bool { address % 3 == 0 }

  var rightData: [UInt8] {
    if function >= 3 {
      return (address..<address + count).flatMap { address in
        let word = Self.register(unit: unit, function: function, address: address)
        return [UInt8(word >> 8), UInt8(word & 255)]
      }
    }
    var data = [UInt8](repeating: 0, count: (count + 7) / 8)
    for place in 0..<count where Self.bit(address: address + place) { data[place / 8] |= 1 << (place % 8) }
    return data
  }

  func answer(_ data: [UInt8]) -> [UInt8] { frame([function, UInt8(data.count)] + data) }

  var rightAnswer: [UInt8] { answer(rightData) }

  func exception(_ code: UInt8) -> [UInt8] { frame([function | 0x80, code]) }

  func frame(_ body: [UInt8]) -> [UInt8] {
    let length = body.count + 1
    return [bytes[0], bytes[1], 0, 0, UInt8(length >> 8), UInt8(length & 255), unit] + body
  }
}

/// A Modbus TCP device on loopback that does what its script says, on a thread of its own.
final class ScriptedDevice: Sendable {
  enum Step: Sendable {
    case send([UInt8])
    case pause(milliseconds: Int)
    case hangUp
  }

  let port: UInt16
  private let state: State
  private let thread = Mutex<WorkerThread?>(nil)

  var requests: Int { state.counts.withLock { $0.requests } }
  var connections: Int { state.counts.withLock { $0.connections } }

  init(
    port: UInt16 = 0, ipv6: Bool = false, _ script: @escaping @Sendable (WireRequest) -> [Step]
  ) throws {
    let (listener, port) = try Self.listen(port: port, ipv6: ipv6)
    self.port = port
    let state = State(script: script, stop: try EventSignal())
    self.state = state
    try thread.withLock { thread in
      thread = try WorkerThread(name: "device") { state.serve(FileDescriptor(owning: listener)) }
    }
  }

  /// Answers each request rightly.
  static func healthy(port: UInt16 = 0) throws -> ScriptedDevice {
    try ScriptedDevice(port: port) { [.send($0.rightAnswer)] }
  }

  deinit { shutDown() }

  /// Afterwards the port refuses.
  func shutDown() {
    state.stop.raise()
    let ending = thread.withLock { $0.take() }
    ending?.join()
  }

  private static func listen(port: UInt16, ipv6: Bool) throws -> (Int32, UInt16) {
    let family = ipv6 ? AF_INET6 : AF_INET
    let listener = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard listener >= 0 else { throw SystemError("cannot make a socket", code: errno) }
    var one: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    var storage = sockaddr_in6()
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    storage.sin6_family = sa_family_t(family)
    storage.sin6_port = port.bigEndian
    storage.sin6_addr = in6addr_loopback
    let code = withUnsafeMutablePointer(to: &storage) { storage -> Int32 in
      if !ipv6 {
        length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Family and port lie at the same places in both.
        storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
          $0.pointee.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        }
      }
      return storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        if bind(listener, address, length) != 0 || Glibc.listen(listener, 16) != 0 { return errno }
        return getsockname(listener, address, &length) == 0 ? 0 : errno
      }
    }
    guard code == 0 else {
      close(listener)
      throw SystemError("cannot listen", code: code)
    }
    return (listener, UInt16(bigEndian: storage.sin6_port))
  }

  /// What the device's thread and the tests share.
  private final class State: Sendable {
    let script: @Sendable (WireRequest) -> [Step]
    let stop: EventSignal
    let counts = Mutex((requests: 0, connections: 0))

    init(script: @escaping @Sendable (WireRequest) -> [Step], stop: EventSignal) {
      self.script = script
      self.stop = stop
    }

    /// One client at a time; a new one takes the place of the old.
    func serve(_ listener: consuming FileDescriptor) {
      var client: Int32 = -1
      defer { if client >= 0 { close(client) } }
      while true {
        var entries = [listener.number, stop.descriptor, client].map {
          pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        _ = poll(&entries, nfds_t(entries.count), -1)
        if entries[1].revents != 0 { return }
        if entries[2].revents != 0, !turn(client) {
          close(client)
          client = -1
        }
        if entries[0].revents != 0 {
          if client >= 0 { close(client) }
          client = accept(listener.number, nil, nil)
          counts.withLock { $0.connections += 1 }
        }
      }
    }

    /// Serves one request; false when the connection is at its end.
    private func turn(_ client: Int32) -> Bool {
      // The header says how much follows.
      var bytes = [UInt8](repeating: 0, count: 260)
      guard recv(client, &bytes, 6, Int32(MSG_WAITALL)) == 6 else { return false }
      let rest = Int(bytes[4]) << 8 | Int(bytes[5])
      guard rest <= 254 else { return false }
      let room = bytes.withUnsafeMutableBytes { recv(client, $0.baseAddress! + 6, rest, Int32(MSG_WAITALL)) }
      guard room == rest else { return false }
      bytes.removeLast(bytes.count - 6 - rest)
      let number = counts.withLock { counts in
        counts.requests += 1
        return counts.requests - 1
      }
      for step in script(WireRequest(number: number, bytes: bytes)) {
        switch step {
        case .send(let bytes): _ = send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        case .pause(let milliseconds): usleep(UInt32(milliseconds) * 1000)
        case .hangUp: return false
        }
      }
      return true
    }
  }
}
