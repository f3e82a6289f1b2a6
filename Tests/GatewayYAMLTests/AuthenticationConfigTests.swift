internal import GatewayCore
internal import GatewayYAML
internal import Testing

/// The mapping `auth`; its mistakes are in Fixtures/credentials.yaml.
@Suite struct AuthenticationConfigTests {
  @Test(
    arguments: [
      ("{type: bearer, token-file: t}", .bearer(tokenFile: "t")),
      ("{type: basic, user: u, password-file: p}", .basic(user: "u", passwordFile: "p")),
      ("{type: header, name: X-Api-Key, value-file: k}", .header(name: "X-Api-Key", valueFile: "k")),
      ("{type: header, name: Authorization, value-file: k}", .header(name: "Authorization", valueFile: "k")),
      (
        "{type: oauth2, token-url: \"https://a.example/t\", client-id: c, secret-file: s}",
        .oauth2(
          DestinationConfig.OAuth2(tokenURL: "https://a.example/t", clientID: "c", secretFile: "s"))
      ),
      (
        "{type: oauth2, token-url: \"http://127.0.0.1/t\", client-id: c, secret-file: s, scope: a b, audience: x}",
        .oauth2(
          DestinationConfig.OAuth2(
            tokenURL: "http://127.0.0.1/t", clientID: "c", secretFile: "s", scope: "a b", audience: "x"))
      ),
    ] as [(String, DestinationConfig.Authentication)])
  func eachTypeHasItsKeys(text: String, expected: DestinationConfig.Authentication) throws {
    #expect(try authentication(text) == expected)
  }

  @Test func plainHTTPForTheTokenNeedsInsecure() throws {
    let text = "{type: oauth2, token-url: \"http://a.example/t\", client-id: c, secret-file: s}"
    #expect(throws: ConfigProblems.self) { try authentication(text) }
    #expect(try authentication(text, "insecure: true") != DestinationConfig.Authentication.none)
  }

  @Test(arguments: ["Host", "content-length", "Transfer-Encoding", "Idempotency-Key", "X:Y", "", "X\u{e9}"])
  func aHeaderThatHTTPNeedsIsRefused(name: String) {
    #expect(throws: ConfigProblems.self) {
      try authentication("{type: header, name: \"\(name)\", value-file: k}")
    }
  }

  private func authentication(
    _ text: String, _ more: String = "insecure: false"
  ) throws -> DestinationConfig.Authentication? {
    let file = """
      gateway: {id: x}
      destinations: [{name: p, url: "https://a.example", auth: \(text), \(more)}]
      """
    return try ConfigFile.check(Array(file.utf8), file: "test.yaml").destinations.first?.authentication
  }
}
