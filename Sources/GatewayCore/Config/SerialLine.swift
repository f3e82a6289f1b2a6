/// A serial port and how it is set: everything that a source needs to open it, and that a plan needs to know what
/// a character costs.
package struct SerialLine: Equatable, Sendable {
  package enum Parity: Equatable, Sendable { case none, even, odd }

  /// Who switches an RS-485 driver between sending and listening.
  package enum RS485: Equatable, Sendable {
    /// The adapter does it by itself.
    case none
    /// The kernel's driver (TIOCSRS485, Documentation/driver-api/serial/serial-rs485.rst).
    case kernel
    /// The RTS line, set while sending, or cleared while sending.
    case rtsUp, rtsDown
  }

  /// The device's path; one under /dev/serial/by-path or by-id stays when the number of the ttyUSB changes.
  package var device: String
  /// 300 … 921,600
  package var baud: Int
  /// 7 or 8
  package var dataBits: Int
  package var parity: Parity
  /// 1 or 2
  package var stopBits: Int
  package var rs485: RS485

  package init(
    device: String, baud: Int = 9600, dataBits: Int = 8, parity: Parity = .none, stopBits: Int = 1,
    rs485: RS485 = .none
  ) {
    self.device = device
    self.baud = baud
    self.dataBits = dataBits
    self.parity = parity
    self.stopBits = stopBits
    self.rs485 = rs485
  }

  /// A start bit and what `format` says.
  package var bitsPerCharacter: Int { 1 + dataBits + (parity == .none ? 0 : 1) + stopBits }

  package func time(ofCharacters count: Double) -> Duration {
    .nanoseconds(Int64((count * Double(bitsPerCharacter) / Double(baud) * 1e9).rounded(.up)))
  }

  /// The silence that separates two Modbus frames: 3.5 characters, above 19200 baud 1750 µs (Modbus over Serial
  /// Line 1.02, section 2.5.1.1).
  package var silence: Duration { baud > 19200 ? .microseconds(1750) : time(ofCharacters: 3.5) }

  /// The configuration's word for data bits, parity and stop bits: `8E1`.
  package var format: String {
    let letter =
      switch parity {
      case .none: "N"
      case .even: "E"
      case .odd: "O"
      }
    return "\(dataBits)\(letter)\(stopBits)"
  }

  /// What termios knows everywhere, on x86-64 and arm64 alike.
  package static let bauds = [
    300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600,
  ]
}
