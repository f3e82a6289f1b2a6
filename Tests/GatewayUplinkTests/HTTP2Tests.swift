import GatewayCore
import GatewaySimulator
import GatewaySystem
import GatewayUplink
import Glibc
import Testing

private let nghttpx: String? = ["/usr/sbin/nghttpx", "/usr/bin/nghttpx"].first { access($0, X_OK) == 0 }

/// HTTP/2 where a platform offers it: nghttpx in front of a platform that follows a script.
@Suite(.enabled(if: nghttpx != nil, "SKIPPED: no nghttpx here; Debian's package nghttp2-proxy has it"))
struct HTTP2Tests {
  /// Speaks HTTP/2 over TLS, and HTTP/1.1 to what is behind it.
  private final class Front {
    private let files: TemporaryDirectory
    private let target: UInt16
    private var process: ChildProcess?
    private var port: UInt16 = 0

    init(_ target: UInt16) throws {
      self.target = target
      files = try TemporaryDirectory()
      let certificates = PlatformCertificates()
      files.write("ca.pem", certificates.authority.certificate)
      files.write("platform.pem", certificates.tls.identity.certificate)
      files.write("platform.key", certificates.tls.identity.key)
      for _ in 0..<20 where process == nil {
        port = try Self.freePort()
        try start()
      }
    }

    /// False where another took the port meanwhile.
    @discardableResult
    func start() throws -> Bool {
      let process = try ChildProcess(
        try #require(nghttpx),
        [
          "--conf=/dev/null", "--frontend=127.0.0.1,\(port)", "--backend=127.0.0.1,\(target)", "--workers=1",
          "--no-ocsp", "\(files.path)/platform.key", "\(files.path)/platform.pem",
        ], mergesErrors: true)
      while let line = process.readLine(timeout: .seconds(60)) {
        guard line.contains("Listening on") else { continue }
        self.process = process
        return true
      }
      return false
    }

    /// Sends GOAWAY and ends with the last connection.
    func end() {
      process?.kill(SIGQUIT)
      process?.wait()
      process = nil
    }

    func bench(_ change: (inout DestinationConfig) -> Void = { _ in }) throws -> Bench {
      try Bench("https://127.0.0.1:\(port)/v1/batches", credentials: files.path) {
        $0.tls.authorities = "ca.pem"
        change(&$0)
      }
    }

    private static func freePort() throws -> UInt16 {
      let server = try PlatformServer { _, _ in .close }
      defer { server.stop() }
      return server.port
    }
  }

  private func isHTTP2(_ request: PlatformServer.Request) -> Bool {
    request.headers["via"]?.hasPrefix("2 ") == true
  }

  @Test("HTTP/2 where it is offered: batches small and large arrive with their Content-Length")
  func batchesArrive() throws {
    let server = try PlatformServer { _, request in .answer(request.json == nil ? 400 : 200, body: "{}") }
    defer { server.stop() }
    let front = try Front(server.port)
    let bench = try front.bench {
      $0.usesGzip = false
      $0.maximumReadings = 100_000
      $0.maximumBytes = 64 << 20
    }
    var stored: UInt64 = 0
    for count in [1, 10, 10_000, 10] {
      bench.queue.store(count)
      stored += UInt64(count)
      #expect(bench.queue.waitUntilSettled(stored))
    }
    let requests = server.requests
    #expect(requests.count == 4 && requests.allSatisfy(isHTTP2))
    #expect(requests.allSatisfy { $0.headers["content-length"] == "\($0.body.count)" && !$0.body.isEmpty })
    #expect(requests[2].body.count > 1_000_000)
    #expect(bench.queue.now.delivered == stored && bench.forwarder.status.lastError == nil)
  }

  @Test(
    "fault 43, fault 46, fault 47: over HTTP/2 too the same bytes go again, and no answer is kept beyond its limit"
  )
  func whatFailsIsSentAgain() throws {
    let replies: [PlatformServer.Reply] = [
      .answer(503), .close, .truncated, .endlessBody(status: 200), .endlessHeaders, .silence, .drip,
    ]
    let server = try PlatformServer { number, _ in number < replies.count ? replies[number] : .answer(200) }
    defer { server.stop() }
    let front = try Front(server.port)
    let bench = try front.bench { $0.timeout = .seconds(2) }
    bench.queue.store(10)
    for _ in 0..<6 where !bench.queue.waitUntilSettled(10) {}
    #expect(bench.queue.now.delivered == 10 && bench.queue.now.violations == 0)
    let requests = server.requests
    #expect(requests.count > replies.count && requests.allSatisfy(isHTTP2))
    #expect(
      Set(requests.map(\.body)).count == 1 && Set(requests.map { $0.headers["idempotency-key"] }).count == 1)
  }

  @Test("fault 43: a platform that says good-bye in HTTP/2 and comes back gets everything")
  func aPlatformThatSaysGoodBye() throws {
    let server = try PlatformServer { _, _ in .answer(200) }
    defer { server.stop() }
    let front = try Front(server.port)
    let bench = try front.bench()
    bench.queue.store(10)
    #expect(bench.queue.waitUntilSettled(10))
    front.end()
    bench.queue.store(10)
    #expect(bench.failure().state == .warning)
    try front.start()
    #expect(bench.queue.waitUntilSettled(20))
    #expect(bench.queue.now.delivered == 20 && server.requests.allSatisfy(isHTTP2))
  }
}
