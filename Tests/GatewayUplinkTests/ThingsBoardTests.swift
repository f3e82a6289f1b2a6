import GatewayCore
import GatewaySystem
import GatewayUplink
import Glibc
import Synchronization
import Testing

/// ThingsBoard's device API: which rows go into which request, and what becomes of a batch of several.
@Suite struct ThingsBoardTests {
  private let points = [
    PointDescription(name: "canopy.no2", unit: "GQ", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(
      name: "canopy.temperature", unit: "CEL", kind: .gauge, window: .tumbling(seconds: 60),
      functions: .standard),
    PointDescription(name: "io.do\"or", unit: nil, kind: .state, window: .raw, functions: .standard),
  ]

  private func row(
    _ point: PointIndex, _ body: Row.Body, _ quality: Quality = .good, _ reason: QualityReason = .none
  ) -> Row {
    Row(
      point: point, time: Timestamp(microseconds: 1_795_381_200_000_999), boot: BootTime(microseconds: 0),
      quality: quality, reason: reason, timeQuality: .synced, body: body)
  }

  /// The bodies and files of the requests that these rows take.
  private func write(_ rows: [Row], tokenFile: String) -> [(body: String, file: String?)] {
    let format = ThingsBoardTelemetry(ThingsBoardConfig(tokenFile: tokenFile))
    format.use(Catalogue(points: points))
    var buffer = ByteBuffer()
    format.begin(&buffer)
    for row in rows { #expect(format.append(row, seq: 1, to: &buffer) == .written) }
    let request = format.finish(&buffer, rows: 1...UInt64(rows.count))
    let parts = [RequestStart(request.start, request.head)] + request.further
    let ends = parts.dropFirst().map(\.start) + [buffer.count]
    return zip(parts, ends).map { part, end in
      #expect(part.head.path == "/api/v1/{token}/telemetry" && part.head.contentType == "application/json")
      return (
        buffer.withBytes { String(decoding: $0[part.start..<end], as: UTF8.self) }, part.head.secretFile
      )
    }
  }

  @Test func eachDeviceHasARequestHoweverItsRowsAlternate() {
    let door = row(2, .reading(.unsigned(1)))
    let no2 = row(0, .reading(.double(21.5)))
    let requests = write([door, no2, door, row(0, .reading(nil), .bad, .timeout)], tokenFile: "tb-{device}")
    let ts = #"{"ts":1795381200000,"values":{"#
    #expect(requests.map(\.file) == ["tb-io", "tb-canopy"])
    let doorText = ts + #""do\"or":1,"do\"or_quality":"good"}}"#
    #expect(requests[0].body == "[\(doorText),\(doorText)]")
    #expect(
      requests[1].body == "[" + ts + #""no2":21.5,"no2_quality":"good"}},"# + ts
        + #""no2_quality":"bad","no2_reason":"timeout"}}]"#)
  }

  @Test func withOneTokenAllRowsAreOneDevicesUnderFullNames() {
    let summary = WindowSummary(
      seconds: 60, count: 60, bad: 1, isPartial: true, mean: 17.31, min: 17.2, max: .nan, sum: 1038.6,
      standardDeviation: 0, last: .signed(17))
    let requests = write(
      [row(2, .reading(.unsigned(0))), row(1, .window(summary), .uncertain, .someBad)],
      tokenFile: "/etc/token")
    #expect(requests.map(\.file) == ["/etc/token"])
    #expect(
      requests[0].body.hasSuffix(
        #"{"canopy.temperature_mean":17.31,"canopy.temperature_min":17.2,"canopy.temperature_last":17,"#
          + #""canopy.temperature_count":60,"canopy.temperature_partial":true,"canopy.temperature_bad":1,"#
          + #""canopy.temperature_quality":"uncertain","canopy.temperature_reason":"some-bad"}}]"#))
  }

  @Test func noRowIsLongerThanPromised() {
    let worst = -2.2250738585072014e-308
    let longest = WindowSummary(
      seconds: .max, count: .max, bad: .max, isPartial: true, mean: worst, min: worst, max: worst, sum: worst,
      standardDeviation: worst, last: .double(worst))
    let format = ThingsBoardTelemetry(ThingsBoardConfig(tokenFile: "x"))
    format.use(
      Catalogue(points: [
        PointDescription(
          name: String(repeating: "\"", count: 200), unit: nil, kind: .gauge, window: .raw,
          functions: WindowFunctions(rawValue: 127))
      ]))
    var buffer = ByteBuffer()
    format.begin(&buffer)
    for reason in QualityReason.allCases {
      let start = buffer.count
      _ = format.append(row(0, .window(longest), .uncertain, reason), seq: 1, to: &buffer)
      #expect(buffer.count - start <= format.longestRow)
    }
  }

  // MARK: - Over real sockets

  /// A directory with the tokens of the two devices of `MemoryQueue`.
  private final class Tokens {
    let path: String
    static let canopy = "canopy/+SECRET"
    static let io = "ioSECRET"

    init() throws {
      var template = Array("/tmp/gateway-thingsboard-XXXXXX".utf8CString)
      path = mkdtemp(&template).map { String(cString: $0) } ?? ""
      for (name, token) in [("tb-canopy", Self.canopy), ("tb-io", Self.io)] {
        let file = try FileDescriptor.open("\(path)/\(name)", O_CREAT | O_WRONLY)
        _ = Array("\(token)\n".utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
      }
    }

    deinit {
      for name in ["tb-canopy", "tb-io"] { unlink("\(path)/\(name)") }
      rmdir(path)
    }
  }

  private func deliver(
    _ rows: Int, gzip: Bool = false,
    _ reply: @escaping @Sendable (Int, PlatformServer.Request) -> PlatformServer.Reply
  ) throws -> (requests: [PlatformServer.Request], status: Forwarder.Status) {
    let tokens = try Tokens()
    let server = try PlatformServer(reply)
    defer { server.stop() }
    let queue = MemoryQueue()
    let destination = DestinationConfig(
      name: "things", url: "http://127.0.0.1:\(server.port)",
      format: .thingsboard(ThingsBoardConfig(tokenFile: "tb-{device}")), usesGzip: gzip, maximumReadings: 100,
      linger: .milliseconds(1), timeout: .seconds(5), retryInitial: .milliseconds(1),
      retryMaximum: .milliseconds(5))
    let forwarder = try Forwarder(
      destination: destination, gateway: "cabinet-0417", queue: queue, quarantine: MemoryQuarantine(),
      credentialsDirectory: tokens.path, configDirectory: "/nonexistent", heartbeat: Heartbeat(name: "up"))
    queue.store(rows)
    try forwarder.start()
    #expect(queue.waitUntilSettled(UInt64(rows)))
    let status = forwarder.status
    forwarder.requestStop()
    forwarder.join()
    #expect(queue.now.delivered == UInt64(rows) && queue.now.violations == 0)
    return (server.requests, status)
  }

  @Test(arguments: [false, true]) func aBatchOfAlternatingDevicesTakesARequestForEach(gzip: Bool) throws {
    // The queue's rows are the two devices' in turn.
    let (requests, status) = try deliver(1000, gzip: gzip) { _, _ in .answer(200) }
    #expect(requests.count == 20, "1000 rows in batches of 100")
    #expect(status.state == .ok)
    #expect(Set(requests.map(\.line)).count == 2)
    #expect(requests[0].line == "POST /api/v1/ioSECRET/telemetry HTTP/1.1")
    #expect(requests[1].line == "POST /api/v1/canopy%2F%2BSECRET/telemetry HTTP/1.1")
    for request in requests {
      #expect(try JSONValue(parsing: try #require(request.json)).array?.count == 50)
    }
  }

  @Test func aRequestThatFailsIsRepeatedAloneAndOnlyTheLastSettlesTheBatch() throws {
    // 500 is how ThingsBoard says that a device sends too much.
    let (requests, _) = try deliver(100) { number, _ in
      number == 0 || number >= 4
        ? .answer(200) : number == 1 ? .answer(500, body: "DEVICE rate limit reached") : .close
    }
    let lines = requests.map(\.line)
    #expect(lines.count == 5)
    #expect(lines[0].contains("io") && lines[1...].allSatisfy { $0.contains("canopy") })
    #expect(Set(requests[1...].map(\.body)).count == 1)
  }

  @Test func theTokenIsSeenNowhereThoughThePlatformRepeatsIt() throws {
    let (_, status) = try deliver(2) { number, request in
      let refusal = #"{"path":"\#(request.line)","plain":"canopy/+SECRET"}"#
      return number == 0 || number > 2 ? .answer(200) : .answer(404, body: refusal)
    }
    let error = try #require(status.lastError)
    #expect(error.contains("404") && error.contains("***"))
    #expect(!error.contains("SECRET"), "\(error)")
  }

  @Test func aMissingTokenHoldsTheRows() throws {
    let queue = MemoryQueue()
    let destination = DestinationConfig(
      name: "things", url: "http://127.0.0.1:9",
      format: .thingsboard(ThingsBoardConfig(tokenFile: "tb-{device}")), usesGzip: false, linger: .zero)
    let forwarder = try Forwarder(
      destination: destination, gateway: "c", queue: queue, quarantine: MemoryQuarantine(),
      credentialsDirectory: nil, configDirectory: "/nonexistent", heartbeat: Heartbeat(name: "up"))
    queue.store(2)
    try forwarder.start()
    for _ in 0..<1000 where forwarder.status.lastError == nil { usleep(10_000) }
    let status = forwarder.status
    forwarder.requestStop()
    forwarder.join()
    #expect(status.state == .critical)
    #expect(status.lastError?.contains("/nonexistent/tb-io") == true, "\(status.lastError ?? "")")
    #expect(queue.now.delivered == 0)
  }
}
