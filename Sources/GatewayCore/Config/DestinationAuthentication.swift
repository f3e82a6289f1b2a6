extension DestinationConfig {
  /// How the gateway shows who it is. Files hold the secrets; they are read again for every attempt, so that a
  /// rotated one needs no restart.
  package enum Authentication: Equatable, Sendable {
    case none
    /// RFC 6750, section 2.1.
    case bearer(tokenFile: String)
    /// RFC 7617.
    case basic(user: String, passwordFile: String)
    /// A key under a header of any name, such as `X-Api-Key`.
    case header(name: String, valueFile: String)
    case oauth2(OAuth2)
  }

  /// A token by client credentials: RFC 6749, section 4.4, with HTTP Basic as in section 2.3.1.
  package struct OAuth2: Equatable, Sendable {
    package var tokenURL: String
    package var clientID: String
    package var secretFile: String
    package var scope: String?
    /// No part of the RFC; several servers want it.
    package var audience: String?

    package init(
      tokenURL: String, clientID: String, secretFile: String, scope: String? = nil, audience: String? = nil
    ) {
      self.tokenURL = tokenURL
      self.clientID = clientID
      self.secretFile = secretFile
      self.scope = scope
      self.audience = audience
    }
  }
}
