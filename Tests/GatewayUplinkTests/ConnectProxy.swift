import GatewaySystem
import Glibc
import Synchronization

/// A small HTTP proxy that knows CONNECT to 127.0.0.1, one tunnel after the other.
final class ConnectProxy: Sendable {
  private let listener: FileDescriptor
  private let stopSignal: EventSignal
  private let seen = Mutex<[String]>([])
  private let thread = Mutex<WorkerThread?>(nil)
  let port: UInt16
  /// The `Proxy-Authorization` without which it answers 407; nil: it serves everybody.
  private let demand: String?

  init(port wanted: UInt16 = 0, demand: String? = nil) throws {
    self.demand = demand
    stopSignal = try EventSignal()
    listener = FileDescriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    var yes: Int32 = 1
    setsockopt(listener.number, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
    var address = Self.loopback(wanted)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let number = listener.number
    let code = Self.with(&address) { address in
      bind(number, address, length) | listen(number, 16) | getsockname(number, address, &length)
    }
    guard code == 0 else { throw SystemError("cannot listen", code: errno) }
    port = UInt16(bigEndian: address.sin_port)
    var worker: WorkerThread? = try WorkerThread(name: "proxy") { [self] in serve() }
    thread.withLock { swap(&$0, &worker) }
  }

  var url: String { "http://127.0.0.1:\(port)" }

  /// The requests' heads, as they came.
  var heads: [String] { seen.withLock { $0 } }

  func stop() {
    stopSignal.raise()
    if let worker = thread.withLock({ $0.take() }) { worker.join() }
  }

  private func serve() {
    while stopSignal.poll(timeout: nil, or: listener.number).descriptor {
      let accepted = accept(listener.number, nil, nil)
      if accepted >= 0 { tunnel(FileDescriptor(owning: accepted)) }
    }
  }

  private func tunnel(_ client: consuming FileDescriptor) {
    var head: [UInt8] = []
    var byte: UInt8 = 0
    while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
      guard recv(client.number, &byte, 1, 0) == 1 else { return }
      head.append(byte)
    }
    let text = String(decoding: head, as: UTF8.self)
    seen.withLock { $0.append(text) }
    if let demand, !text.contains("\r\nProxy-Authorization: \(demand)\r\n") {
      let answer =
        "HTTP/1.1 407 Not \(text.split(separator: "\r\n").last ?? "")\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"
      send(client.number, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
      return
    }
    guard let port = text.split(separator: " ")[1].split(separator: ":").last.flatMap({ UInt16($0) }) else {
      return
    }
    let target = FileDescriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    var address = Self.loopback(port)
    let code = Self.with(&address) { connect(target.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    let answer = code == 0 ? "HTTP/1.1 200 Connected\r\n\r\n" : "HTTP/1.1 502 Nobody there\r\n\r\n"
    send(client.number, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
    if code == 0 { carry(client.number, target.number) }
  }

  private func carry(_ one: Int32, _ other: Int32) {
    while true {
      var entries = [one, other, stopSignal.descriptor].map {
        pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
      }
      guard poll(&entries, 3, -1) > 0, entries[2].revents == 0 else { return }
      if entries[0].revents != 0, !move(one, other) { return }
      if entries[1].revents != 0, !move(other, one) { return }
    }
  }

  private func move(_ source: Int32, _ target: Int32) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 16_384)
    let count = recv(source, &bytes, bytes.count, 0)
    return count > 0 && send(target, bytes, count, Int32(MSG_NOSIGNAL)) == count
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  private static func with(
    _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>) -> Int32
  ) -> Int32 {
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
    }
  }
}
