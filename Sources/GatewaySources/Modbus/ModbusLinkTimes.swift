internal import GatewayCore

/// How long bytes take on a link; nothing where nobody counts characters.
extension ModbusLink {
  /// A frame may come in pieces this far apart; USB adapters hand over what they have every 16 ms.
  private static let usbGap = Duration.milliseconds(30)

  /// After so long nothing more of a frame comes.
  var pieceGap: Duration { Self.usbGap + silence }

  /// Between two frames.
  var silence: Duration { line?.silence ?? .zero }

  /// What the bytes of a frame take on the line after they were handed to the kernel; an RTS line was held for it.
  func airTime(_ characters: Int) -> Duration {
    guard let line, line.rs485 == .none || line.rs485 == .kernel else { return .zero }
    return line.time(ofCharacters: Double(characters))
  }

  /// The longest that an answer may take from its first byte to its last.
  func bodyTime(_ characters: Int) -> Duration {
    guard let line else { return .zero }
    return line.time(ofCharacters: Double(characters) * 1.5) + pieceGap
  }
}
