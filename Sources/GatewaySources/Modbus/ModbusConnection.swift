private import CModbus
internal import GatewayCore
internal import Glibc

/// The owner of one libmodbus context for Modbus TCP; the only file that knows libmodbus. One thread.
///
/// Promises: an answer is only ever taken for the request that it belongs to. libmodbus compares the
/// transaction identifier, the function and the count (it does not compare the unit, nor the length in the
/// header); on top of that the connection is closed after anything but an answer or an exception, and before
/// a request when bytes are waiting that nobody asked for, so that a late answer dies with its connection.
/// Relies on: fewer than 1024 open descriptors, because libmodbus waits with select(2); `connect` refuses
/// beyond.
///
/// As of libmodbus 3.1.6, whose error recovery stays off: it sleeps, and reconnects by itself.
struct ModbusConnection: ~Copyable {
  /// Room for the longest answer, whatever was asked: 125 registers, or 2000 bits of a byte each.
  static let answerRegisters = Int(MODBUS_MAX_READ_REGISTERS)
  static let answerBits = Int(MODBUS_MAX_READ_BITS)
  /// A stop of the gateway may not take longer than 5 s, and connect(2) inside libmodbus cannot be cut short.
  static let longestConnect = Duration.seconds(3)
  /// select(2) takes descriptors below 1024; the margin is for those that other threads open meanwhile.
  private static let descriptorLimit: Int32 = 1024 - 64

  private let context: OpaquePointer
  private let timeout: Duration
  private let interruption: Interruption
  private(set) var isConnected = false
  private var unit: UInt8?

  /// `host` is an IPv4 or IPv6 address, or a name; nothing is opened yet.
  init(host: String, port: UInt16, timeout: Duration, interruption: Interruption) {
    self.timeout = timeout
    self.interruption = interruption
    // It only fails for want of memory: ConfigCheck refuses empty and overlong hosts.
    // A plain IPv4 address needs no resolver, whose deep stack would stay resident in each bus's thread.
    var address = in_addr()
    let isAddress = inet_pton(AF_INET, host, &address) == 1
    let made = isAddress ? modbus_new_tcp(host, Int32(port)) : modbus_new_tcp_pi(host, String(port))
    guard let context = made else {
      preconditionFailure("BUG: libmodbus refuses host \"\(host)\"")
    }
    self.context = context
    // Else libmodbus grants 500 ms more for each piece of an answer. So the timeout covers it all.
    modbus_set_byte_timeout(context, 0, 0)
  }

  deinit {
    interruption.withdraw()
    modbus_close(context)
    modbus_free(context)
  }

  /// Blocks for at most the timeout for each of the host's addresses, and for as long as a name's lookup takes.
  mutating func connect() throws(ModbusFailure) {
    guard Self.nextDescriptor < Self.descriptorLimit else { throw .disconnected(code: EMFILE) }
    setTimeout(min(timeout, Self.longestConnect))
    // libmodbus leaves errno alone when getaddrinfo(3) fails in a way of its own, or at its own timeout.
    errno = EHOSTUNREACH
    let result = modbus_connect(context)
    let code = errno
    guard result == 0 else {
      throw code == EINPROGRESS ? .disconnected(code: ETIMEDOUT) : .disconnected(code: code)
    }
    setTimeout(timeout)
    let descriptor = modbus_get_socket(context)
    // libmodbus sets it on IPv4 sockets only.
    var one: Int32 = 1
    _ = setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    interruption.publish(descriptor)
    isConnected = true
  }

  mutating func close() {
    guard isConnected else { return }
    isConnected = false
    interruption.withdraw()
    modbus_close(context)
  }

  /// Closes the connection when the peer has, or when it sent what nobody asked for: many devices hang up on
  /// whoever is silent for some seconds, and that is no failure yet.
  mutating func closeIfStale() {
    guard isConnected else { return }
    var byte: UInt8 = 0
    let result = recv(
      modbus_get_socket(context), &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
    let code = errno
    if result >= 0 || (code != EAGAIN && code != EINTR) { close() }
  }

  /// Reads `count` (1 … 125) registers into the start of `answer`, which has room for `answerRegisters`.
  mutating func read(
    _ table: RegisterTable, registers count: UInt16, at address: UInt16, unit: UInt8,
    into answer: UnsafeMutablePointer<UInt16>
  ) throws(ModbusFailure) {
    try choose(unit)
    let result =
      table == .input
      ? modbus_read_input_registers(context, Int32(address), Int32(count), answer)
      : modbus_read_registers(context, Int32(address), Int32(count), answer)
    let code = errno
    try judge(result, expected: count, code)
  }

  /// Reads `count` (1 … 2000) bits, a byte for each, into the start of `answer`, which has room for
  /// `answerBits`.
  mutating func read(
    _ table: RegisterTable, bits count: UInt16, at address: UInt16, unit: UInt8,
    into answer: UnsafeMutablePointer<UInt8>
  ) throws(ModbusFailure) {
    try choose(unit)
    let result =
      table == .discrete
      ? modbus_read_input_bits(context, Int32(address), Int32(count), answer)
      : modbus_read_bits(context, Int32(address), Int32(count), answer)
    let code = errno
    try judge(result, expected: count, code)
  }

  private mutating func choose(_ unit: UInt8) throws(ModbusFailure) {
    guard isConnected else { throw .disconnected(code: ENOTCONN) }
    guard self.unit != unit else { return }
    guard modbus_set_slave(context, Int32(unit)) == 0 else { throw .unaddressable }
    self.unit = unit
  }

  private mutating func judge(
    _ result: Int32, expected count: UInt16, _ code: Int32
  ) throws(ModbusFailure) {
    if result == Int32(count) { return }
    let failure = result < 0 ? Self.failure(code) : .badAnswer
    if !failure.isAnswer { close() }
    throw failure
  }

  private static func failure(_ code: Int32) -> ModbusFailure {
    // libmodbus: exceptions are MODBUS_ENOBASE + code below MODBUS_EXCEPTION_MAX, its own complaints follow.
    let complaint = code - Int32(MODBUS_ENOBASE)
    return switch complaint {
    case 0..<Int32(MODBUS_EXCEPTION_MAX): .exception(code: UInt8(complaint))
    case _ where complaint == exceptionUndefined: .exception(code: 0)
    case Int32(MODBUS_EXCEPTION_MAX)...exceptionUndefined + 3: .badAnswer
    case _ where code == ETIMEDOUT: .timeout
    default: .disconnected(code: code)
    }
  }

  /// EMBBADEXC, EMBXGTAR + 3: macros of sums do not reach Swift.
  private static let exceptionUndefined = Int32(MODBUS_EXCEPTION_GATEWAY_TARGET) + 3

  private func setTimeout(_ timeout: Duration) {
    let microseconds = timeout.microseconds
    modbus_set_response_timeout(
      context, UInt32(microseconds / 1_000_000), UInt32(microseconds % 1_000_000))
  }

  /// The number that the next opened descriptor will have.
  private static var nextDescriptor: Int32 {
    let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { return .max }
    _ = Glibc.close(number)
    return number
  }
}
