import GatewayCore
import GatewaySystem
import Glibc
import Testing

/// Opening and setting a serial port, on real terminals.
@Suite struct SerialPortTests {
  private final class Terminal {
    let master: Int32
    let path: String

    init() throws {
      master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
      guard master >= 0, grantpt(master) == 0, unlockpt(master) == 0, let name = ptsname(master) else {
        throw SystemError("cannot make a pseudoterminal", code: errno)
      }
      path = String(cString: name)
    }

    deinit { close(master) }

    var mode: termios {
      var mode = termios()
      tcgetattr(master, &mode)
      return mode
    }
  }

  private func failure(_ line: SerialLine) -> SerialPort.Failure? {
    do throws(SerialPort.Failure) {
      _ = try SerialPort(line)
      return nil
    } catch { return error }
  }

  @Test func aPortIsRawAndHasItsRate() throws {
    let terminal = try Terminal()
    for (baud, speed) in [(300, B300), (4800, B4800), (115_200, B115200), (921_600, B921600)] {
      let port = try SerialPort(SerialLine(device: terminal.path, baud: baud, parity: .even, stopBits: 2))
      var mode = terminal.mode
      #expect(cfgetospeed(&mode) == speed_t(speed) && cfgetispeed(&mode) == speed_t(speed))
      #expect(mode.c_lflag & tcflag_t(ICANON | ECHO | ISIG) == 0)
      #expect(mode.c_iflag & tcflag_t(IXON | ICRNL | INLCR) == 0 && mode.c_oflag & tcflag_t(OPOST) == 0)
      #expect(mode.c_cflag & tcflag_t(CSTOPB | CREAD | CLOCAL) == tcflag_t(CSTOPB | CREAD | CLOCAL))
      #expect(mode.c_iflag & tcflag_t(INPCK) != 0)
      #expect(fcntl(port.descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }
  }

  @Test func everyByteGoesThroughUnchanged() throws {
    let terminal = try Terminal()
    let port = try SerialPort(SerialLine(device: terminal.path))
    let bytes = (0...255).map(UInt8.init)
    #expect(write(terminal.master, bytes, bytes.count) == bytes.count)
    var room = [UInt8](repeating: 0, count: 300)
    var got: [UInt8] = []
    while got.count < bytes.count, port.wait(timeout: .seconds(20)) {
      guard case .bytes(let count) = room.withUnsafeMutableBytes({ port.receive(into: $0) }) else { break }
      got += room[..<count]
    }
    #expect(got == bytes)
    #expect(room.withUnsafeMutableBytes { port.receive(into: $0) } == .nothing)
    try port.send(bytes)
    var back: [UInt8] = []
    while back.count < bytes.count {
      let count = read(terminal.master, &room, room.count)
      guard count > 0 else { break }
      back += room[..<count]
    }
    #expect(back == bytes)
  }

  @Test func whatCameBeforeTheOpeningIsThrownAway() throws {
    let terminal = try Terminal()
    // A terminal that nobody has open keeps what it gets only once it was set.
    do { _ = try SerialPort(SerialLine(device: terminal.path)) }
    #expect(write(terminal.master, "old", 3) == 3)
    let port = try SerialPort(SerialLine(device: terminal.path))
    #expect(!port.wait(timeout: .milliseconds(20)))
  }

  @Test func twoCannotHaveOnePort() throws {
    let terminal = try Terminal()
    let port = try SerialPort(SerialLine(device: terminal.path))
    let failure = failure(SerialLine(device: terminal.path))
    #expect(failure?.isBusy == true)
    #expect(failure?.description == "cannot open serial port \"\(terminal.path)\": another program uses it")
    #expect(!port.isGone)
  }

  @Test func aPortThatWasClosedMayBeOpenedAgain() throws {
    let terminal = try Terminal()
    for _ in 0..<3 { #expect(failure(SerialLine(device: terminal.path)) == nil) }
  }

  @Test func whatIsNoPortIsRefusedWithItsReason() throws {
    let terminal = try Terminal()
    let causes = [
      (SerialLine(device: "/nonexistent/tty"), "No such file or directory"),
      (SerialLine(device: "/dev/null"), "it is no serial port"),
      (SerialLine(device: "/proc/self/status"), "Permission denied"),
      (SerialLine(device: terminal.path, baud: 12_345), "12345 baud is no rate of a serial port"),
      (
        SerialLine(device: terminal.path, rs485: .kernel),
        "its driver cannot switch RS-485 in this way (Inappropriate ioctl for device)"
      ),
    ]
    for (line, cause) in causes where line.device != "/proc/self/status" || getuid() != 0 {
      #expect(failure(line)?.cause == cause)
    }
    #expect(failure(SerialLine(device: terminal.path)) == nil)
  }

  @Test func anAdapterThatIsPulledOutIsGone() throws {
    var terminal: Terminal? = try Terminal()
    let path = try #require(terminal?.path)
    let port = try SerialPort(SerialLine(device: path))
    #expect(!port.isGone && port.leadsHere)
    terminal = nil
    #expect(port.wait(timeout: .seconds(20)))
    #expect(port.isGone)
    #expect(!port.leadsHere)
    var byte: UInt8 = 0
    let received = withUnsafeMutableBytes(of: &byte) { port.receive(into: $0) }
    #expect(received == .gone(code: EIO))
    #expect(throws: SerialPort.Failure.self) { try port.send([1]) }
  }

  @Test func aLinkIsFollowedAndItsChangeIsSeen() throws {
    let (one, other) = (try Terminal(), try Terminal())
    let link = "/tmp/serial-port-link-\(getpid())"
    defer { unlink(link) }
    symlink(one.path, link)
    let port = try SerialPort(SerialLine(device: link))
    #expect(port.leadsHere)
    unlink(link)
    #expect(!port.leadsHere)
    symlink(other.path, link)
    #expect(!port.leadsHere && !port.isGone)
  }
}
