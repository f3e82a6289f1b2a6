internal import CSystem
internal import GatewaySystem
internal import Glibc

/// A TCP port of ours that can refuse and accept again. While it refuses, the port stays bound, so that nobody
/// else gets it and the peers see "connection refused". Owned by one thread at a time.
struct ListeningPort: ~Copyable, Sendable {
  /// With the port that the kernel chose, if it did.
  let address: ListenAddress
  /// nil only after a failed `refuse`.
  private var socket: FileDescriptor?
  private(set) var isListening = false

  /// Binds without listening yet.
  init(_ address: ListenAddress) throws(SystemError) {
    let bound = try Self.bind(address)
    self.address = ListenAddress(host: address.host, port: try Self.port(of: bound.number, address))
    socket = consume bound
  }

  /// For polling; valid until the port refuses.
  var descriptor: Int32 {
    switch socket {
    case .some(let socket): socket.number
    case .none: -1
    }
  }

  mutating func listen() throws(SystemError) {
    guard !isListening else { return }
    if descriptor < 0 { socket = try Self.bindAgain(address) }
    // A city's worth of gateways may come back in the same second.
    let result = Glibc.listen(descriptor, 1024)
    let code = errno
    guard result == 0 else { throw SystemError("cannot listen on \"\(address)\"", code: code) }
    isListening = true
  }

  /// Closes the listening socket and holds the port with one that does not listen.
  mutating func refuse() throws(SystemError) {
    guard isListening else { return }
    isListening = false
    socket = nil
    socket = try Self.bindAgain(address)
  }

  /// Gives the port up for good.
  mutating func close() {
    isListening = false
    socket = nil
  }

  /// The same socket under another number, for a library that will close it; `refuse` works again once it has.
  func duplicate() throws(SystemError) -> Int32 {
    let number = gateway_fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    let code = errno
    guard number >= 0 else { throw SystemError("cannot duplicate the socket of \"\(address)\"", code: code) }
    return number
  }

  /// A connection that waits; nil when there is none.
  func accept() -> FileDescriptor? {
    let result = retrying { accept4(descriptor, nil, nil, Self.flags) }
    guard case .success(let number) = result else { return nil }
    Self.set(TCP_NODELAY, at: Int32(IPPROTO_TCP), of: number)
    return FileDescriptor(owning: number)
  }

  private static let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

  /// For up to a second: a program that is being started at this instant by another thread holds copies of all
  /// descriptors until it begins to run, that of the socket just closed among them.
  private static func bindAgain(_ address: ListenAddress) throws(SystemError) -> FileDescriptor {
    for _ in 0..<200 {
      do throws(SystemError) { return try bind(address) } catch {
        guard error.code == EADDRINUSE else { throw error }
        usleep(5000)
      }
    }
    return try bind(address)
  }

  private static func bind(_ address: ListenAddress) throws(SystemError) -> FileDescriptor {
    let action = "cannot bind \"\(address)\""
    let number = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | flags, 0)
    var code = errno
    guard number >= 0 else { throw SystemError(action, code: code) }
    let bound = FileDescriptor(owning: number)
    // Connections of the port's former life are in TIME_WAIT.
    set(SO_REUSEADDR, at: SOL_SOCKET, of: number)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = address.port.bigEndian
    guard inet_pton(AF_INET, address.host, &name.sin_addr) == 1 else {
      throw SystemError(action, code: EINVAL)
    }
    let result = withSocketAddress(&name) { Glibc.bind(number, $0, $1) }
    code = errno
    guard result == 0 else { throw SystemError(action, code: code) }
    return bound
  }

  private static func port(of socket: Int32, _ address: ListenAddress) throws(SystemError) -> UInt16 {
    var name = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withSocketAddress(&name) { pointer, _ in getsockname(socket, pointer, &length) }
    let code = errno
    guard result == 0 else { throw SystemError("cannot bind \"\(address)\"", code: code) }
    return UInt16(bigEndian: name.sin_port)
  }

  private static func set(_ option: Int32, at level: Int32, of socket: Int32) {
    var on: Int32 = 1
    setsockopt(socket, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func withSocketAddress(
    _ name: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    withUnsafeMutablePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
