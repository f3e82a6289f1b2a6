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
    let files: TemporaryDirectory
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

    var root: String { "https://127.0.0.1:\(port)" }

    /// SIGQUIT sends GOAWAY and ends with the last connection.
    func end(_ signal: Int32 = SIGQUIT) {
      process?.kill(signal)
      process?.wait()
      process = nil
    }

    func bench(_ change: (inout DestinationConfig) -> Void = { _ in }) throws -> Bench {
      try Bench("\(root)/v1/batches", credentials: files.path) {
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
    "fault 43, fault 46, fault 47: what fails in HTTP/2 goes again, and no answer is kept beyond its limit",
    arguments: [
      PlatformServer.Reply.answer(503), .close, .truncated, .endlessBody(status: 200), .endlessHeaders,
      .silence, .drip,
    ])
  func whatFailsIsSentAgain(reply: PlatformServer.Reply) throws {
    let server = try PlatformServer { number, _ in number == 0 ? reply : .answer(200) }
    defer { server.stop() }
    let front = try Front(server.port)
    let bench = try front.bench { $0.timeout = .seconds(2) }
    bench.queue.store(10)
    #expect(bench.queue.waitUntilSettled(10))
    #expect(bench.queue.now.delivered == 10 && bench.queue.now.violations == 0)
    let requests = server.requests
    #expect(isHTTP2(requests[0]) && requests.count > 1)
    #expect(Set(requests.map(\.body)).count == 1)
    #expect(Set(requests.map { $0.headers["idempotency-key"] }).count == 1)
  }

  /// It is lost in libcurl 7.88, so the next attempt speaks HTTP/1.1.
  @Test("fault 41: over HTTP/2 too a 413 that comes before the body was read halves the batch")
  func anEarlyRefusalIsUnderstood() throws {
    let server = try PlatformServer(longest: 300_000) { _, _ in .answer(200) }
    defer { server.stop() }
    let front = try Front(server.port)
    let bench = try front.bench {
      $0.usesGzip = false
      $0.maximumReadings = 100_000
      $0.maximumBytes = 64 << 20
    }
    bench.queue.store(10)
    #expect(bench.queue.waitUntilSettled(10))
    bench.queue.store(10_000)
    #expect(bench.queue.waitUntilSettled(10_010))
    #expect(bench.queue.now.delivered == 10_010 && server.refusedEarly >= 2)
    #expect(server.requests.first.map(isHTTP2) == true)
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
    #expect(bench.queue.now.delivered == 20 && server.requests.first.map(isHTTP2) == true)
  }

  @Test(
    "fault 45: what must not be sent twice is not repeated when an HTTP/2 connection breaks: it is asked for")
  func aConnectionThatBreaksCostsNoSecondRequest() throws {
    let server = try PlatformServer { number, request in
      if request.line.hasPrefix("GET") { return .answer(200, body: #"{"value":[]}"#) }
      let count = String(decoding: request.body, as: UTF8.self).split(separator: "recordId").count - 1
      let texts = Array(repeating: #""x/Observations(1)""#, count: count).joined(separator: ",")
      return number == 2 ? .silence : .answer(201, body: "[\(texts)]")
    }
    defer { server.stop() }
    let front = try Front(server.port)
    let road = try SensorThingsRoadTests.Scripted(
      front.root, credentials: front.files.path, tls: DestinationConfig.TLS(authorities: "ca.pem"))
    for rows in [UInt64(10), 20] {
      road.queue.store(10)
      #expect(road.queue.waitUntilSettled(rows))
    }
    road.queue.store(10)
    while server.requests.count < 3 { Bench.wait(.milliseconds(5)) }
    front.end(SIGKILL)
    try front.start()
    #expect(road.queue.waitUntilSettled(30))
    #expect(server.requests.prefix(3).allSatisfy { isHTTP2($0) && $0.line.hasPrefix("POST") })
    #expect(server.requests.dropFirst(3).first?.line.hasPrefix("GET") == true)
  }
}
