internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem
internal import Glibc

/// The real gateway on serial lines where every byte takes its time, beside what the line allows and what a plain
/// libmodbus loop makes of the same line.
enum BusBench {
  private static let slaves = 10
  private static let registers = 20
  private static let delay = Duration.milliseconds(2)

  static func run() throws {
    try cycles(baud: 9600)
    try cycles(baud: 19200)
    try deadSlaves()
  }

  private static func device(_ unit: Int, registers: Int, delay: Duration) -> FieldDevice {
    let words = (0..<registers).map { UInt16(unit << 8 | $0) }
    return FieldDevice(
      units: [UInt8(unit)], registers: [FieldRegister(.holding, 0, words: words)], delay: delay)
  }

  // MARK: - How close to the line's own limit

  private static func cycles(baud: Int) throws {
    Report.head(
      "bus: \(slaves) slaves × \(registers) holding registers at \(baud) baud 8N1, polled faster than that")
    let pace = LinePace(baud: baud)!
    let lines = try BenchLines(1, pace: pace) { _ in
      (1...slaves).map { device($0, registers: registers, delay: delay) }
    }
    // Silence, request, the silence by which the slave knows its end, the slave's own time, and the answer.
    let request =
      pace.silence * 2 + delay + pace.time(ofCharacters: 8) + pace.time(ofCharacters: 5 + 2 * registers)
    let theory = 1 / (Double(slaves) * Double(request.microseconds) / 1e6)
    let platform = try PlatformSimulator()
    defer { platform.stop() }
    let (busy, busyCPU, violations) = try gateway(lines, platform, baud: baud, every: "50ms", seconds: 15)
    Report.line(
      "  cycles", value: busy / Double(slaves), unit: "/s", limit: theory, limitName: "the line's own limit",
      goal: "≥ 0.99")
    Report.line(
      "  requests without the 3.5 silent characters", value: Double(violations), unit: "", goal: "0")
    Report.line("  CPU of one core, all of gatewayd", value: busyCPU * 100, unit: "%", goal: "≤ 1 %")
    let (_, calmCPU, _) = try gateway(lines, platform, baud: baud, every: "1s", seconds: 15)
    Report.line("  the same at 1 Hz", value: calmCPU * 100, unit: "%", goal: "≤ 1 %")
    let (bare, cpu, left) = try plainLoop(lines, baud: baud, seconds: 10)
    Report.line(
      "  beside it: cycles of a plain libmodbus loop", value: bare / Double(slaves), unit: "/s",
      limit: theory,
      limitName: "the line's own limit")
    Report.line(
      "  of its requests, without the silence", value: Double(left.0) / Double(left.1) * 100, unit: "%")
    Report.line("  its CPU", value: cpu * 100, unit: "%")
  }

  /// Requests a second, CPU as a share of one core, and violated silences.
  private static func gateway(
    _ lines: BenchLines, _ platform: PlatformSimulator, baud: Int, every: String, seconds: Int
  ) throws -> (rate: Double, cpu: Double, violations: UInt64) {
    let gateway = try GatewayProcess()
    try gateway.start(
      config: lines.config(
        baud: baud, timeout: "300ms", every: every, registers: registers, platform: platform.url
      ) { _ in Array(1...slaves) })
    sleep(5)
    let first = nextRequest(lines.field)
    let before = gateway.usage.cpuSeconds
    let old = lines.field.stats.servers[0].line.silenceViolations
    sleep(UInt32(seconds))
    let last = nextRequest(lines.field)
    let cpu = gateway.usage.cpuSeconds - before
    let elapsed = Double(last.time - first.time) / 1e6
    gateway.kill(SIGTERM)
    return (
      Double(last.count - first.count) / elapsed, cpu / elapsed,
      lines.field.stats.servers[0].line.silenceViolations - old
    )
  }

  /// Waits until one more request has come: how many there are by then, and when that was.
  private static func nextRequest(_ field: FieldSimulator) -> (count: UInt64, time: Int64) {
    let before = field.stats.requests
    while field.stats.requests == before { usleep(200) }
    return (before + 1, SystemClock.monotonicMicroseconds)
  }

  private static func plainLoop(
    _ lines: BenchLines, baud: Int, seconds: Int
  ) throws -> (rate: Double, cpu: Double, violations: (UInt64, UInt64)) {
    // What the gateway asked last is answered and over.
    sleep(1)
    let loop = try BareModbus(lines.links[0], baud: baud, timeout: .milliseconds(300))
    var room = [UInt16](repeating: 0, count: 125)
    let old = lines.field.stats.servers[0]
    let start = (SystemClock.monotonicMicroseconds, SystemClock.threadCPU)
    var polls = 0
    while SystemClock.monotonicMicroseconds - start.0 < seconds * 1_000_000 {
      polls += loop.read(unit: UInt8(polls % slaves + 1), at: 0, count: registers, into: &room) ? 1 : 0
    }
    let elapsed = Double(SystemClock.monotonicMicroseconds - start.0) / 1e6
    let stats = lines.field.stats.servers[0]
    return (
      Double(polls) / elapsed, Double(SystemClock.threadCPU - start.1) / 1e6 / elapsed,
      (stats.line.silenceViolations - old.line.silenceViolations, stats.requests - old.requests)
    )
  }

  // MARK: - What the dead cost the living

  private static func deadSlaves() throws {
    Report.head("bus: 32 slaves at 19200 baud, one read of 4 registers a second each; 16 of them die")
    let lines = try BenchLines(1, pace: LinePace(baud: 19200), recording: .seconds(1)) { _ in
      (1...32).map { device($0, registers: 4, delay: delay) }
    }
    let platform = try PlatformSimulator()
    defer { platform.stop() }
    let gateway = try GatewayProcess()
    try gateway.start(
      config: lines.config(
        baud: 19200, timeout: "300ms", every: "1s", registers: 4, platform: platform.url
      ) { _ in Array(1...32) })
    sleep(5)
    lines.field.forgetRecording()
    let dead = stride(from: 2, through: 32, by: 2).map { $0 }
    for unit in dead { try lines.field.set(FieldFault(.silent, unit: UInt8(unit))) }
    sleep(5)
    report(lines.field.stats.periodErrors, "in the five seconds in which they die", goal: "")
    lines.field.forgetRecording()
    sleep(40)
    report(lines.field.stats.periodErrors, "while they are dead", goal: "≤ 110 %")
    let periods = try comeBack(dead, lines.field, gateway)
    Report.line("  periods until one that is back is good, p50", value: median(periods), unit: "")
    Report.line("  the same, the last of 16", value: periods.max() ?? .nan, unit: "", goal: "≤ 2")
    gateway.kill(SIGTERM)
  }

  private static func report(_ periods: PeriodErrors?, _ when: String, goal: String) {
    guard let periods else { return }
    let nominal = 1e4
    Report.line(
      "  period of the living, \(when), p50", value: Double(periods.period50) / nominal, unit: "%")
    Report.line("  the same, p99", value: Double(periods.period99) / nominal, unit: "%", goal: goal)
  }

  /// After how many seconds each of the units is good again.
  private static func comeBack(_ units: [Int], _ field: FieldSimulator, _ gateway: GatewayProcess) throws
    -> [Double]
  {
    try field.clearFaults()
    let start = SystemClock.monotonicMicroseconds
    var times: [String: Double] = [:]
    let names = Set(units.map { "d0-\($0)" })
    while times.count < names.count {
      let elapsed = Double(SystemClock.monotonicMicroseconds - start) / 1e6
      for device in gateway.status?["devices"]?.array ?? [] {
        guard let name = device["name"]?.string, names.contains(name), device["state"]?.string == "ok" else {
          continue
        }
        if times[name] == nil { times[name] = elapsed }
      }
      guard elapsed < 120 else { return names.map { times[$0] ?? .infinity } }
      usleep(10_000)
    }
    return Array(times.values)
  }
}
