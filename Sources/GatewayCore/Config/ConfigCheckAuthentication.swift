/// How a destination is shown who the gateway is: the mapping `auth`.
extension ConfigCheck {
  private enum Kind: CaseIterable { case bearer, basic, header, oauth2 }

  /// Headers that say how the request is to be read, or by whom: a key under such a name would break it.
  private static let reservedHeaders: Set<String> = [
    "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection",
    "keep-alive", "te", "trailer", "upgrade", "expect", "idempotency-key", "user-agent", "accept",
    "accept-encoding", "proxy-authorization", "proxy-connection", "link", "ngsild-tenant", "fiware-service",
  ]

  /// `allowsPlain`: whether the destination says `insecure: true`.
  func authentication(_ reader: MappingReader, allowsPlain: Bool) -> DestinationConfig.Authentication {
    var keys = reader
    guard let kind = kind(&keys) else { return .none }
    defer { keys.finish() }
    switch kind {
    case .bearer: return .bearer(tokenFile: file("token-file", &keys))
    case .basic: return basic(&keys)
    case .header:
      let name = keys.require("name", Self.headerName) ?? ""
      return .header(name: name, valueFile: file("value-file", &keys))
    case .oauth2: return .oauth2(oauth2(&keys, allowsPlain: allowsPlain))
    }
  }

  /// `proxy-auth`: a user and the file of a password.
  func proxyAuthentication(_ keys: inout MappingReader) -> DestinationConfig.Authentication {
    guard var own = keys.mapping("proxy-auth") else { return .none }
    if keys.take("proxy") == nil { log.add(own.node, "\"proxy-auth\" needs the key \"proxy\" beside it") }
    defer { own.finish() }
    return basic(&own)
  }

  private func basic(_ keys: inout MappingReader) -> DestinationConfig.Authentication {
    let user = keys.require("user", Self.user) ?? ""
    return .basic(user: user, passwordFile: file("password-file", &keys))
  }

  private func kind(_ keys: inout MappingReader) -> Kind? {
    let words = ScalarForm.word(
      Kind.allCases.map { ("\($0)", $0) },
      synonyms: ["token": "bearer", "api-key": "header", "apikey": "header", "oauth": "oauth2"])
    guard let node = keys.require("type") else { return nil }
    if let kind = keys.read(node, "type", words) { return kind }
    // Most likely a slip: what stands beside it is worth checking.
    guard case .scalar(let text, _) = node.content else { return nil }
    return words.nearest(text).flatMap { words.parse($0, true) }
  }

  private func oauth2(_ keys: inout MappingReader, allowsPlain: Bool) -> DestinationConfig.OAuth2 {
    DestinationConfig.OAuth2(
      tokenURL: url(&keys, "token-url", allowsPlain: allowsPlain),
      clientID: keys.require("client-id", .text("the id that the token's server knows")) ?? "",
      secretFile: file("secret-file", &keys),
      scope: keys.optional("scope", .text("scopes, with a space between two")),
      audience: keys.optional("audience", .text("the audience that the token's server wants")))
  }

  private func file(_ key: String, _ keys: inout MappingReader) -> String {
    keys.require(key, .text("the name of a file")) ?? ""
  }

  /// RFC 7617, section 2: the first colon ends the user.
  private static var user: ScalarForm<String> {
    .text("").map("a user's name without a colon") { $0.contains(":") ? nil : $0 }
  }

  /// A token of RFC 9110, section 5.6.2.
  private static var headerName: ScalarForm<String> {
    ScalarForm("the name of a header such as X-Api-Key, and none that HTTP or a format needs for itself") {
      text, _ in
      let isToken = text.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
      let isFree = !reservedHeaders.contains(text.lowercased())
      return isToken && isFree && (1...256).contains(text.utf8.count) ? text : nil
    }
  }
}
