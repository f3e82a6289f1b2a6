internal import CSystem
internal import GatewayCore
package import GatewaySystem
internal import Glibc

/// The certificates of an HTTPS platform, made on the fly: its own, right or wrong in one way, and one for a gateway.
package struct PlatformCertificates {
  /// What is wrong with the platform's.
  package enum Flaw: String, CaseIterable, Sendable {
    case none, expired, future
    case wrongHost = "wrong-host"
    /// Issued by nobody the gateway was told of.
    case unknownCA = "unknown-ca"
    /// Nothing is; but only TLS 1.1 is spoken.
    case oldTLS = "old-tls"
  }

  package let authority: CertificateAuthority
  package let tls: ServerTLS
  /// For a gateway that has to show one.
  package let client: CertificateAuthority.Identity

  private static let day = Duration.seconds(86_400)

  /// - Parameters:
  ///   - life: how long the platform's certificate counts, where it is not expired.
  ///   - wantsClients: only who shows a certificate of the same authority is answered.
  ///   - isStrict: with others there is not even a handshake.
  package init(
    _ flaw: Flaw = .none, life: Duration = .seconds(365 * 86_400), wantsClients: Bool = false,
    isStrict: Bool = false,
    authority: CertificateAuthority = CertificateAuthority()
  ) {
    self.authority = authority
    let issuer = flaw == .unknownCA ? CertificateAuthority("Nobody's CA") : authority
    let identity = issuer.issue(
      "platform", hosts: flaw == .wrongHost ? ["other.example"] : ["localhost", "127.0.0.1", "::1"],
      from: flaw == .future ? Self.day : Self.day * -30, to: flaw == .expired ? Self.day * -1 : life)
    tls = ServerTLS(
      identity, clients: wantsClients ? authority.certificate : nil, isStrict: isStrict,
      priorities: flaw == .oldTLS ? "NORMAL:-VERS-ALL:+VERS-TLS1.1" : nil)
    client = authority.issue("gateway")
  }

  /// Writes ca.pem, client.pem and client.key, for those who connect.
  package func write(to directory: String) throws(SystemError) {
    try Self.write(authority.certificate, to: "\(directory)/ca.pem")
    try Self.write(client.certificate, to: "\(directory)/client.pem")
    try Self.write(client.key, to: "\(directory)/client.key")
  }

  private static func write(_ text: String, to path: String) throws(SystemError) {
    let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    let result = Array(text.utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
    if case .failure(let error) = result { throw SystemError("cannot write \"\(path)\"", code: error.code) }
  }
}
