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
  /// Of the platform's certificate and ours, the one that ends first, as far as they were seen.
  var certificateEnd: CertificateEnd? { get }
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
    try secret(name, "token", "blanks or control characters") { $0 > 0x20 && $0 < 0x7F }
  }

  /// Reads a header's value: the same with blanks inside.
  package func value(_ name: String) throws(TokenProblem) -> String {
    try secret(name, "value", "control characters or letters beyond ASCII") { $0 >= 0x20 && $0 < 0x7F }
  }

  /// Reads a password: one line, of any letters (UTF-8).
  package func password(_ name: String) throws(TokenProblem) -> String {
    try secret(name, "password", "control characters") { $0 >= 0x20 && $0 != 0x7F }
  }

  private func secret(
    _ name: String, _ noun: String, _ others: String, where isFit: (UInt8) -> Bool
  ) throws(TokenProblem) -> String {
    let path = path(of: name)
    let bytes: [UInt8]
    do { bytes = try readFile(path, limit: 64 << 10) } catch { throw TokenProblem(description: "\(error)") }
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    var text = bytes[...].drop(while: isSpace)
    while let last = text.last, isSpace(last) { text.removeLast() }
    let action = "cannot use \(noun) \"\(path)\""
    guard !text.isEmpty else { throw TokenProblem(description: "\(action): it is empty") }
    guard text.allSatisfy(isFit) else { throw TokenProblem(description: "\(action): it holds \(others)") }
    return String(decoding: text, as: UTF8.self)
  }
}
