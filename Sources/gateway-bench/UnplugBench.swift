internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem
internal import Glibc

/// USB adapters that are pulled out and come back under other numbers, ten at a time, so that each finds the number of
/// another free.
enum UnplugBench {
  private static let lines = 10
  private static let rounds = 10
  private static let absence = Duration.milliseconds(500)

  static func run() throws {
    Report.head("unplug: \(lines) lines at once, \(rounds) times; each comes back as another pty")
    let field = try BenchLines(lines) { line in
      [FieldDevice(units: [UInt8(line + 1)], registers: [FieldRegister(.holding, 0, words: [7])])]
    }
    let platform = try PlatformSimulator()
    defer { platform.stop() }
    let gateway = try GatewayProcess()
    try gateway.start(
      config: field.config(
        baud: 115_200, timeout: "200ms", every: "200ms", registers: 1, platform: platform.url
      ) { [$0 + 1] })
    sleep(3)
    var times: [Double] = []
    for _ in 0..<rounds {
      times += try round(field.field)
      sleep(1)
    }
    let recovered = times.filter { $0 <= 5 }.sorted()
    Report.line(
      "  recovered within 5 s", value: Double(recovered.count), unit: "of \(lines * rounds)",
      goal: "\(lines * rounds)")
    Report.line("  answered again after the return, p50", value: median(recovered), unit: "s")
    Report.line("  the same, the last", value: recovered.last ?? .nan, unit: "s", goal: "≤ 5 s")
    Report.line(
      "  requests that went to another's line",
      value: Double(field.field.stats.servers.reduce(0) { $0 + $1.strangers }),
      unit: "", goal: "0")
    gateway.kill(SIGTERM)
  }

  /// Seconds from its return until each line is used again.
  private static func round(_ field: FieldSimulator) throws -> [Double] {
    try field.set(FieldFault(.unplug), for: FaultTerm(duration: absence))
    let back = SystemClock.monotonicMicroseconds + absence.microseconds
    let before = field.stats.servers.map(\.requests)
    var times = [Double](repeating: .infinity, count: before.count)
    while times.contains(.infinity), SystemClock.monotonicMicroseconds < back + 10_000_000 {
      usleep(2000)
      let elapsed = Double(SystemClock.monotonicMicroseconds - back) / 1e6
      for (line, server) in field.stats.servers.enumerated()
      where times[line] == .infinity && server.requests > before[line] { times[line] = elapsed }
    }
    return times
  }
}
