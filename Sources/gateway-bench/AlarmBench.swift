internal import GatewayCore
internal import GatewaySimulator
internal import GatewayStore
internal import GatewaySystem
internal import Glibc

/// How long an alarm takes from the contact to the platform, while the real gateway drains a backlog to a platform that
/// takes its time.
enum AlarmBench {
  private static let backlog = (commits: 120, rows: 1000)
  private static let rounds = 40
  /// What the platform takes to answer; the rows are there before.
  private static let answer = Duration.milliseconds(250)

  static func run() throws {
    Report.head(
      "alarm: a coil polled each 50 ms, commits of 1 s, \(backlog.commits * backlog.rows) rows queued,"
        + " a platform that answers after 250 ms")
    for (name, rows) in [("past the backlog", backlog.rows), ("without one", 0)] {
      let delays = try delays(rows: rows)
      Report.line("  \(name): median", value: median(delays), unit: "ms")
      Report.line(
        "    longest of \(delays.count)", value: delays.max() ?? .nan, unit: "ms", goal: "≤ 1,000 ms")
    }
  }

  private static func delays(rows: Int) throws -> [Double] {
    let field = try FieldSimulator(
      FieldDescription(servers: [
        FieldServer(devices: [FieldDevice(units: [1], registers: [FieldRegister(.coil, 0, words: [0])])])
      ]))
    defer { field.stop() }
    let platform = try PlatformSimulator()
    defer { platform.stop() }
    platform.set(.delay(answer))
    let gateway = try GatewayProcess()
    try gateway.emptyState()
    if rows > 0 { try fill(gateway.stateDirectory, rows: rows) }
    try gateway.start(config: config(field, platform))
    // The backlog's stream, or that of the coil's windows, is there by then.
    sleep(2)
    let streams = Set(platform.stats.streams.map(\.stream))
    var delays: [Double] = []
    for round in 0..<rounds {
      usleep(UInt32.random(in: 300_000...500_000))
      let start = SystemClock.monotonicMicroseconds
      field.write([round % 2 == 0 ? 1 : 0], at: 0, in: .coil, unit: 1)
      while alarms(platform, besides: streams) <= round {
        guard SystemClock.monotonicMicroseconds - start < 30_000_000 else {
          throw SystemError("no alarm came within 30 s", code: ETIMEDOUT)
        }
        usleep(500)
      }
      delays.append(Double(SystemClock.monotonicMicroseconds - start) / 1e3)
    }
    let queued = gateway.count("queued")
    Report.line("  still queued behind the last one", value: queued, unit: "rows")
    gateway.kill(SIGTERM)
    return delays
  }

  private static func alarms(_ platform: PlatformSimulator, besides streams: Set<String>) -> UInt64 {
    platform.stats.streams.filter { !streams.contains($0.stream) }.reduce(0) { $0 + $1.unique }
  }

  private static func config(_ field: FieldSimulator, _ platform: PlatformSimulator) -> String {
    """
    gateway: {id: bench}
    store: {capacity: 64MiB, commit: 1s}
    buses: [{name: lan, type: modbus-tcp, address: "\(field.addresses[0])"}]
    devices:
      - name: io
        bus: lan
        every: 50ms
        window: 1s
        points: [{name: door, at: coil 0, kind: state, alarm: {equals: 1}}]
    destinations: [{name: platform, url: "\(platform.url)"}]
    """
  }

  private static func fill(_ directory: String, rows: Int) throws {
    let store = try DurableStore.open(
      directory: directory, capacity: 64 << 20, destinations: ["platform"], boot: BootID(high: 1, low: 1),
      mark: StoredMark())
    let catalogue = Catalogue(points: [
      PointDescription(name: "io.old", unit: nil, kind: .gauge, window: .raw, functions: .standard)
    ])
    var rowEncoder = RowEncoder()
    for commit in 0..<backlog.commits {
      rowEncoder.removeAll()
      for row in 0..<rows {
        let micros = Int64(commit * rows + row) * 1000
        let time = Timestamp(microseconds: CabinetLoad.start.microseconds + micros)
        rowEncoder.append(
          Reading(
            point: 0, at: Moment(time: time, boot: BootTime(microseconds: micros)),
            value: .double(Double(row) / 8)))
      }
      try rowEncoder.bytes.withBytes { bytes throws(StoreError) in
        try store.append(
          payload: bytes, rowCount: rows, catalogue: catalogue, time: CabinetLoad.start)
      }
    }
    try store.close()
  }
}
