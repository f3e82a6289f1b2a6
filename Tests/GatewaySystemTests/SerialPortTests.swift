import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// Opening and setting a serial port, on real terminals.
@Suite struct SerialPortTests {
  /// The other end of a port's cable.
  private final class Terminal {
    let path: String
    private var terminal: PseudoTerminal
    private var cable: FileDescriptor?

    init() throws {
      path = "/tmp/serial-\(getpid())-\(UInt32.random(in: 0 ... .max))"
      terminal = PseudoTerminal(link: path)
      cable = try terminal.plug()
    }

    var number: Int32 { cable?.number ?? -1 }

    var mode: termios {
      var mode = termios()
      tcgetattr(number, &mode)
      return mode
    }

    func unplug() {
      terminal.unplug()
      cable = nil
    }

    /// Waits until so many bytes came; gives up after a long time.
    func hear(_ count: Int) -> [UInt8] {
      var bytes: [UInt8] = []
      var room = [UInt8](repeating: 0, count: 300)
      for _ in 0..<2000 where bytes.count < count {
        if case .success(let count)? = room.withUnsafeMutableBytes({ cable?.read(into: $0) }) {
          bytes += room[..<count]
        } else {
          usleep(10_000)
        }
      }
      return bytes
    }
  }

  private func isReadable(_ port: borrowing SerialPort, within time: Duration) throws -> Bool {
    try EventSignal().wait(timeout: time, or: port.descriptor).descriptor
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
    #expect(write(terminal.number, bytes, bytes.count) == bytes.count)
    var room = [UInt8](repeating: 0, count: 300)
    var got: [UInt8] = []
    while got.count < bytes.count, try isReadable(port, within: .seconds(20)) {
      guard case .bytes(let count) = room.withUnsafeMutableBytes({ port.receive(into: $0) }) else { break }
      got += room[..<count]
    }
    #expect(got == bytes)
    let rest = room.withUnsafeMutableBytes { port.receive(into: $0) }
    #expect(rest == .nothing)
    try port.send(bytes)
    #expect(terminal.hear(bytes.count) == bytes)
  }

  @Test func whatCameBeforeTheOpeningIsThrownAway() throws {
    let terminal = try Terminal()
    // A terminal that nobody has open keeps what it gets only once it was set.
    do { _ = try SerialPort(SerialLine(device: terminal.path)) }
    #expect(write(terminal.number, "old", 3) == 3)
    let port = try SerialPort(SerialLine(device: terminal.path))
    let isReadable = try self.isReadable(port, within: .milliseconds(20))
    #expect(!isReadable)
  }

  @Test func twoCannotHaveOnePort() throws {
    let terminal = try Terminal()
    let port = try SerialPort(SerialLine(device: terminal.path))
    let failure = failure(SerialLine(device: terminal.path))
    #expect(failure?.isBusy == true)
    #expect(failure?.description == "cannot open serial port \"\(terminal.path)\": another program uses it")
    let isGone = port.isGone
    #expect(!isGone)
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
    let terminal = try Terminal()
    let port = try SerialPort(SerialLine(device: terminal.path))
    let before = (port.isGone, port.leadsHere)
    #expect(before == (false, true))
    terminal.unplug()
    let isReadable = try self.isReadable(port, within: .seconds(20))
    let after = (port.isGone, port.leadsHere)
    #expect(isReadable)
    #expect(after == (true, false))
    var byte: UInt8 = 0
    let received = withUnsafeMutableBytes(of: &byte) { port.receive(into: $0) }
    #expect(received == .gone(code: EIO))
    do throws(SerialPort.Failure) {
      try port.send([1])
      Issue.record("sent to nobody")
    } catch { #expect(error.cause == "Input/output error") }
  }

  @Test func aLinkIsFollowedAndItsChangeIsSeen() throws {
    let (one, other) = (try Terminal(), try Terminal())
    let link = one.path + "-link"
    defer { unlink(link) }
    symlink(one.path, link)
    let port = try SerialPort(SerialLine(device: link))
    let first = port.leadsHere
    unlink(link)
    let without = port.leadsHere
    symlink(other.path, link)
    let second = (port.leadsHere, port.isGone)
    #expect(first && !without)
    #expect(second == (false, false))
  }
}
