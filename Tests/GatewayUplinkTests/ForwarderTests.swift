import GatewayCore
import GatewaySystem
import GatewayUplink
import Synchronization
import Testing

/// The forwarder over real sockets, against a platform that behaves as the script says.
@Suite struct ForwarderTests {
  private typealias Reply = PlatformServer.Reply

  private final class Switch: Sendable {
    private let state = Atomic<Bool>(true)
    var isOn: Bool {
      get { state.load(ordering: .acquiring) }
      set { state.store(newValue, ordering: .releasing) }
    }
  }

  private static func wait(_ duration: Duration) { _ = try? EventSignal().wait(timeout: duration) }

  /// Ten rows, of which the first attempts are answered by `replies` and all others by 200.
  private func deliver(
    _ replies: [Reply], _ change: (inout DestinationConfig) -> Void = { _ in }
  ) throws -> (requests: [PlatformServer.Request], status: Forwarder.Status) {
    let server = try PlatformServer { number, _ in
      number < replies.count ? replies[number] : .answer(200, body: "{}")
    }
    defer { server.stop() }
    let bench = try Bench(server.url, change)
    bench.queue.store(10)
    #expect(bench.queue.waitUntilSettled(10))
    #expect(bench.queue.now.delivered == 10 && bench.queue.now.violations == 0)
    Self.wait(.milliseconds(5))
    return (server.requests, bench.forwarder.status)
  }

  /// All attempts carried the same bytes under the same key.
  private func areIdentical(_ requests: [PlatformServer.Request]) -> Bool {
    requests.allSatisfy {
      $0.body == requests[0].body && $0.headers["idempotency-key"] == requests[0].headers["idempotency-key"]
    }
  }

  @Test(arguments: [200, 201, 202, 204]) func a2xxSettlesTheRows(status: Int) throws {
    let (requests, state) = try deliver([.answer(status)])
    #expect(requests.count == 1 && state.state == .ok)
    #expect(state.lastSuccess != nil && state.lastError == nil && state.retryIn == nil)
  }

  @Test func theRequestIsTheContracts() throws {
    let request = try #require(try deliver([]).requests.first)
    #expect(request.line == "POST /v1/batches HTTP/1.1")
    #expect(request.headers["content-type"] == "application/json")
    #expect(request.headers["content-encoding"] == "gzip")
    #expect(request.headers["idempotency-key"] == "\"6b22b4c8d7155218-1-10\"")
    #expect(request.headers["user-agent"] == "gatewayd/0.1.0")
    #expect(request.headers["expect"] == nil && request.headers["authorization"] == nil)
    #expect(request.headers["content-length"] == "\(request.body.count)" && !request.body.isEmpty)
    #expect(request.headers["transfer-encoding"] == nil)
    let document = try JSONValue(parsing: try #require(request.json))
    #expect(document["gateway"]?.string == "cabinet-0417")
    #expect(document["readings"]?.array?.map { $0["seq"]?.unsignedInteger } == Array(1...10))
  }

  @Test func withoutGzipTheBodyIsTheSameJSON() throws {
    let plain = try #require(try deliver([]) { $0.usesGzip = false }.requests.first)
    let compressed = try #require(try deliver([]).requests.first)
    #expect(plain.headers["content-encoding"] == nil)
    #expect(plain.body == compressed.json)
  }

  @Test("fault 36: a captive portal's page settles nothing")
  func aWebPageSettlesNothing() throws {
    let page = Reply.answer(200, headers: ["Content-Type: text/html"], body: "<html>Log in</html>")
    let (requests, state) = try deliver([page, page])
    #expect(requests.count == 3 && areIdentical(requests))
    #expect(state.lastError?.contains("web page") == true && state.state == .ok)
  }

  @Test("fault 36: where an echo is asked for, only the right one settles the rows")
  func onlyTheRightEchoSettlesTheRows() throws {
    let wrong = Reply.answer(200, body: #"{"stream":"6b22b4c8d7155218","first":1,"last":9}"#)
    let right = Reply.answer(200, body: #"{"stream":"6b22b4c8d7155218","first":1,"last":10}"#)
    #expect(
      try deliver([.answer(200, body: "{}"), wrong, right]) { $0.acknowledgement = .echo }.requests.count == 3
    )
  }

  @Test(
    "fault 40, fault 42, fault 43, fault 47: the same bytes go again under the same key",
    arguments: [
      Reply.answer(503), .answer(500), .answer(408), .answer(429), .answer(401), .answer(404), .answer(403),
      .close,
      .truncated, .endlessBody(status: 200), .endlessBody(status: 500), .endlessHeaders,
    ])
  func afterAFailureTheSameBytesGoUnderTheSameKey(reply: PlatformServer.Reply) throws {
    let (requests, state) = try deliver([reply, reply])
    // curl itself repeats a request whose reused connection was closed on it.
    #expect(requests.count >= 3 && areIdentical(requests))
    #expect(state.state == .ok && state.lastError != nil)
  }

  @Test("fault 42: Retry-After is obeyed in seconds and as a date")
  func retryAfterIsObeyedInSecondsAndAsADate() throws {
    let date = httpDate(SystemClock.time.advanced(by: .seconds(30)))
    for header in ["Retry-After: 30", "Retry-After: \(date)"] {
      let server = try PlatformServer { _, _ in .answer(503, headers: [header]) }
      defer { server.stop() }
      let bench = try Bench(server.url)
      bench.queue.store(1)
      #expect(bench.failure().state == .warning)
      Self.wait(.milliseconds(20))
      let retryIn = try #require(bench.forwarder.status.retryIn)
      #expect(retryIn > 25 && retryIn < 46, "\(header)")
      #expect(server.requests.count == 1)
    }
  }

  private func httpDate(_ time: Timestamp) -> String {
    // 2026-11-22T21:00:00.000Z; the day of the week is not checked by anybody.
    let text = Array(time.description)
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let month = months[Int(String(text[5...6]))! - 1]
    return "Sun, \(String(text[8...9])) \(month) \(String(text[0...3])) \(String(text[11...18])) GMT"
  }

  @Test("fault 41: a batch that is too large is halved, and the limit remembered")
  func aBatchTooLargeIsHalved() throws {
    let server = try PlatformServer { _, request in
      guard let json = request.json, let document = try? JSONValue(parsing: json) else { return .answer(400) }
      return .answer(document["readings"]?.array?.count ?? 0 > 3 ? 413 : 200)
    }
    defer { server.stop() }
    let bench = try Bench(server.url)
    bench.queue.store(20)
    #expect(bench.queue.waitUntilSettled(20))
    // 20, 10 and 5 are refused; batches of 2 pass from then on.
    #expect(server.requests.count == 3 + 10)
  }

  @Test("fault 48: a redirect is not followed, wherever to, and no credential leaves")
  func aRedirectIsNotFollowedAndNoCredentialLeaves() throws {
    let directory = try TemporaryDirectory()
    directory.write("token", "secret\n")
    let other = try PlatformServer { _, _ in .answer(200) }
    defer { other.stop() }
    let targets = [
      other.url, "file:///etc/passwd", "//127.0.0.1:\(other.port)/", "ftp://127.0.0.1:\(other.port)/",
    ]
    let server = try PlatformServer { number, _ in
      .answer(307, headers: ["Location: \(targets[number % targets.count])"])
    }
    defer { server.stop() }
    let bench = try Bench(server.url, credentials: directory.path) {
      $0.authentication = .bearer(tokenFile: "token")
    }
    bench.queue.store(1)
    while server.requests.count < targets.count { Self.wait(.milliseconds(5)) }
    #expect(bench.forwarder.status.state == .critical)
    #expect(server.requests[0].headers["authorization"] == "Bearer secret")
    #expect(other.requests.isEmpty && bench.queue.settledThrough == 0)
  }

  @Test("fault 40: a token that is missing or refused holds the rows; the next one needs no restart")
  func aRotatedTokenNeedsNoRestart() throws {
    let directory = try TemporaryDirectory()
    let server = try PlatformServer { _, request in
      .answer(request.headers["authorization"] == "Bearer new" ? 200 : 401)
    }
    defer { server.stop() }
    let bench = try Bench(server.url, credentials: directory.path) {
      $0.authentication = .bearer(tokenFile: "token")
    }
    bench.queue.store(1)
    // Without a token nothing is sent at all.
    #expect(bench.failure().state == .critical && server.requests.isEmpty)
    directory.write("token", "old")
    while server.requests.isEmpty { Self.wait(.milliseconds(5)) }
    directory.write("token", "new")
    #expect(bench.queue.waitUntilSettled(1))
  }

  @Test("fault 33: a platform that comes back gets everything")
  func aPlatformThatComesBackGetsEverything() throws {
    let first = try PlatformServer { _, _ in .answer(200) }
    let port = first.port
    let bench = try Bench(first.url) { $0.maximumReadings = 7 }
    bench.queue.store(10)
    #expect(bench.queue.waitUntilSettled(10))
    first.stop()
    // The listener closes with the server's last reference, here.
    _ = consume first
    bench.queue.store(30)
    let status = bench.failure()
    #expect(status.state == .warning, "\(status)")
    let second = try PlatformServer(port: port) { _, _ in .answer(200) }
    defer { second.stop() }
    #expect(bench.queue.waitUntilSettled(40) && bench.queue.now.delivered == 40)
  }

  @Test("fault 45: rows stored before the connection broke are sent again unchanged")
  func rowsStoredBeforeTheConnectionBrokeAreSentAgainUnchanged() throws {
    // On a connection that was good before, which makes curl itself repeat the request.
    let server = try PlatformServer { number, _ in number % 2 == 1 ? .close : .answer(200) }
    defer { server.stop() }
    let bench = try Bench(server.url)
    for round in 1...5 {
      bench.queue.store(10)
      #expect(bench.queue.waitUntilSettled(UInt64(round * 10)))
    }
    var bodies: [String: [UInt8]] = [:]
    for request in server.requests {
      let key = try #require(request.headers["idempotency-key"])
      if let before = bodies.updateValue(request.body, forKey: key) { #expect(before == request.body) }
    }
    #expect(bodies.count == 5 && server.requests.count > 5)
  }

  @Test(
    "fault 46: a head or a body of a byte a second ends with the timeout", arguments: [Reply.drip, .dripHead])
  func aByteASecondEndsWithTheTimeout(reply: PlatformServer.Reply) throws {
    let (requests, state) = try deliver([reply]) { $0.timeout = .seconds(2) }
    #expect(requests.count == 2 && areIdentical(requests))
    #expect(state.lastError?.contains("timed out") == true)
  }

  @Test("fault 46: silence ends with the timeout")
  func silenceEndsWithTheTimeout() throws {
    #expect(try deliver([.silence]) { $0.timeout = .seconds(2) }.requests.count == 2)
  }

  @Test func manyBatchesUseOneConnection() throws {
    let server = try PlatformServer { _, _ in .answer(200, body: "{}") }
    defer { server.stop() }
    let bench = try Bench(server.url) { $0.maximumReadings = 10 }
    for _ in 0..<10 { bench.queue.store(50) }
    #expect(bench.queue.waitUntilSettled(500))
    #expect(server.requests.count >= 50)
    #expect(server.requests.allSatisfy { $0.connection == 0 })
  }

  @Test func stoppingDropsTheBatchInFlightAndKeepsItsRows() throws {
    let server = try PlatformServer { _, _ in .silence }
    defer { server.stop() }
    let bench = try Bench(server.url) { $0.timeout = .seconds(60) }
    bench.queue.store(10)
    while server.requests.isEmpty { Self.wait(.milliseconds(5)) }
    let start = SystemClock.boot
    bench.forwarder.requestStop()
    bench.forwarder.join()
    #expect(start.duration(to: SystemClock.boot) < .seconds(1))
    #expect(bench.queue.settledThrough == 0)
  }

  @Test func flushEndsTheLingeringAndTheWait() throws {
    let server = try PlatformServer { number, _ in
      number == 0 ? .answer(503, headers: ["Retry-After: 600"]) : .answer(200)
    }
    defer { server.stop() }
    let bench = try Bench(server.url) { $0.linger = .seconds(600) }
    bench.queue.store(10)
    Self.wait(.milliseconds(50))
    #expect(server.requests.isEmpty)
    bench.forwarder.flush()
    #expect(bench.failure().state == .warning)
    bench.forwarder.flush()
    #expect(bench.queue.waitUntilSettled(10))
  }

  @Test func anIdleForwarderBeats() throws {
    let bench = try Bench("http://127.0.0.1:9/")
    Self.wait(.milliseconds(4300))
    #expect(bench.heartbeat.age < .seconds(2))
  }

  /// The rows of a request's batch, from its key.
  private static func rows(_ request: PlatformServer.Request) -> ClosedRange<UInt64>? {
    let parts = request.headers["idempotency-key"]?.dropFirst().dropLast().split(separator: "-") ?? []
    guard parts.count == 3, let first = UInt64(parts[1]), let last = UInt64(parts[2]) else { return nil }
    return first...last
  }

  @Test(
    "fault 33: after an outage live rows arrive before the backlog",
    arguments: [DestinationConfig.Backlog.oldest, .newest])
  func afterAnOutageLiveRowsArriveBeforeTheBacklog(order: DestinationConfig.Backlog) throws {
    let away = Switch()
    let queue = MemoryQueue()
    let server = try PlatformServer { _, request in
      if away.isOn { return .answer(503) }
      // While a batch of the backlog is on its way, ten live rows are stored.
      if let rows = Self.rows(request), 11...490 ~= rows.lowerBound { queue.store(10) }
      return .answer(200)
    }
    defer { server.stop() }
    let bench = try Bench(server.url, queue: queue) {
      $0.maximumReadings = 10
      $0.backlog = order
    }
    queue.store(10)
    #expect(bench.failure().state == .warning)
    queue.store(490)
    away.isOn = false
    #expect(queue.waitUntilSettled(980))
    let batches = server.requests.compactMap(Self.rows).drop { $0 == 1...10 }
    // 48 of the backlog, each followed by what was stored meanwhile.
    #expect(batches.first == 491...500 && batches.count == 97)
    let pairs = zip(batches.dropFirst(), batches.dropFirst(2))
    #expect(pairs.allSatisfy { $0.lowerBound > 490 || $1.lowerBound > 490 })
    #expect(batches.dropFirst().first == (order == .oldest ? 11...20 : 481...490))
  }

  @Test("fault 33: the backlog drains beside the live rows")
  func theBacklogDrainsBesideTheLiveRows() throws {
    let server = try PlatformServer { number, _ in .answer(number < 3 ? 503 : 200) }
    defer { server.stop() }
    let bench = try Bench(server.url) { $0.maximumReadings = 10 }
    bench.queue.store(10)
    #expect(bench.failure().state == .warning)
    for _ in 0..<50 { bench.queue.store(10) }
    #expect(bench.queue.waitUntilSettled(510))
    #expect(bench.queue.now.delivered == 510 && bench.queue.now.violations == 0)
    var seen = RangeSet<UInt64>()
    for range in server.requests.compactMap(Self.rows) {
      seen.insert(contentsOf: range.lowerBound..<range.upperBound + 1)
    }
    #expect(seen == RangeSet(1..<511))
  }
}
