import GatewayCore
import GatewaySimulator
import GatewaySystem
import GatewayUplink
import Testing

/// How the gateway shows who it is, and where it does not.
@Suite struct CredentialTests {
  private typealias Reply = PlatformServer.Reply

  private static let secret = "s3cr:et &+ü"

  private static func files() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    directory.write("token", "secret-token\n")
    directory.write("password", "\(secret)\n")
    directory.write("key", "Token secret-key\n")
    return directory
  }

  private static func client(_ url: String) -> DestinationConfig.OAuth2 {
    DestinationConfig.OAuth2(
      tokenURL: url, clientID: "cab:1", secretFile: "password", scope: "write read", audience: "city")
  }

  /// With the secrets of `files()`.
  private static func authentication(
    _ way: Way, tokens: PlatformServer
  ) -> DestinationConfig.Authentication {
    switch way {
    case .bearer: .bearer(tokenFile: "token")
    case .basic: .basic(user: "cabinet", passwordFile: "password")
    case .header: .header(name: "X-Api-Key", valueFile: "key")
    case .oauth2: .oauth2(client(tokens.url))
    }
  }

  /// Answers with `tokens` one after the other, then with the last one.
  private static func tokenServer(_ tokens: [String], life: Int = 3600) throws -> PlatformServer {
    try PlatformServer { number, _ in
      let token = tokens[min(number, tokens.count - 1)]
      return .answer(
        200, body: #"{"access_token":"\#(token)","token_type":"Bearer","expires_in":\#(life)}"#)
    }
  }

  @Test("basic, and a key under a header of any name", arguments: [true, false])
  func basicAndKeys(isBasic: Bool) throws {
    let directory = try Self.files()
    let server = try PlatformServer { _, _ in .answer(200) }
    defer { server.stop() }
    let bench = try Bench(server.url, credentials: directory.path) {
      $0.authentication =
        isBasic
        ? .basic(user: "cabinet", passwordFile: "password") : .header(name: "X-Api-Key", valueFile: "key")
    }
    bench.queue.store(1)
    #expect(bench.queue.waitUntilSettled(1))
    let headers = server.requests[0].headers
    if isBasic {
      // printf 'cabinet:s3cr:et &+ü' | base64
      #expect(headers["authorization"] == "Basic Y2FiaW5ldDpzM2NyOmV0ICYrw7w=")
    } else {
      #expect(headers["x-api-key"] == "Token secret-key" && headers["authorization"] == nil)
    }
  }

  @Test("OAuth2: one token is fetched as RFC 6749 says and serves for all batches")
  func aTokenIsFetchedOnce() throws {
    let directory = try Self.files()
    let tokens = try Self.tokenServer(["t-1"])
    defer { tokens.stop() }
    let server = try PlatformServer { _, _ in .answer(200) }
    defer { server.stop() }
    let bench = try Bench(server.url, credentials: directory.path) {
      $0.authentication = .oauth2(Self.client(tokens.url))
    }
    for round in 1...3 {
      bench.queue.store(10)
      #expect(bench.queue.waitUntilSettled(UInt64(10 * round)))
    }
    #expect(tokens.requests.count == 1)
    let request = tokens.requests[0]
    #expect(
      String(decoding: request.body, as: UTF8.self)
        == "grant_type=client_credentials&scope=write+read&audience=city")
    #expect(request.headers["content-type"] == "application/x-www-form-urlencoded")
    // printf 'cab%%3A1:s3cr%%3Aet+%%26%%2B%%C3%%BC' | base64
    #expect(request.headers["authorization"] == "Basic Y2FiJTNBMTpzM2NyJTNBZXQrJTI2JTJCJUMzJUJD")
    #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Bearer t-1" })
    #expect(server.requests.allSatisfy { $0.connection == 0 })
  }

  @Test("OAuth2: a token is renewed a minute before its end, or a tenth of its life")
  func aTokenIsRenewedAhead() {
    for (life, margin) in [(3600, 60), (100, 10)] {
      var token = AccessToken(Self.client("https://a.example"))
      let start = BootTime(microseconds: 5_000_000)
      #expect(token.isDue(at: start) && !token.serves(at: start))
      let flaw = token.take(Array(#"{"access_token":"x","expires_in":\#(life)}"#.utf8), asked: start)
      #expect(flaw == nil)
      #expect(!token.isDue(at: start.advanced(by: .seconds(life - margin) - .milliseconds(1))))
      #expect(token.isDue(at: start.advanced(by: .seconds(life - margin))))
      #expect(token.serves(at: start.advanced(by: .seconds(life) - .milliseconds(1))))
      #expect(!token.serves(at: start.advanced(by: .seconds(life))))
    }
  }

  @Test(
    "OAuth2: what is no token is refused without quoting it",
    arguments: [
      "<html>", "{}", #"{"access_token":7}"#, #"{"access_token":""}"#, #"{"access_token":"x\r\nEvil: 1"}"#,
      #"{"access_token":"hidden","token_type":"mac"}"#,
    ])
  func whatIsNoTokenIsRefused(body: String) {
    var token = AccessToken(Self.client("https://a.example"))
    let start = BootTime(microseconds: 0)
    let flaw = token.take(Array(body.utf8), asked: start)
    #expect(flaw?.contains("hidden") == false && token.isDue(at: start))
  }

  @Test("OAuth2: an old token is renewed for the next batch")
  func anOldTokenIsRenewed() throws {
    let directory = try Self.files()
    let tokens = try Self.tokenServer(["t-1", "t-2"], life: 0)
    defer { tokens.stop() }
    let server = try PlatformServer { _, _ in .answer(200) }
    defer { server.stop() }
    let bench = try Bench(server.url, credentials: directory.path) {
      $0.authentication = .oauth2(Self.client(tokens.url))
    }
    for round in 1...2 {
      bench.queue.store(10)
      #expect(bench.queue.waitUntilSettled(UInt64(10 * round)))
    }
    #expect(server.requests.map { $0.headers["authorization"] } == ["Bearer t-1", "Bearer t-2"])
  }

  @Test("fault 40: after a 401 the same batch goes again at once with a new token; a second 401 alarms")
  func aNewTokenAfterA401() throws {
    let directory = try Self.files()
    for accepted in ["t-2", "none"] {
      let tokens = try Self.tokenServer(["t-1", "t-2"])
      defer { tokens.stop() }
      // The first token is revoked after the first batch.
      let server = try PlatformServer { number, request in
        .answer(number == 0 || request.headers["authorization"] == "Bearer \(accepted)" ? 200 : 401)
      }
      defer { server.stop() }
      let bench = try Bench(server.url, credentials: directory.path) {
        $0.authentication = .oauth2(Self.client(tokens.url))
        $0.retryInitial = .seconds(600)
        $0.retryMaximum = .seconds(600)
      }
      bench.queue.store(10)
      #expect(bench.queue.waitUntilSettled(10))
      bench.queue.store(10)
      if accepted == "none" {
        #expect(bench.failure().state == .critical && bench.queue.settledThrough == 10)
      } else {
        #expect(bench.queue.waitUntilSettled(20))
        #expect(bench.forwarder.status.lastError == nil)
      }
      #expect(
        server.requests.map { $0.headers["authorization"] } == ["Bearer t-1", "Bearer t-1", "Bearer t-2"])
      #expect(server.requests[1].body == server.requests[2].body)
      #expect(tokens.requests.count == 2)
    }
  }

  @Test("OAuth2: a token's server that refuses keeps the rows; its reason is told, our secret is not")
  func aTokenServerThatRefuses() throws {
    let directory = try Self.files()
    let tokens = try PlatformServer { _, request in
      let said = request.headers["authorization"]?.split(separator: " ").last ?? ""
      return .answer(400, body: #"{"error":"invalid_client","error_description":"not \#(said)"}"#)
    }
    defer { tokens.stop() }
    let server = try PlatformServer { _, _ in .answer(200) }
    defer { server.stop() }
    let bench = try Bench(server.url, credentials: directory.path) {
      $0.authentication = .oauth2(Self.client(tokens.url))
    }
    bench.queue.store(10)
    let status = bench.failure()
    #expect(status.state == .critical)
    #expect(
      status.lastError
        == #"cannot deliver to "platform": cannot get a token: status 400: invalid_client: not ***"#)
    #expect(server.requests.isEmpty && bench.queue.settledThrough == 0)
  }

  @Test("fault 37: a token's server is held to the same rules of TLS")
  func theTokenServerIsVerified() throws {
    let directory = try Self.files()
    var options = PlatformSimulator.Options()
    options.tls = PlatformCertificates(.unknownCA).tls
    let tokens = try PlatformSimulator(options)
    let bench = try Bench("http://127.0.0.1:9/", credentials: directory.path) {
      $0.authentication = .oauth2(Self.client(tokens.url))
    }
    bench.queue.store(10)
    let status = bench.failure()
    #expect(status.state == .critical && status.lastError?.contains("get a token: SSL") == true, "\(status)")
    #expect(tokens.stats.requests == 0)
  }

  @Test("a silent token's server neither stops the heartbeat nor delays the end")
  func aSilentTokenServer() throws {
    let directory = try Self.files()
    let tokens = try PlatformServer { _, _ in .silence }
    defer { tokens.stop() }
    let bench = try Bench("http://127.0.0.1:9/", credentials: directory.path) {
      $0.authentication = .oauth2(Self.client(tokens.url))
      $0.timeout = .seconds(60)
    }
    bench.queue.store(10)
    while tokens.requests.isEmpty { Bench.wait(.milliseconds(5)) }
    Bench.wait(.milliseconds(4300))
    #expect(bench.heartbeat.age < .seconds(4))
    bench.forwarder.requestStop()
    bench.forwarder.join()
    #expect(bench.queue.settledThrough == 0)
  }

  enum Way: CaseIterable { case bearer, basic, header, oauth2 }

  @Test("fault 48: redirects are not followed: another host gets nothing at all", arguments: Way.allCases)
  func noCredentialLeaves(way: Way) throws {
    let directory = try Self.files()
    let other = try PlatformServer { _, _ in .answer(200) }
    defer { other.stop() }
    let target = "Location: \(other.url)"
    let server = try PlatformServer { number, _ in
      .answer([301, 302, 307, 308][number % 4], headers: [target])
    }
    defer { server.stop() }
    let bench = try Bench(server.url, credentials: directory.path) {
      $0.authentication = Self.authentication(way, tokens: server)
    }
    bench.queue.store(1)
    while server.requests.count < 4 { Bench.wait(.milliseconds(5)) }
    #expect(bench.forwarder.status.state == .critical)
    #expect(other.requests.isEmpty && bench.queue.settledThrough == 0)
  }

  @Test(
    "a platform that repeats our secret, in whatever case or cut short, does not get it into the status",
    arguments: Way.allCases)
  func noSecretIsTold(way: Way) throws {
    let directory = try Self.files()
    let tokens = try Self.tokenServer(["secret-access"])
    defer { tokens.stop() }
    let server = try PlatformServer { _, request in
      let said = [request.headers["authorization"], request.headers["x-api-key"]].compactMap { $0 }
      return .answer(
        403, headers: ["Content-Type: text/plain"],
        body: "refused: \(said[0].dropLast()) \(said[0]) \(said[0].uppercased())")
    }
    defer { server.stop() }
    let bench = try Bench(server.url, credentials: directory.path) {
      $0.authentication = Self.authentication(way, tokens: tokens)
    }
    bench.queue.store(1)
    let error = try #require(bench.failure().lastError)
    #expect(error.contains("refused: ") && error.contains("***"))
    for secret in ["secret-t", "y2fiaw5l", "secret-k", "secret-a"] {
      #expect(!error.lowercased().contains(secret), "\(error)")
    }
  }
}
