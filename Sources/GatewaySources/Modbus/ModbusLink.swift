private import CModbus
internal import GatewayCore
internal import GatewaySystem
internal import Glibc

/// The wire of one Modbus bus: the owner of one libmodbus context; the only file that knows libmodbus. One thread.
///
/// libmodbus opens the port or the connection, sets the line, switches RS-485 drivers and sends on serial lines.
/// What comes is received here: libmodbus gives up at the first foreign frame, does not compare units over TCP, and
/// has no way to tell a late answer from the right one.
///
/// Relies on: fewer than 1024 open descriptors, because libmodbus waits for a connection with select(2); `connect`
/// refuses beyond. As of libmodbus 3.1.6, whose error recovery stays off: it sleeps, and reconnects by itself.
struct ModbusLink: ~Copyable {
  enum Framing { case rtu, tcp }

  /// A stop of the gateway may not take longer than 5 s, and connect(2) inside libmodbus cannot be cut short.
  static let longestConnect = Duration.seconds(3)
  /// select(2) takes descriptors below 1024; the margin is for those that other threads open meanwhile.
  private static let descriptorLimit: Int32 = 1024 - 64

  let framing: Framing
  /// nil on TCP, where nobody counts characters.
  let line: SerialLine?
  private let context: OpaquePointer
  private let timeout: Duration
  private let interruption: Interruption
  /// -1 while there is no connection.
  private(set) var descriptor: Int32 = -1
  /// Of a terminal that is claimed.
  private var identity: SerialIdentity?
  private var nextLook = BootTime(microseconds: .min)

  /// Nothing is opened yet.
  init(_ bus: BusConfig, interruption: Interruption) {
    self.interruption = interruption
    timeout = bus.timeout
    let made: OpaquePointer?
    switch bus.link {
    case .modbusTCP(let host, let port):
      (framing, line) = (.tcp, nil)
      made = Self.context(host: host, port: port)
    case .modbusRTUOverTCP(let host, let port, _):
      (framing, line) = (.rtu, nil)
      made = Self.context(host: host, port: port)
    case .modbusRTU(let serial):
      (framing, line) = (.rtu, serial)
      let parity = CChar(bitPattern: serial.format.utf8.dropFirst().first ?? UInt8(ascii: "N"))
      made = modbus_new_rtu(
        serial.device, Int32(serial.baud), parity, Int32(serial.dataBits), Int32(serial.stopBits))
    default: preconditionFailure("BUG: a bus that is none of Modbus's")
    }
    // It only fails for want of memory, or for what ConfigCheck refuses.
    guard let context = made else { preconditionFailure("BUG: libmodbus refuses bus \"\(bus.name)\"") }
    self.context = context
  }

  deinit {
    if isConnected, identity != nil { releaseTerminal(descriptor) }
    modbus_close(context)
    modbus_free(context)
  }

  /// A plain IPv4 address needs no resolver, whose deep stack would stay resident in each bus's thread.
  private static func context(host: String, port: UInt16) -> OpaquePointer? {
    var address = in_addr()
    let isAddress = inet_pton(AF_INET, host, &address) == 1
    return isAddress ? modbus_new_tcp(host, Int32(port)) : modbus_new_tcp_pi(host, String(port))
  }

  var isConnected: Bool { descriptor >= 0 }

  // MARK: - Opening and closing

  /// Blocks for at most the timeout for each of the host's addresses, and for as long as a name's lookup takes.
  mutating func connect() throws(ModbusFailure) {
    guard Self.nextDescriptor < Self.descriptorLimit else { throw .disconnected(code: EMFILE) }
    let limit = min(timeout, Self.longestConnect).microseconds
    modbus_set_response_timeout(context, UInt32(limit / 1_000_000), UInt32(limit % 1_000_000))
    // libmodbus leaves errno alone when getaddrinfo(3) fails in a way of its own, or at its own timeout.
    errno = EHOSTUNREACH
    let result = modbus_connect(context)
    let code = errno
    guard result == 0 else { throw .disconnected(code: code == EINPROGRESS ? ETIMEDOUT : code) }
    descriptor = modbus_get_socket(context)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    let failure = line == nil ? prepareSocket() : prepareLine()
    guard failure == 0 else {
      close()
      throw .disconnected(code: failure)
    }
  }

  private func prepareSocket() -> Int32 {
    // libmodbus sets it on IPv4 sockets only.
    var one: Int32 = 1
    _ = setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    return 0
  }

  /// 0, or an `errno` value.
  private mutating func prepareLine() -> Int32 {
    guard let line else { return 0 }
    guard let identity = SerialIdentity(descriptor: descriptor) else { return ENOTTY }
    let code = claimTerminal(descriptor)
    guard code == 0 else { return code }
    self.identity = identity
    switch line.rs485 {
    case .none: return 0
    case .kernel: return modbus_rtu_set_serial_mode(context, MODBUS_RTU_RS485) == 0 ? 0 : errno
    case .rtsUp, .rtsDown:
      // The usual delay of libmodbus is one character, each way.
      let level = line.rs485 == .rtsUp ? MODBUS_RTU_RTS_UP : MODBUS_RTU_RTS_DOWN
      return modbus_rtu_set_rts(context, level) == 0 ? 0 : errno
    }
  }

  mutating func close() {
    guard isConnected else { return }
    // One that another program has keeps that program's mark.
    if identity != nil { releaseTerminal(descriptor) }
    descriptor = -1
    identity = nil
    modbus_close(context)
  }

  /// Closes a serial line whose path leads to another device by now, at most once a second: an adapter that was
  /// unplugged comes back under another number, and its neighbour may get the old one.
  mutating func closeIfMoved(at now: BootTime) {
    guard let line, isConnected, now >= nextLook else { return }
    nextLook = now.advanced(by: .seconds(1))
    if SerialIdentity(path: line.device) != identity { close() }
  }

  // MARK: - Bytes

  /// Sends a whole frame; blocks while an RTS line has to be held. Throws, with the link closed, when it is gone.
  mutating func send(_ frame: UnsafeRawBufferPointer) throws(ModbusFailure) {
    let result: Int32
    if line != nil {
      // Everything but the CRC, which libmodbus appends; it also switches RTS.
      let bytes = frame.bindMemory(to: UInt8.self)
      result = modbus_send_raw_request(context, bytes.baseAddress, Int32(frame.count - 2))
    } else {
      result = Int32(clamping: Glibc.send(descriptor, frame.baseAddress, frame.count, Int32(MSG_NOSIGNAL)))
    }
    let code = errno
    guard result == Int32(frame.count) else {
      close()
      throw .disconnected(code: result < 0 ? code : EIO)
    }
  }

  /// Takes what has come into the start of `room`; 0 when nothing has. Throws, with the link closed, at its end.
  mutating func receive(into room: UnsafeMutableRawBufferPointer) throws(ModbusFailure) -> Int {
    let result =
      line != nil
      ? read(descriptor, room.baseAddress, room.count)
      : recv(descriptor, room.baseAddress, room.count, Int32(MSG_DONTWAIT))
    let code = errno
    if result > 0 { return result }
    if result < 0, code == EAGAIN || code == EINTR { return 0 }
    // A terminal without VMIN says 0 when nothing has come, and its end only by poll.
    if result == 0, line != nil, !hasHungUp { return 0 }
    close()
    throw .disconnected(code: result < 0 ? code : line == nil ? ECONNRESET : ENODEV)
  }

  private var hasHungUp: Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) > 0 && Int32(entry.revents) & (POLLHUP | POLLERR | POLLNVAL) != 0
  }

  /// Waits until something comes or the time is there; throws when the gateway stops.
  borrowing func wait(until end: BootTime) throws(ModbusFailure) {
    if interruption.wait(until: end, or: descriptor) { throw .interrupted }
  }

  /// Waits for the time, whatever comes.
  borrowing func pause(until end: BootTime) throws(ModbusFailure) {
    if interruption.wait(until: end, or: nil) { throw .interrupted }
  }

  /// The number that the next opened descriptor will have.
  private static var nextDescriptor: Int32 {
    let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { return .max }
    _ = Glibc.close(number)
    return number
  }
}
