internal import CGnutls
internal import CMicrohttpd
internal import Glibc

/// What a simulated server shows of itself, and wants of others.
package struct ServerTLS: Sendable {
  package var identity: CertificateAuthority.Identity
  /// PEM: only peers with a certificate of these authorities are answered; others get 403. nil: all are.
  package var clients: String?
  /// The handshake with others fails.
  package var isStrict: Bool
  /// GnuTLS's words for the versions and ciphers that are spoken; nil: the usual ones.
  package var priorities: String?

  package init(
    _ identity: CertificateAuthority.Identity, clients: String? = nil, isStrict: Bool = false,
    priorities: String? = nil
  ) {
    self.identity = identity
    self.clients = clients
    self.isStrict = isStrict
    self.priorities = priorities
  }

  /// The subject of the peer's certificate; nil when it showed none that counts.
  static func client(of connection: OpaquePointer) -> String? {
    guard let session = gateway_mhd_session(connection) else { return nil }
    var subject = [CChar](repeating: 0, count: 1024)
    guard gateway_tls_peer(OpaquePointer(session), &subject, subject.count) != 0 else { return nil }
    return String(decoding: subject.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// On a connection whose handshake is still to come: without a certificate that counts, there is none.
  static func demandCertificate(on connection: OpaquePointer) {
    if let session = gateway_mhd_session(connection) { gateway_tls_be_strict(OpaquePointer(session)) }
  }

  /// libmicrohttpd's options, whose texts stay in place during `body`.
  func withOptions<Result>(_ body: ([MHD_OptionItem]) -> Result) -> Result {
    let texts: [(MHD_OPTION, String)] = [
      (.HTTPS_MEM_CERT, identity.certificate), (.HTTPS_MEM_KEY, identity.key),
      (.HTTPS_MEM_TRUST, clients ?? ""), (.HTTPS_PRIORITIES, priorities ?? ""),
    ]
    let pointers = texts.filter { !$0.1.isEmpty }.map { ($0.0, strdup($0.1)) }
    defer { for (_, pointer) in pointers { free(pointer) } }
    return body(pointers.map { MHD_OptionItem(option: $0.0, value: 0, ptr_value: $0.1) })
  }
}
