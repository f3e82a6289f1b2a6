internal import GatewayCore

/// How fast a simulated serial line is. Written apart from the gateway's own arithmetic, so that the two check each
/// other.
package struct LinePace: Equatable, Sendable {
  package let baud: Int
  /// Start, data, parity and stop bits.
  package let bitsPerCharacter: Int

  /// Takes `8N1`, `8E1`, `7O2` and the like; nil for anything else.
  package init?(baud: Int, format: String = "8N1") {
    let letters = Array(format.utf8)
    guard baud > 0, letters.count == 3, let data = ["7": 7, "8": 8][String(format.prefix(1))],
      let stop = ["1": 1, "2": 2][String(format.suffix(1))]
    else { return nil }
    let parity: Int
    switch letters[1] {
    case UInt8(ascii: "N"): parity = 0
    case UInt8(ascii: "E"), UInt8(ascii: "O"): parity = 1
    default: return nil
    }
    self.baud = baud
    bitsPerCharacter = 1 + data + parity + stop
  }

  /// Rounded up to microseconds: nothing is ever ahead of the line.
  package func time(ofCharacters count: Int) -> Duration {
    .microseconds((Int64(count * bitsPerCharacter) * 1_000_000 + Int64(baud) - 1) / Int64(baud))
  }

  /// How many characters are over after `duration`.
  func characters(in duration: Duration) -> Int {
    Int(duration.microseconds * Int64(baud) / (1_000_000 * Int64(bitsPerCharacter)))
  }

  /// What separates two frames: 3.5 characters, above 19200 baud fixed (Modbus over Serial Line 1.02, 2.5.1.1).
  package var silence: Duration {
    baud > 19200
      ? .microseconds(1750) : .microseconds(Int64(bitsPerCharacter) * 3_500_000 / Int64(baud))
  }
}
