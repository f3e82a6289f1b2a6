internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem
internal import Glibc

/// The whole gateway as a process of its own, against a simulated field and platform in this one.
enum SystemBench {
  /// `servers` ports with `units` devices each, every device with `registers` moving 16-bit registers.
  private static func field(servers: Int, units: Int, registers: Int, period: Duration?) throws
    -> FieldSimulator
  {
    let content = (0..<registers).map { index in
      FieldRegister(
        .holding, UInt16(index), .random(0...40_000), layout: RegisterLayout(type: .uint16))
    }
    let device = FieldDevice(units: (1...units).map { UInt8($0) }, registers: content)
    return try FieldSimulator(
      FieldDescription(servers: (0..<servers).map { _ in FieldServer(devices: [device]) }),
      recordingPeriod: period)
  }

  private static func config(
    _ field: FieldSimulator, _ platform: PlatformSimulator, units: Int, registers: Int, every: String,
    capacity: String = "256MiB"
  ) -> String {
    var text = """
      gateway: {id: bench}
      store: {capacity: \(capacity), commit: 1s}
      defaults: {every: \(every), window: raw}
      destinations: [{name: platform, url: "\(platform.url)"}]
      buses:

      """
    for (index, address) in field.addresses.enumerated() {
      text += "  - {name: b\(index), type: modbus-tcp, address: \"\(address)\"}\n"
    }
    text += "devices:\n"
    for server in field.addresses.indices {
      for unit in 1...units {
        text += "  - name: d\(server)-\(unit)\n    bus: b\(server)\n    unit: \(unit)\n    points:\n"
        for register in 0..<registers {
          text +=
            "      - {name: r\(register), at: holding \(register), type: uint16, scale: 0.1, unit: CEL}\n"
        }
      }
    }
    return text
  }

  /// 100 devices × 20 registers at 1 Hz, every reading stored and delivered raw.
  static func load() throws {
    Report.head(
      "load: 100 devices × 20 registers at 1 Hz, stored and delivered raw, 30 s after 10 s of warming up")
    for (name, servers, units) in [("100 connections", 100, 1), ("one connection", 1, 100)] {
      let field = try field(servers: servers, units: units, registers: 20, period: .seconds(1))
      defer { field.stop() }
      let platform = try PlatformSimulator()
      defer { platform.stop() }
      let gateway = try GatewayProcess()
      try gateway.start(config: config(field, platform, units: units, registers: 20, every: "1s"))
      sleep(10)
      field.forgetRecording()
      let before = (
        gateway.usage, field.stats.requests, platform.stats.unique, SystemClock.monotonicMicroseconds
      )
      sleep(30)
      let after = (
        gateway.usage, field.stats.requests, platform.stats.unique, SystemClock.monotonicMicroseconds
      )
      let elapsed = Double(after.3 - before.3) / 1e6
      let readings = Double(after.2 - before.2)
      let cpu = after.0.cpuSeconds - before.0.cpuSeconds
      Report.head("  over \(name)")
      Report.line("  CPU of one core", value: cpu / elapsed * 100, unit: "%", goal: "≤ 0.8 %")
      Report.line("  CPU per million readings delivered", value: cpu / readings * 1e6, unit: "s")
      Report.line("  peak RSS", value: Double(after.0.peakResident) / 1e6, unit: "MB", goal: "≤ 20 MB")
      Report.line("  anonymous", value: Double(after.0.anonymous) / 1e6, unit: "MB", goal: "≤ 6 MB")
      Report.line("  Modbus requests", value: Double(after.1 - before.1) / elapsed, unit: "/s", goal: "100")
      Report.line("  readings delivered", value: readings / elapsed, unit: "/s", goal: "2,000")
      if let errors = field.stats.periodErrors {
        Report.line("  error of the period, p50", value: Double(errors.p50), unit: "µs")
        Report.line("  error of the period, p99", value: Double(errors.p99), unit: "µs", goal: "≤ 1,000 µs")
      }
      gateway.kill(SIGTERM)
      let bare = try BarePolls.cost(field, rate: 100, registers: 20, seconds: 10)
      Report.line("  beside it: 100 bare polls a second, evenly spaced", value: bare.share * 100, unit: "%")
      Report.line("  beside it: their threads woke late by, p99", value: bare.lateness, unit: "µs")
    }
  }

  /// The most that one processor polls, stores and delivers; then how fast a backlog drains.
  static func throughput() throws {
    Report.head("throughput: gatewayd on one processor, 40 connections × 125 registers × 100 Hz offered")
    let field = try field(servers: 40, units: 1, registers: 125, period: nil)
    defer { field.stop() }
    let platform = try PlatformSimulator()
    defer { platform.stop() }
    let gateway = try GatewayProcess()
    let text = config(field, platform, units: 1, registers: 125, every: "10ms", capacity: "1GiB")
    try gateway.start(config: text, processor: 0)
    sleep(3)
    let before = (platform.stats.unique, SystemClock.monotonicMicroseconds, gateway.usage.cpuSeconds)
    sleep(15)
    let after = (platform.stats.unique, SystemClock.monotonicMicroseconds, gateway.usage.cpuSeconds)
    let elapsed = Double(after.1 - before.1) / 1e6
    Report.line(
      "  polled, stored and delivered", value: Double(after.0 - before.0) / elapsed, unit: "readings/s",
      limit: try BarePolls.registersPerSecond(field, registers: 125), limitName: "bare polls, one by one",
      goal: "≥ 150,000")
    Report.line("  of the processor", value: (after.2 - before.2) / elapsed * 100, unit: "%")
    Report.line("  dropped at the rings", value: gateway.count("ringDropped"), unit: "readings")
    Report.line("  peak RSS", value: Double(gateway.usage.peakResident) / 1e6, unit: "MB")
    try drain(gateway, platform, text)
  }

  private static func drain(_ gateway: GatewayProcess, _ platform: PlatformSimulator, _ text: String) throws {
    Report.head("drain: a backlog over loopback, JSON and gzip, both processors")
    try platform.goDown()
    sleep(12)
    gateway.kill(SIGTERM)
    let quiet = text[..<text.range(ofLine: "buses:")] + "buses: []\ndevices: []\n"
    try platform.comeUp()
    let before = platform.stats.unique
    let start = SystemClock.monotonicMicroseconds
    try gateway.start(config: String(quiet))
    while gateway.count("queued") > 0 { usleep(20_000) }
    let elapsed = Double(SystemClock.monotonicMicroseconds - start) / 1e6
    let rows = Double(platform.stats.unique - before)
    Report.line("  rows", value: rows, unit: "rows")
    Report.line(
      "  drained, the start of the process included", value: rows / elapsed, unit: "rows/s", goal: "≥ 300,000"
    )
    Report.line("  CPU per million rows", value: gateway.usage.cpuSeconds / rows * 1e6, unit: "s")
    Report.line("  peak RSS", value: Double(gateway.usage.peakResident) / 1e6, unit: "MB")
    gateway.kill(SIGTERM)
  }

  /// How long after an outage of a minute nothing is late any more.
  static func outage() throws {
    Report.head("outage: 60 s without a platform, kill -9 in the middle; 100 devices × 20 registers at 1 Hz")
    let field = try field(servers: 1, units: 100, registers: 20, period: nil)
    defer { field.stop() }
    let platform = try PlatformSimulator()
    defer { platform.stop() }
    let gateway = try GatewayProcess()
    let text = config(field, platform, units: 100, registers: 20, every: "1s")
    try gateway.start(config: text)
    sleep(5)
    try platform.goDown()
    sleep(30)
    gateway.kill(SIGKILL)
    try gateway.start(config: text)
    sleep(30)
    try platform.comeUp()
    let start = SystemClock.monotonicMicroseconds
    // What a second brings may be on its way.
    while gateway.count("queued") > 4000 { usleep(20_000) }
    Report.line(
      "  normal again after", value: Double(SystemClock.monotonicMicroseconds - start) / 1e6, unit: "s",
      goal: "≤ 2 s")
    sleep(3)
    while gateway.count("queued") > 0 { usleep(50_000) }
    let stored = gateway.count("stored")
    gateway.kill(SIGTERM)
    let stats = platform.stats
    Report.line("  rows stored when the queue was empty", value: stored, unit: "rows")
    Report.line("  lost", value: max(stored - Double(stats.unique), 0), unit: "rows", goal: "0")
    Report.line("  holes", value: Double(stats.holes), unit: "rows", goal: "0")
    Report.line("  came twice and were known by (stream, seq)", value: Double(stats.duplicates), unit: "rows")
  }
}

extension String {
  /// Where the line begins that starts with `prefix`; the end when there is none.
  fileprivate func range(ofLine prefix: String) -> String.Index {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(prefix) { return start }
      guard let end = self[start...].firstIndex(of: "\n") else { return endIndex }
      start = index(after: end)
    }
    return endIndex
  }
}
