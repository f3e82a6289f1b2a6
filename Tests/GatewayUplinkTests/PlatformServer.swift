import GatewayCore
import GatewaySystem
import Glibc
import Synchronization

/// A small HTTP/1.1 server over real sockets that answers by script: the platform, well or ill behaved. Serves one
/// connection after the other, as the forwarder opens them.
final class PlatformServer: Sendable {
  struct Request: Sendable {
    /// `POST /v1/batches HTTP/1.1`
    var line: String
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]
    /// Counts connections from 0.
    var connection: Int

    /// The batch's JSON, decompressed; nil when it is damaged.
    var json: [UInt8]? { headers["content-encoding"] == "gzip" ? inflate(body) : body }
  }

  enum Reply: Sendable {
    case answer(Int, headers: [String] = [], body: String = "")
    /// No answer, the connection ends.
    case close
    /// No answer, the connection stays.
    case silence
    /// A good status line and headers, then a byte each second for ever.
    case drip
    case endlessBody(status: Int)
    case endlessHeaders
    /// A body that ends before its Content-Length.
    case truncated
    /// Not even the status line is whole: a byte each second for ever.
    case dripHead
    /// 200 with a compressed JSON body.
    case gzip([UInt8])
  }

  let port: UInt16
  private let isIPv6: Bool
  private let listener: FileDescriptor
  private let stopSignal: EventSignal
  /// Of a body: longer ones get 413 before they are read.
  private let longest: Int
  private let script: @Sendable (Int, Request) -> Reply
  private let seen = Mutex<[Request]>([])
  private let early = Atomic<Int>(0)
  private let cut = Mutex((after: Int.max, sockets: [Int32]()))
  private let thread = Mutex<WorkerThread?>(nil)

  /// `port` 0: the kernel chooses. The script gets the number of the request, from 0.
  init(
    port: UInt16 = 0, isIPv6: Bool = false, longest: Int = .max,
    _ script: @escaping @Sendable (Int, Request) -> Reply
  ) throws {
    self.script = script
    self.longest = longest
    stopSignal = try EventSignal()
    self.isIPv6 = isIPv6
    listener = FileDescriptor(owning: socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    var yes: Int32 = 1
    setsockopt(listener.number, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
    var address = Self.loopback(port, isIPv6: isIPv6)
    var length = socklen_t(isIPv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
    let number = listener.number
    let code = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        if bind(number, address, length) != 0 || listen(number, 16) != 0 { return errno }
        return getsockname(number, address, &length) == 0 ? 0 : errno
      }
    }
    guard code == 0 else { throw SystemError("cannot listen on port \"\(port)\"", code: code) }
    self.port = UInt16(bigEndian: address.sin6_port)
    var worker: WorkerThread? = try WorkerThread(name: "platform") { [self] in serve() }
    thread.withLock { swap(&$0, &worker) }
  }

  var url: String { "http://\(isIPv6 ? "[::1]" : "127.0.0.1"):\(port)/v1/batches" }
  var requests: [Request] { seen.withLock { $0 } }
  /// Refused with 413 while they came.
  var refusedEarly: Int { early.load(ordering: .relaxed) }

  func stop() {
    stopSignal.raise()
    if let worker = thread.withLock({ $0.take() }) { worker.join() }
    cut.withLock { for socket in $0.sockets { close(socket) } }
  }

  /// One request's cable is cut after so many of its bytes: what comes later is neither seen nor acknowledged, and
  /// the other side is not told.
  func cutCable(after bytes: Int) { cut.withLock { $0.after = bytes } }

  /// Room for either kind; their ports lie at the same place.
  private static func loopback(_ port: UInt16, isIPv6: Bool) -> sockaddr_in6 {
    var address = sockaddr_in6()
    address.sin6_port = port.bigEndian
    if isIPv6 {
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_addr = in6addr_loopback
    } else {
      var old = sockaddr_in()
      old.sin_family = sa_family_t(AF_INET)
      old.sin_port = port.bigEndian
      old.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      withUnsafeMutableBytes(of: &address) { $0.storeBytes(of: old, as: sockaddr_in.self) }
    }
    return address
  }

  // MARK: - The thread

  private func serve() {
    var connections = 0
    while waitReadable(listener.number) {
      let accepted = accept(listener.number, nil, nil)
      if accepted < 0 { continue }
      converse(FileDescriptor(owning: accepted), connections)
      connections += 1
    }
  }

  /// False when the server is to stop, or when the time is over.
  private func waitReadable(_ descriptor: Int32, milliseconds: Int32 = -1) -> Bool {
    var entries = [
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: stopSignal.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    _ = poll(&entries, 2, milliseconds)
    return entries[1].revents == 0 && entries[0].revents != 0
  }

  private var isStopping: Bool {
    var entry = pollfd(fd: stopSignal.descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) > 0
  }

  private func converse(_ socket: consuming FileDescriptor, _ connection: Int) {
    var pending: [UInt8] = []
    while let request = read(socket.number, &pending, connection) {
      if request.body.count == longest { return refuseEarly(socket.number) }
      let number = seen.withLock { seen in
        seen.append(request)
        return seen.count - 1
      }
      if !perform(script(number, request), on: socket.number) { return }
    }
  }

  private func refuseEarly(_ socket: Int32) {
    early.wrappingAdd(1, ordering: .relaxed)
    _ = send(socket, "HTTP/1.1 413 Too much\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    // Closing with bytes unread would take the answer back.
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while waitReadable(socket), recv(socket, &chunk, chunk.count, 0) > 0 {}
  }

  private func read(_ socket: Int32, _ pending: inout [UInt8], _ connection: Int) -> Request? {
    while true {
      if let request = parse(&pending, connection) { return request }
      var chunk = [UInt8](repeating: 0, count: 65_536)
      guard waitReadable(socket) else { return nil }
      let count = recv(socket, &chunk, chunk.count, 0)
      if count <= 0 { return nil }
      pending.append(contentsOf: chunk[..<count])
      if cutCable(socket, at: pending.count) { return nil }
    }
  }

  private func cutCable(_ socket: Int32, at count: Int) -> Bool {
    cut.withLock { cut in
      guard count >= cut.after else { return false }
      cut.after = .max
      takeNothingMore(from: socket)
      cut.sockets.append(dup(socket))
      return true
    }
  }

  private func parse(_ pending: inout [UInt8], _ connection: Int) -> Request? {
    let end: [UInt8] = [13, 10, 13, 10]
    guard pending.count >= 4,
      let headEnd = (0...pending.count - 4).first(where: { Array(pending[$0..<$0 + 4]) == end })
    else { return nil }
    let lines = String(decoding: pending[..<headEnd], as: UTF8.self).split(separator: "\r\n")
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
    }
    let length = headers["content-length"].flatMap(Int.init) ?? 0
    let bodyEnd = headEnd + 4 + min(length, longest)
    guard pending.count >= bodyEnd else { return nil }
    let body = Array(pending[headEnd + 4..<bodyEnd])
    pending.removeFirst(bodyEnd)
    return Request(
      line: lines.first.map(String.init) ?? "", headers: headers, body: body, connection: connection)
  }

  /// Whether the connection stays open.
  private func perform(_ reply: Reply, on socket: Int32) -> Bool {
    switch reply {
    case .answer(let status, let headers, let body):
      let lines = ["HTTP/1.1 \(status) So", "Content-Length: \(body.utf8.count)"] + headers
      return send(socket, lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    case .close: return false
    case .silence:
      // Until the peer gives up.
      _ = waitReadable(socket)
      return false
    case .drip:
      guard send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n") else { return false }
      while !waitReadable(socket, milliseconds: 1000), !isStopping, send(socket, "x") {}
      return false
    case .dripHead:
      guard send(socket, "HTTP/1.1 200 ") else { return false }
      while !waitReadable(socket, milliseconds: 1000), !isStopping, send(socket, "x") {}
      return false
    case .gzip(let bytes):
      let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        + "Content-Length: \(bytes.count)\r\n\r\n"
      return send(socket, head) && send(socket, bytes)
    case .endlessBody(let status):
      let chunk = String(repeating: "x", count: 16_384)
      guard send(socket, "HTTP/1.1 \(status) So\r\n\r\n") else { return false }
      while !isStopping, send(socket, chunk) {}
      return false
    case .endlessHeaders:
      let chunk = String(repeating: "X-Filler: " + String(repeating: "y", count: 200) + "\r\n", count: 50)
      guard send(socket, "HTTP/1.1 200 OK\r\n") else { return false }
      while !isStopping, send(socket, chunk) {}
      return false
    case .truncated:
      _ = send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"half\":")
      return false
    }
  }

  private func send(_ socket: Int32, _ text: String) -> Bool { send(socket, Array(text.utf8)) }

  private func send(_ socket: Int32, _ bytes: [UInt8]) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes {
        Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      done += count
    }
    return true
  }
}
