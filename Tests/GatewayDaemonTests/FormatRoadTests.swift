import GatewayCore
import GatewaySystem
import Glibc
import Testing

@testable import GatewaySimulator

/// The whole road in other formats than the native one, with the real programs.
@Suite(.serialized) struct FormatRoadTests {
  private static let influx =
    "format: influx, influx: {database: city}, batch: {linger: 20ms, max-readings: 50}"
  private static let things =
    "format: thingsboard, thingsboard: {token-file: \"tb-{device}\"}, batch: {linger: 20ms, max-readings: 100}"

  /// Three devices with raw and windowed points, and one destination.
  private func write(_ cabinet: Cabinet, _ destination: String, every: String = "50ms") throws {
    let devices = (1...3).map { unit in
      """
        - name: d\(unit)
          bus: lan
          unit: \(unit)
          points:
            - {name: raw, at: holding 0, type: uint16, window: raw, unit: CEL}
            - {name: second, at: holding 1, type: int16, scale: 0.1, window: 1s}
      """
    }.joined(separator: "\n")
    try cabinet.write(
      config: """
        gateway: {id: test-cabinet}
        store: {capacity: 16MiB, commit: 100ms}
        defaults: {every: \(every)}
        buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])", timeout: 300ms}]
        devices:
        \(devices)
        destinations:
          - {name: platform, url: "\(cabinet.platform.baseURL)", timeout: 1s, retry: {initial: 100ms, max: 200ms}, \(destination)}
        """)
  }

  private func writeTokens(_ cabinet: Cabinet) throws {
    for unit in 1...3 {
      let file = try FileDescriptor.open("\(cabinet.directory)/tb-d\(unit)", O_CREAT | O_WRONLY)
      _ = Array("token-\(unit)-CANARY\n".utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
    }
  }

  private func waitForAll(_ cabinet: Cabinet) throws {
    cabinet.platform.clearFaults()
    try cabinet.wait("everything to be delivered", within: .seconds(60)) {
      guard let accounting = cabinet.status()?["accounting"] else { return false }
      return accounting["queued"]?.unsignedInteger == 0
        && accounting["stored"]?.unsignedInteger == cabinet.platform.stats.unique
    }
    #expect(cabinet.platform.stats.rejected == 0, "\(cabinet.platform.stats.lastRejection ?? "")")
    #expect(cabinet.platform.stats.overwritten == 0)
    #expect(cabinet.platform.stats.holes == 0)
  }

  @Test func eachRowIsAPointOfItsOwnInLineProtocolThroughLostAnswersAndKills() throws {
    let cabinet = try Cabinet()
    try write(cabinet, Self.influx)
    cabinet.platform.set(.closeAfter, for: FaultTerm(share: 0.3))
    for round in 1...3 {
      try cabinet.startAndWait()
      try cabinet.wait("rows", within: .seconds(60)) { cabinet.platform.stats.unique > UInt64(round) * 200 }
      if round < 3 { cabinet.killHard() }
    }
    try waitForAll(cabinet)
    #expect(cabinet.platform.stats.duplicates > 0, "no answer was lost")
    #expect(cabinet.platform.stats.streams.allSatisfy { $0.gateway == "test-cabinet" })
    #expect(try cabinet.stop() == 0)
  }

  @Test func aLineThatIsRefusedForEverIsFoundAndTheOthersArrive() throws {
    let cabinet = try Cabinet()
    try write(cabinet, Self.influx)
    cabinet.platform.set(.poison(30...30, status: 400))
    try cabinet.startAndWait()
    try cabinet.wait("rows", within: .seconds(60)) { cabinet.platform.stats.unique > 200 }
    #expect(cabinet.count("quarantined") == 1)
    #expect(cabinet.platform.stats.holes == 1 && cabinet.platform.stats.rejected == 0)
    #expect(try cabinet.stop() == 0)
  }

  @Test func eachRowIsThereOnceInThingsBoardAndTheTokenNowhereElse() throws {
    let cabinet = try Cabinet()
    try write(cabinet, Self.things, every: "100ms")
    try writeTokens(cabinet)
    cabinet.platform.set(.closeAfter, for: FaultTerm(share: 0.3))
    let gateway = try cabinet.start()
    try cabinet.wait("rows", within: .seconds(60)) { cabinet.platform.stats.unique > 300 }
    let preview = try cabinet.control(["preview", "platform"])
    #expect(preview.code == 0)
    #expect(
      preview.output.contains("POST \(cabinet.platform.baseURL)/api/v1/{token}/telemetry\n"),
      "\(preview.output)")
    try waitForAll(cabinet)
    #expect(cabinet.platform.stats.duplicates > 0, "no answer was lost")
    #expect(Set(cabinet.platform.stats.streams.map(\.stream)) == Set((1...3).map { "token-\($0)-CANARY" }))
    let shown = try ["status", "store"].map { try cabinet.control([$0, "--json"]).output }.joined()
    gateway.kill(SIGTERM)
    let log = gateway.readAll(timeout: .seconds(10))
    #expect(!(shown + log + preview.output).contains("CANARY"))
    _ = gateway.wait()
  }

  @Test func aBacklogOfAlternatingDevicesTakesThreeRequestsABatch() throws {
    let cabinet = try Cabinet()
    try write(cabinet, Self.things.replacing("20ms", with: "1s"), every: "20ms")
    try writeTokens(cabinet)
    try cabinet.platform.goDown()
    try cabinet.startAndWait()
    try cabinet.wait("a backlog", within: .seconds(60)) { cabinet.count("queued") ?? 0 > 1000 }
    try cabinet.platform.comeUp()
    try cabinet.wait("the backlog to drain", within: .seconds(60)) { cabinet.platform.stats.unique > 1000 }
    let stats = cabinet.platform.stats
    // 100 rows a batch, three devices; neighbours of one device are two at most.
    #expect(stats.batches < stats.unique / 10, "\(stats.batches) requests for \(stats.unique) rows")
    #expect(try cabinet.stop() == 0)
  }

  @Test func aPreviewIsWhatIsSentAndSendsNothing() throws {
    let cabinet = try Cabinet()
    try write(cabinet, Self.influx)
    try cabinet.platform.goDown()
    try cabinet.startAndWait()
    try cabinet.wait("rows that wait") { cabinet.count("queued") ?? 0 > 100 }
    let text = try cabinet.control(["preview", "platform"])
    #expect(text.code == 0)
    let lines = text.output.split(separator: "\n").map(String.init)
    #expect(lines[0] == "# rows that wait, the oldest; nothing is sent")
    #expect(lines[1] == "POST \(cabinet.platform.baseURL)/write?db=city&precision=u")
    #expect(Array(lines[2...3]) == ["Content-Type: text/plain; charset=utf-8", "Content-Encoding: gzip"])
    #expect(lines.count == 4 + 20, "20 rows are shown")
    for line in lines.dropFirst(4) { _ = try LineScanner.line(Array(line.utf8)[...]) }
    #expect(lines[4].contains(",seq=1i,"))
    // Only some points.
    let json = try JSONValue(
      parsing: try cabinet.control(["preview", "platform", "d2.raw", "d3", "--json"]).output)
    #expect(json["source"]?.string == "pending")
    let body = try #require(json["requests"]?.array?.first?["body"]?.string)
    let some = try body.split(separator: "\n").map { try LineScanner.line(Array($0.utf8)[...]) }
    #expect(Set(some.map(\.measurement)) == ["d2", "d3"])
    #expect(Set(some.filter { $0.measurement == "d2" }.compactMap { $0.tags["point"] }) == ["raw"])
    // Nothing was settled or sent, and names are checked.
    #expect(cabinet.count("delivered") == 0)
    let wrong = try cabinet.control(["preview", "plattform"])
    #expect(wrong.code == 64)
    #expect(
      wrong.output == "gatewayctl: no destination is called \"plattform\", did you mean \"platform\"?\n")
    #expect(
      try cabinet.control(["preview", "platform", "d2.row"]).output.contains("did you mean \"d2.raw\"?"))
    #expect(try cabinet.control(["preview"]).code == 64)
    try cabinet.platform.comeUp()
    try waitForAll(cabinet)
    #expect(try cabinet.stop() == 0)
  }

  @Test func withoutRowsThatWaitThePreviewTakesOthers() throws {
    let cabinet = try Cabinet()
    try write(cabinet, Self.influx, every: "1s")
    try cabinet.startAndWait()
    try cabinet.wait("rows at the platform") { cabinet.platform.stats.unique >= 3 }
    var stored = ""
    try cabinet.wait("a moment without rows that wait") {
      stored = try cabinet.control(["preview", "platform", "d1.raw"]).output
      return stored.hasPrefix("# no row waits: the newest that are stored; nothing is sent\n\nPOST ")
    }
    #expect(stored.contains("d1,device=d1,gateway=test-cabinet,point=raw,unit=CEL value="), "\(stored)")
    #expect(cabinet.platform.stats.duplicates == 0)
    #expect(try cabinet.stop() == 0)
  }
}
