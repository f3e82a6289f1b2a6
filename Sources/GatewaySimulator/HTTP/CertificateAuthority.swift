internal import CGnutls
internal import GatewayCore
internal import GatewaySystem

/// An authority that issues certificates on the fly, right and wrong ones. Keys are on P-256, signatures SHA-256.
/// Used by one thread at a time; failures are bugs.
package final class CertificateAuthority {
  /// PEM texts.
  package struct Identity: Sendable {
    package var certificate: String
    package var key: String
  }

  private let certificateHandle: gnutls_x509_crt_t
  private let keyHandle: gnutls_x509_privkey_t
  private var serial: UInt32 = 1

  /// The authority's own certificate, PEM.
  package let certificate: String

  package init(_ name: String = "City CA") {
    keyHandle = Self.makeKey()
    certificateHandle = Self.makeCertificate()
    let now = SystemClock.time
    Self.fill(
      certificateHandle, name, keyHandle, serial: 1,
      from: now.advanced(by: .seconds(-86_400)), to: now.advanced(by: .seconds(3650 * 86_400)))
    Self.check(gnutls_x509_crt_set_basic_constraints(certificateHandle, 1, -1))
    Self.check(gnutls_x509_crt_set_key_usage(certificateHandle, UInt32(GNUTLS_KEY_KEY_CERT_SIGN)))
    Self.check(
      gnutls_x509_crt_sign2(certificateHandle, certificateHandle, keyHandle, GNUTLS_DIG_SHA256, 0))
    certificate = Self.certificateText(certificateHandle)
  }

  deinit {
    gnutls_x509_crt_deinit(certificateHandle)
    gnutls_x509_privkey_deinit(keyHandle)
  }

  /// A certificate that counts from `from` to `to` after now, for `hosts`, which are names or IP addresses.
  package func issue(
    _ name: String, hosts: [String] = [], from: Duration = .seconds(-86_400),
    to: Duration = .seconds(365 * 86_400)
  ) -> Identity {
    serial += 1
    let key = Self.makeKey()
    defer { gnutls_x509_privkey_deinit(key) }
    let made = Self.makeCertificate()
    defer { gnutls_x509_crt_deinit(made) }
    let now = SystemClock.time
    Self.fill(made, name, key, serial: serial, from: now.advanced(by: from), to: now.advanced(by: to))
    for host in hosts { Self.add(host, to: made) }
    Self.check(gnutls_x509_crt_set_basic_constraints(made, 0, -1))
    Self.check(gnutls_x509_crt_set_key_usage(made, UInt32(GNUTLS_KEY_DIGITAL_SIGNATURE)))
    Self.check(gnutls_x509_crt_sign2(made, certificateHandle, keyHandle, GNUTLS_DIG_SHA256, 0))
    return Identity(certificate: Self.certificateText(made), key: Self.keyText(key))
  }

  // MARK: - GnuTLS

  private static func makeKey() -> gnutls_x509_privkey_t {
    var key: gnutls_x509_privkey_t?
    check(gnutls_x509_privkey_init(&key))
    check(gateway_tls_generate_key(key))
    return key!
  }

  private static func makeCertificate() -> gnutls_x509_crt_t {
    var certificate: gnutls_x509_crt_t?
    check(gnutls_x509_crt_init(&certificate))
    return certificate!
  }

  private static func fill(
    _ certificate: gnutls_x509_crt_t, _ name: String, _ key: gnutls_x509_privkey_t, serial: UInt32,
    from: Timestamp, to: Timestamp
  ) {
    check(gnutls_x509_crt_set_version(certificate, 3))
    var number = serial.bigEndian
    check(gnutls_x509_crt_set_serial(certificate, &number, 4))
    check(gnutls_x509_crt_set_dn(certificate, "CN=\(name)", nil))
    check(gnutls_x509_crt_set_key(certificate, key))
    check(gnutls_x509_crt_set_activation_time(certificate, Int(from.microseconds / 1_000_000)))
    check(gnutls_x509_crt_set_expiration_time(certificate, Int(to.microseconds / 1_000_000)))
  }

  private static func add(_ host: String, to certificate: gnutls_x509_crt_t) {
    let isAddress = isIPv4Address(host) || host == "::1"
    let bytes: [UInt8] =
      if isIPv4Address(host) {
        host.split(separator: ".").compactMap { UInt8($0) }
      } else if isAddress {
        [UInt8](repeating: 0, count: 15) + [1]
      } else { Array(host.utf8) }
    check(
      gnutls_x509_crt_set_subject_alt_name(
        certificate, isAddress ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME, bytes, UInt32(bytes.count),
        UInt32(GNUTLS_FSAN_APPEND)))
  }

  private static func certificateText(_ certificate: gnutls_x509_crt_t) -> String {
    var datum = gnutls_datum_t()
    check(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &datum))
    return take(datum)
  }

  private static func keyText(_ key: gnutls_x509_privkey_t) -> String {
    var datum = gnutls_datum_t()
    check(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &datum))
    return take(datum)
  }

  private static func take(_ datum: gnutls_datum_t) -> String {
    defer { gateway_tls_free(datum) }
    return String(decoding: UnsafeBufferPointer(start: datum.data, count: Int(datum.size)), as: UTF8.self)
  }

  private static func check(_ code: Int32) {
    precondition(code >= 0, "BUG: GnuTLS refuses (\(code))")
  }
}
