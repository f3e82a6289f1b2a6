/// What curl and OpenSSL say, made into a sentence for an operator.
enum CurlSentence {
  private static let advice = [
    ("certificate is not yet valid", "is the clock of this box right?"),
    ("local issuer certificate", "\"ca\" of \"tls\" names the authorities that are trusted"),
    ("self-signed certificate", "\"ca\" of \"tls\" names the authorities that are trusted"),
    ("CONNECT tunnel failed, response 407", "\"proxy-auth\" names a user and the file of a password"),
    ("certificate required", "\"certificate\" and \"key\" of \"tls\" show who the gateway is"),
  ]

  /// What happened in curl's own words, or in those of its code where these are about curl itself: it could not ask
  /// for the name of a peer that had just hung up.
  static func detail(_ text: String, else other: String) -> String {
    text.isEmpty || text.hasPrefix("getpeername()") ? other : text
  }

  static func cause(_ detail: String) -> String {
    guard let fitting = advice.first(where: { detail.contains($0.0) }) else { return detail }
    return "\(detail) (\(fitting.1))"
  }

  /// The two sides do not agree on TLS, and will not later: an alert, no common version, no TLS at all. A connection
  /// that broke is something else.
  static func isDisagreement(_ detail: String) -> Bool {
    detail.contains(" routines:") && !detail.contains("unexpected eof")
  }
}
