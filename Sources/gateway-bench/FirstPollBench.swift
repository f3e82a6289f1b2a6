internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem
internal import Glibc

/// From the start of the process to the first request that a device in the field sees.
enum FirstPollBench {
  private static let runs = 7
  private static let cuts = 50

  static func run() throws {
    Report.head("first poll: from the start of gatewayd to the first request in the field; median of \(runs)")
    let device = FieldDevice(units: [1], registers: [FieldRegister(.holding, 0, words: [1, 2, 3, 4])])
    let field = try FieldSimulator(FieldDescription(servers: [FieldServer(devices: [device])]))
    defer { field.stop() }
    let gateway = try GatewayProcess()
    let config = config(field)
    let check = try (0..<runs).map { _ in try secondsToCheck(gateway, config) }

    let empty = try (0..<runs).map { _ in
      try gateway.emptyState()
      return try secondsToFirstPoll(gateway, config, field)
    }
    report("no store yet", empty, check)
    try gateway.emptyState()
    _ = try FullStore.ofSmallCommits(in: gateway.stateDirectory)
    report("a full store", try afterKills(gateway, config, field), check)
    let seed = UInt64.random(in: .min ... .max)
    var dice = SplitMix(seed: seed)
    for _ in 0..<cuts {
      try gateway.launch(config: config)
      usleep(UInt32.random(in: 0...300_000, using: &dice))
      gateway.cutPower()
    }
    report("after \(cuts) cuts in a row, seed \(seed)", try afterKills(gateway, config, field), check)
  }

  private static func report(_ name: String, _ seconds: [Double], _ check: [Double]) {
    Report.line(
      "  \(name)", values: seconds.map { $0 * 1000 }, unit: "ms", limit: median(check) * 1000,
      limitName: "gatewayd --check", goal: "≤ 1,000 ms")
  }

  /// Nobody takes what is stored, so that what is full stays full.
  private static func config(_ field: FieldSimulator) -> String {
    """
    gateway: {id: bench}
    store: {capacity: 256MiB, commit: 100ms}
    defaults: {every: 1s, window: 1m}
    destinations: [{name: \(FullStore.destination), url: "http://127.0.0.1:9/v1/batches"}]
    buses: [{name: lan, type: modbus-tcp, address: "\(field.addresses[0])"}]
    devices:
      - name: d
        bus: lan
        unit: 1
        points: [{name: level, at: holding 0, type: uint16}, {name: flow, at: holding 2, type: uint16, window: raw}]

    """
  }

  private static func afterKills(
    _ gateway: GatewayProcess, _ config: String, _ field: FieldSimulator
  ) throws -> [Double] {
    try (0..<runs).map { _ in try secondsToFirstPoll(gateway, config, field) }
  }

  /// The gateway's power is cut again afterwards.
  private static func secondsToFirstPoll(
    _ gateway: GatewayProcess, _ config: String, _ field: FieldSimulator
  ) throws -> Double {
    let before = field.stats.requests
    let elapsed = try seconds {
      try gateway.launch(config: config)
      for _ in 0..<100_000 where field.stats.requests == before { usleep(200) }
    }
    guard field.stats.requests > before else {
      throw SystemError("gatewayd asks nothing", code: ETIMEDOUT)
    }
    // So that it stores something as well.
    usleep(300_000)
    gateway.cutPower()
    return elapsed
  }

  /// The least that a start takes: the program, its libraries, the configuration.
  private static func secondsToCheck(_ gateway: GatewayProcess, _ config: String) throws -> Double {
    try seconds { try gateway.check(config: config) }
  }
}
