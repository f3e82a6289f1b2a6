internal import CSystem
package import GatewayCore
internal import Glibc

/// The owner of one open serial port: a terminal in raw mode.
///
/// Promises: no call blocks but `send` under an RTS-switched driver, for as long as the bytes take; the port is
/// what its configuration says or was not opened; nobody else uses it meanwhile, as far as others look; that the
/// device went, or that the path now leads to another, is seen by `isGone` and `leadsHere`.
package struct SerialPort: ~Copyable {
  package struct Failure: Error, Equatable, CustomStringConvertible, Sendable {
    /// `cannot <verb> <noun> "<name>"`
    package var action: String
    package var cause: String
    /// Another program uses the port.
    package var isBusy = false
    package var description: String { "\(action): \(cause)" }
  }

  package enum Received: Equatable, Sendable {
    case bytes(Int)
    case nothing
    /// The device went, or failed.
    case gone(code: Int32)
  }

  private let file: FileDescriptor
  private let line: SerialLine
  private let identity: SerialIdentity

  /// Opens and sets the port; what its driver holds from before is thrown away.
  package init(_ line: SerialLine) throws(Failure) {
    let file = try Self.open(line)
    guard let identity = SerialIdentity(descriptor: file.number) else {
      throw Self.refusal(line, "it went at once")
    }
    self.file = file
    self.line = line
    self.identity = identity
  }

  deinit { releaseTerminal(file.number) }

  /// Readable when bytes came, or when the port is gone.
  package var descriptor: Int32 { file.number }

  package borrowing func receive(into room: UnsafeMutableRawBufferPointer) -> Received {
    switch file.read(into: room) {
    case .success(0): .gone(code: EIO)
    case .success(let count): .bytes(count)
    case .failure(let error) where error.code == EAGAIN: .nothing
    case .failure(let error): .gone(code: error.code)
    }
  }

  /// Sends all of `bytes` (at most some hundred: they must fit the driver's buffer), or says why not.
  package borrowing func send(_ bytes: [UInt8]) throws(Failure) {
    // What a port could not get rid of since the last request is not worth sending before this one.
    tcflush(file.number, TCOFLUSH)
    let switchesRTS = line.rs485 == .rtsUp || line.rs485 == .rtsDown
    if switchesRTS { gateway_set_rts(file.number, line.rs485 == .rtsUp ? 1 : 0) }
    let result = bytes.withUnsafeBytes { file.write($0) }
    if switchesRTS {
      tcdrain(file.number)
      gateway_set_rts(file.number, line.rs485 == .rtsUp ? 0 : 1)
    }
    let cause: String
    switch result {
    case .success(bytes.count): return
    case .success: cause = "it takes no more bytes"
    case .failure(let error): cause = SystemError.text(error.code)
    }
    throw Failure(action: "cannot send on serial port \"\(line.device)\"", cause: cause)
  }

  /// Whether the device hung up: an adapter that was pulled out.
  package var isGone: Bool {
    var entry = pollfd(fd: file.number, events: 0, revents: 0)
    return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0
  }

  /// Whether the configured path still leads to this port. An adapter that was pulled out and came back has a new
  /// node, and perhaps another number.
  package var leadsHere: Bool { SerialIdentity(path: line.device) == identity }

  // MARK: Opening

  private static func open(_ line: SerialLine) throws(Failure) -> FileDescriptor {
    // Not through FileDescriptor.open, which follows no links: /dev/serial/by-path consists of them.
    // O_NONBLOCK, since open(2) else waits for a carrier; O_NOCTTY, since a hang-up there would else end us.
    let flags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC
    let number: Int32
    switch retrying({ gateway_openat(AT_FDCWD, line.device, flags, 0) }) {
    case .success(let opened): number = opened
    case .failure(let error):
      throw refusal(line, cause(error.code), isBusy: error.code == EBUSY)
    }
    let file = FileDescriptor(owning: number)
    guard isatty(number) == 1 else { throw refusal(line, "it is no serial port") }
    let code = claimTerminal(number)
    guard code == 0 else { throw refusal(line, cause(code), isBusy: true) }
    if let cause = set(number, line) { throw refusal(line, cause) }
    tcflush(number, TCIOFLUSH)
    return file
  }

  private static func refusal(_ line: SerialLine, _ cause: String, isBusy: Bool = false) -> Failure {
    Failure(action: "cannot open serial port \"\(line.device)\"", cause: cause, isBusy: isBusy)
  }

  private static func cause(_ code: Int32) -> String {
    code == EBUSY || code == EWOULDBLOCK ? "another program uses it" : SystemError.text(code)
  }

  /// nil when all is as the line says.
  private static func set(_ number: Int32, _ line: SerialLine) -> String? {
    guard let speed = speed(line.baud) else { return "\(line.baud) baud is no rate of a serial port" }
    var mode = termios()
    guard tcgetattr(number, &mode) == 0 else { return "it is no serial port" }
    cfmakeraw(&mode)
    mode.c_cflag &= ~(tcflag_t(CSIZE | PARENB | PARODD | CSTOPB) | tcflag_t(CRTSCTS))
    mode.c_cflag |= tcflag_t(CREAD | CLOCAL | (line.dataBits == 7 ? CS7 : CS8))
    if line.stopBits == 2 { mode.c_cflag |= tcflag_t(CSTOPB) }
    if line.parity != .none {
      mode.c_cflag |= tcflag_t(line.parity == .odd ? PARENB | PARODD : PARENB)
      // A byte whose parity is wrong reads as NUL, so that its frame is seen to be broken.
      mode.c_iflag |= tcflag_t(INPCK)
    }
    cfsetispeed(&mode, speed)
    cfsetospeed(&mode, speed)
    guard tcsetattr(number, TCSANOW, &mode) == 0 else {
      let code = errno
      return SystemError.text(code)
    }
    // tcsetattr(3) succeeds when any of the changes could be made.
    var actual = termios()
    guard tcgetattr(number, &actual) == 0, cfgetospeed(&actual) == speed else {
      return "it does not do \(line.baud) baud"
    }
    return setDriver(number, line.rs485)
  }

  private static func setDriver(_ number: Int32, _ mode: SerialLine.RS485) -> String? {
    let result: Int32
    switch mode {
    case .none: return nil
    case .kernel: result = gateway_enable_rs485(number)
    // Listening until something is sent.
    case .rtsUp: result = gateway_set_rts(number, 0)
    case .rtsDown: result = gateway_set_rts(number, 1)
    }
    guard result != 0 else { return nil }
    let code = errno
    return "its driver cannot switch RS-485 in this way (\(SystemError.text(code)))"
  }

  private static func speed(_ baud: Int) -> speed_t? {
    let speeds: [Int: Int32] = [
      300: B300, 600: B600, 1200: B1200, 2400: B2400, 4800: B4800, 9600: B9600, 19_200: B19200,
      38_400: B38400, 57_600: B57600, 115_200: B115200, 230_400: B230400, 460_800: B460800,
      921_600: B921600,
    ]
    return speeds[baud].map { speed_t($0) }
  }
}
