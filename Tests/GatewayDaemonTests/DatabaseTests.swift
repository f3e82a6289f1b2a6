import GatewayCore
import GatewaySystem
import Glibc
import Testing

@testable import GatewaySimulator

/// A real InfluxDB and a real VictoriaMetrics at the other end, with answers that are lost after they stored. Debian's packages
/// `influxdb` and `victoria-metrics`; `GATEWAY_DATABASES` may name a directory that has `influxd` and `victoria-metrics`.
@Suite(.serialized) struct DatabaseTests {
  private static func program(_ name: String) -> String? {
    let given = getenv("GATEWAY_DATABASES").map { String(cString: $0) }
    let paths = [given, "/usr/bin", "/usr/sbin", "/usr/local/bin"].compactMap { $0 }.map { "\($0)/\(name)" }
    return paths.first { access($0, X_OK) == 0 }
  }

  private static let influxd = program("influxd")
  private static let victoria = program("victoria-metrics")
  private static let curl = program("curl")

  /// A database on a port of its own, ended with the test.
  private final class Database {
    let process: ChildProcess
    let port: UInt16

    init(_ start: (UInt16) throws -> ChildProcess, answers path: String) throws {
      for _ in 0..<20 {
        let port = UInt16.random(in: 20_000..<32_000)
        let process = try start(port)
        for _ in 0..<300 {
          if Database.ask(port, path) != nil {
            (self.process, self.port) = (process, port)
            return
          }
          usleep(100_000)
        }
      }
      throw Cabinet.Failure(description: "the database does not start")
    }

    /// What it answers; nil without an answer or with an error.
    static func ask(_ port: UInt16, _ path: String, _ options: [String] = []) -> String? {
      let url = "http://127.0.0.1:\(port)\(path)"
      guard
        let curl = try? ChildProcess(
          DatabaseTests.curl ?? "", ["-sS", "-f", "-G", "-m", "10"] + options + [url], mergesErrors: true)
      else { return nil }
      let text = curl.readAll(timeout: .seconds(20))
      return curl.wait().status == 0 ? text : nil
    }

    func ask(_ path: String, _ options: [String: String] = [:], _ more: [String] = []) throws -> String {
      let given = options.flatMap { ["--data-urlencode", "\($0.key)=\($0.value)"] }
      return try #require(Self.ask(port, path, more + given), "\(path)")
    }

    /// Ends it and removes what it stored.
    func end(_ place: String) {
      process.kill(SIGKILL)
      process.wait()
      _ = try? ChildProcess("/bin/rm", ["-rf", place]).wait()
    }
  }

  private func write(_ cabinet: Cabinet, _ relay: LossyRelay, _ influx: String) throws {
    try cabinet.write(
      config: """
        gateway: {id: test-cabinet}
        store: {capacity: 16MiB, commit: 100ms}
        defaults: {every: 50ms}
        buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])", timeout: 300ms}]
        devices:
          - name: d1
            bus: lan
            unit: 1
            points: [{name: raw, at: holding 0, type: uint16, window: raw, unit: CEL}, {name: second, at: holding 1, type: int16, scale: 0.1, window: 1s}]
          - name: d2
            bus: lan
            unit: 2
            points: [{name: raw, at: holding 0, type: int16, scale: 0.5, window: raw}, {name: gone, at: holding 900, type: uint16, window: raw}]
        destinations:
          - {name: platform, url: "http://\(relay.address)", format: influx, influx: \(influx), batch: {linger: 20ms, max-readings: 20}, retry: {initial: 100ms, max: 200ms}}
        """)
  }

  /// Runs the gateway over two kills until everything is delivered; how many rows were by then.
  private func deliver(_ cabinet: Cabinet, _ relay: LossyRelay) throws -> UInt64 {
    for round in 1...3 {
      try cabinet.startAndWait()
      try cabinet.wait("rows", within: .seconds(60)) { cabinet.count("delivered") ?? 0 > UInt64(round) * 150 }
      if round < 3 { cabinet.killHard() }
    }
    #expect(relay.lostAnswers > 5)
    relay.mend()
    var delivered: UInt64 = 0
    try cabinet.wait("nothing to be queued", within: .seconds(60)) {
      guard let books = cabinet.status()?["accounting"] else { return false }
      delivered = books["delivered"]?.unsignedInteger ?? 0
      return books["queued"]?.unsignedInteger == 0
    }
    #expect(try cabinet.stop() == 0)
    return delivered
  }

  @Test(
    .enabled(
      if: influxd != nil && curl != nil, "SKIPPED: no influxd or curl here; Debian's package influxdb has it")
  )
  func influxHasEachRowOnce() throws {
    let cabinet = try Cabinet(devices: 2)
    let place = "\(cabinet.directory)/influx"
    let database = try Database(
      { port in
        let file = try FileDescriptor.open("\(cabinet.directory)/influx.conf", O_CREAT | O_TRUNC | O_WRONLY)
        let text = """
          reporting-disabled = true
          bind-address = "127.0.0.1:0"
          [meta]
          dir = "\(place)/meta"
          [data]
          dir = "\(place)/data"
          wal-dir = "\(place)/wal"
          [http]
          bind-address = "127.0.0.1:\(port)"
          log-enabled = false
          [logging]
          level = "error"
          """
        _ = Array(text.utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
        return try ChildProcess(Self.influxd ?? "", ["-config", "\(cabinet.directory)/influx.conf"])
      }, answers: "/ping")
    defer { database.end(place) }
    let relay = try LossyRelay(to: database.port)
    defer { relay.stop() }
    try write(cabinet, relay, "{database: city}")
    // Until somebody makes the database, the rows are held and the operator is told.
    try cabinet.startAndWait()
    try cabinet.wait("the refusal") {
      cabinet.status()?["destinations"]?.array?.first?["lastError"]?.string?.contains("database not found")
        == true
    }
    cabinet.killHard()
    _ = try database.ask("/query", ["q": "CREATE DATABASE city"], ["-X", "POST"])
    let delivered = try deliver(cabinet, relay)
    let answer = try JSONValue(
      parsing: try database.ask(
        "/query", ["db": "city", "q": "SELECT count(seq), count(distinct(seq)), max(seq) FROM /.*/"]))
    let series = answer["results"]?.array?.first?["series"]?.array ?? []
    func column(_ number: Int) -> [UInt64] {
      series.compactMap { $0["values"]?.array?.first?.array?[number].unsignedInteger }
    }
    #expect(series.count == 2, "\(answer)")
    // Rows that were stored and delivered after the books were looked at are there too; a batch is there whole or not.
    let last = column(3).max() ?? 0
    #expect(last >= delivered)
    #expect(column(1).reduce(0, +) == last, "a hole, or a row that took another's place")
    #expect(column(2).reduce(0, +) == last, "a number that stands twice")
  }

  @Test(
    .enabled(
      if: victoria != nil && curl != nil,
      "SKIPPED: no victoria-metrics or curl here; Debian's package victoria-metrics has it"))
  func victoriaMetricsHasEachRow() throws {
    let cabinet = try Cabinet(devices: 2)
    let place = "\(cabinet.directory)/victoria"
    let database = try Database(
      { port in
        try ChildProcess(
          Self.victoria ?? "",
          [
            "-storageDataPath=\(place)", "-httpListenAddr=127.0.0.1:\(port)", "-loggerLevel=ERROR",
            "-dedup.minScrapeInterval=1ms",
          ])
      }, answers: "/health")
    defer { database.end(place) }
    let relay = try LossyRelay(to: database.port)
    defer { relay.stop() }
    try write(cabinet, relay, "{org: city, bucket: cabinets}")
    let delivered = try deliver(cabinet, relay)
    var numbers: [UInt64] = []
    // What was written shows after some seconds.
    try cabinet.wait("the rows to show") {
      _ = try database.ask("/internal/force_flush")
      let lines = try database.ask("/api/v1/export", ["match[]": #"{__name__=~".+_seq"}"#])
      numbers = try lines.split(separator: "\n").flatMap { line in
        try JSONValue(parsing: String(line))["values"]?.array?.compactMap(\.unsignedInteger) ?? []
      }
      return numbers.count >= delivered
    }
    let last = numbers.max() ?? 0
    #expect(last >= delivered)
    #expect(Set(numbers).count == Int(last), "a hole")
    #expect(numbers.count == Int(last), "a row that is there twice")
  }
}
