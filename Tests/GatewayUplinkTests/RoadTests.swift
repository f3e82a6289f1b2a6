import GatewayCore
import GatewaySimulator
import GatewaySystem
import GatewayUplink
import Testing

/// The ways to a platform: through a proxy, over IPv6, and to a host that nobody knows.
@Suite struct RoadTests {
  @Test("an HTTP proxy carries HTTPS and plain HTTP, and sees no header of ours", arguments: [true, false])
  func aProxyCarriesAndSeesNothing(isTLS: Bool) throws {
    let directory = try TemporaryDirectory()
    let certificates = PlatformCertificates()
    directory.write("ca.pem", certificates.authority.certificate)
    directory.write("token", "secret-token")
    var options = PlatformSimulator.Options()
    options.tls = isTLS ? certificates.tls : nil
    let platform = try PlatformSimulator(options)
    let proxy = try ConnectProxy()
    defer { proxy.stop() }
    let bench = try Bench(platform.url, credentials: directory.path) {
      $0.tls.authorities = "ca.pem"
      $0.authentication = .bearer(tokenFile: "token")
      $0.proxy = proxy.url
    }
    bench.queue.store(10)
    #expect(bench.queue.waitUntilSettled(10))
    #expect(platform.stats.unique == 10)
    #expect(proxy.heads.count == 1)
    let head = try #require(proxy.heads.first)
    #expect(head.hasPrefix("CONNECT 127.0.0.1:\(platform.port) HTTP/1.1\r\n"))
    #expect(!head.contains("secret-token") && !head.contains("Idempotency"))
  }

  @Test("fault 40, fault 49: a proxy that refuses is for a person to mend")
  func aProxyThatRefuses() throws {
    let proxy = try PlatformServer { _, _ in .answer(403) }
    defer { proxy.stop() }
    let bench = try Bench("http://127.0.0.1:9/") { $0.proxy = "http://127.0.0.1:\(proxy.port)" }
    bench.queue.store(10)
    let status = bench.failure()
    #expect(status.state == .critical && status.lastError?.contains("403") == true, "\(status)")
    #expect(bench.queue.settledThrough == 0)
  }

  @Test("fault 49: a proxy that wants a password gets it from its file, and the platform does not")
  func aProxyThatWantsAPassword() throws {
    let directory = try TemporaryDirectory()
    directory.write("proxy-password", "wrong\n")
    let server = try PlatformServer { _, _ in .answer(200) }
    defer { server.stop() }
    // printf 'cabinet:s3cr:et' | base64
    let proxy = try ConnectProxy(demand: "Basic Y2FiaW5ldDpzM2NyOmV0")
    defer { proxy.stop() }
    for isKnown in [false, true] {
      let bench = try Bench(server.url, credentials: directory.path) {
        $0.proxy = proxy.url
        if isKnown {
          $0.proxyAuthentication = .basic(user: "cabinet", passwordFile: "proxy-password")
        }
      }
      bench.queue.store(10)
      let status = bench.failure()
      #expect(status.state == .critical, "\(status)")
      #expect(status.lastError?.contains("response 407 (\"proxy-auth\" names") == true, "\(status)")
      // printf 'cabinet:wrong' | base64, which the proxy repeats.
      #expect(status.lastError?.contains("Y2FiaW5ldDp3cm9uZw") == false, "\(status)")
      #expect(server.requests.isEmpty && bench.queue.settledThrough == 0)
      guard isKnown else { continue }
      directory.write("proxy-password", "s3cr:et\n")
      #expect(bench.queue.waitUntilSettled(10))
      #expect(server.requests.count == 1 && server.requests[0].headers["proxy-authorization"] == nil)
    }
  }

  @Test("fault 49: rows wait for a proxy that died, and go on through the one that comes back")
  func aProxyThatDiesAndComesBack() throws {
    let platform = try PlatformSimulator()
    let first = try ConnectProxy()
    let port = first.port
    let bench = try Bench(platform.url) { $0.proxy = first.url }
    bench.queue.store(10)
    #expect(bench.queue.waitUntilSettled(10))
    first.stop()
    // The listener closes with the proxy's last reference, here.
    _ = consume first
    bench.queue.store(10)
    let status = bench.failure()
    #expect(status.state == .warning && bench.queue.settledThrough == 10, "\(status)")
    let second = try ConnectProxy(port: port)
    defer { second.stop() }
    #expect(bench.queue.waitUntilSettled(20))
    #expect(platform.stats.unique == 20 && platform.stats.holes == 0)
  }

  @Test func ipv6ReachesThePlatform() throws {
    let server = try PlatformServer(isIPv6: true) { _, _ in .answer(200) }
    defer { server.stop() }
    let bench = try Bench(server.url)
    bench.queue.store(10)
    #expect(bench.queue.waitUntilSettled(10))
    #expect(server.requests[0].headers["host"] == "[::1]:\(server.port)")
  }

  @Test("fault 35: a host that nobody knows keeps the rows, and is tried again soon")
  func anUnknownHostKeepsTheRows() throws {
    // RFC 6761, section 6.4: there is no such name anywhere.
    let bench = try Bench("https://platform.invalid/") { $0.timeout = .seconds(3) }
    bench.queue.store(10)
    let status = bench.failure()
    // A misconfigured or a busy one would be something else.
    #expect(status.state == .warning, "\(status)")
    let words = ["Could not resolve host: platform.invalid", "Resolving timed out"]
    #expect(words.contains { status.lastError?.contains($0) == true }, "\(status)")
    #expect(bench.queue.settledThrough == 0)
  }
}
