internal import Glibc

/// Where a simulated server listens: an IPv4 address and a port (0: the kernel chooses).
package struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
  /// Dotted decimal.
  package var host: String
  package var port: UInt16

  package init(host: String = "127.0.0.1", port: UInt16 = 0) {
    self.host = host
    self.port = port
  }

  /// Takes `127.0.0.1:15020`; nil for anything else.
  package init?(text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
      return nil
    }
    self.init(host: String(text[..<colon]), port: port)
    var address = in_addr()
    guard inet_pton(AF_INET, host, &address) == 1 else { return nil }
  }

  package var description: String { "\(host):\(port)" }
}
