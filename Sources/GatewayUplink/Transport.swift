package import GatewayCore
internal import GatewaySystem
internal import Glibc

/// Carries one batch at a time to the platform and brings back what became of it. Judges nothing and repeats
/// nothing. Owned by one thread.
package protocol Transport: AnyObject {
  /// Begins to post `body`, which must stay where it is until the outcome or `cancel`.
  func begin(_ body: UnsafeRawBufferPointer, head: RequestHead)
  /// Moves what can be moved, then waits until something happened, the wake signal was raised, or `timeout` has
  /// passed. Returns the outcome once.
  func turn(timeout: Duration) -> DeliveryOutcome?
  /// Drops the batch in flight, without waiting for anybody.
  func cancel()
}

/// Where the configuration's file names point to: a relative one into systemd's credentials directory, else to
/// the directory of the configuration.
package struct SecretFiles: Sendable {
  package var credentialsDirectory: String?
  package var configDirectory: String

  package init(credentialsDirectory: String?, configDirectory: String) {
    self.credentialsDirectory = credentialsDirectory
    self.configDirectory = configDirectory
  }

  package func path(of name: String) -> String {
    if name.hasPrefix("/") { return name }
    if let directory = credentialsDirectory, access("\(directory)/\(name)", R_OK) == 0 {
      return "\(directory)/\(name)"
    }
    return "\(configDirectory)/\(name)"
  }

  package struct TokenProblem: Error, Equatable, CustomStringConvertible {
    package var description: String
  }

  /// Reads a bearer token: one line of visible ASCII, so that it cannot smuggle in another header.
  package func token(_ name: String) throws(TokenProblem) -> String {
    let path = path(of: name)
    let bytes: [UInt8]
    do { bytes = try readFile(path, limit: 64 << 10) } catch { throw TokenProblem(description: "\(error)") }
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    var token = bytes[...].drop(while: isSpace)
    while let last = token.last, isSpace(last) { token.removeLast() }
    guard !token.isEmpty else { throw TokenProblem(description: "cannot use token \"\(path)\": it is empty") }
    guard token.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw TokenProblem(description: "cannot use token \"\(path)\": it holds blanks or control characters")
    }
    return String(decoding: token, as: UTF8.self)
  }
}
