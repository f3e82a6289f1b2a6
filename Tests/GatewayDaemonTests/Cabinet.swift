import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// One cabinet with the real programs: a simulated field and platform in the test, `gatewayd` and `gatewayctl` as
/// processes of their own.
final class Cabinet {
  struct Failure: Error, CustomStringConvertible { var description: String }

  let directory: String
  let field: FieldSimulator
  let platform: PlatformSimulator
  private(set) var gateway: ChildProcess?
  private var config = ""
  /// A program and its arguments that `gatewayd` is started by; it takes its place.
  var launcher: [String] = []
  /// What the programs find in their environment beside the test's own.
  var environment: [String: String] = [:]

  /// A field of `devices` units, each with ten holding registers that count, and a platform.
  convenience init(devices: Int = 3, registers: [FieldRegister]? = nil) throws {
    let units = (1...devices).map(UInt8.init)
    let content =
      registers ?? [FieldRegister(.holding, 0, words: (0..<10).map { UInt16($0 * 7) })]
    try self.init(field: [FieldDevice(units: units, registers: content)])
  }

  /// A field of these devices on one bus, and a platform.
  init(field devices: [FieldDevice]) throws {
    directory = try TemporaryDirectory.make(prefix: "gateway-test")
    field = try FieldSimulator(FieldDescription(servers: [FieldServer(devices: devices)]))
    var options = PlatformSimulator.Options()
    options.keptRows = 100_000
    platform = try Self.platform(options)
  }

  /// On a port below those that the kernel gives to connections: while the platform is down, nobody takes it.
  private static func platform(_ options: PlatformSimulator.Options) throws -> PlatformSimulator {
    var options = options
    for _ in 0..<20 {
      options.listen = ListenAddress(port: .random(in: 20_000..<32_000))
      if let platform = try? PlatformSimulator(options) { return platform }
    }
    throw Failure(description: "no free port for the platform")
  }

  deinit {
    gateway = nil
    field.stop()
    platform.stop()
    TemporaryDirectory.remove(directory)
  }

  var configPath: String { "\(directory)/gateway.yaml" }
  var socketPath: String { "\(directory)/control.sock" }
  /// Where the state is, below `directory`.
  var place = "state"
  var statePath: String { "\(directory)/\(place)" }

  /// Where the programs are: beside the test bundle, or where `GATEWAY_BINARIES` says.
  static func program(_ name: String) throws -> String {
    if let given = getenv("GATEWAY_BINARIES") { return String(cString: given) + "/" + name }
    return try programsDirectory() + "/" + name
  }

  func write(config text: String) throws {
    config = text
    unlink(configPath)
    let file = try FileDescriptor.open(configPath, O_CREAT | O_WRONLY)
    var text = text
    let written = text.withUTF8 { file.writeAll(UnsafeRawBufferPointer($0), at: 0) }
    guard case .success = written else { throw Failure(description: "cannot write the configuration") }
  }

  /// The usual configuration: every unit's registers, raw and windowed, as fast as a test wants it.
  func writeUsualConfig(
    store: String = "{capacity: 16MiB, commit: 100ms}", every: String = "50ms", retry: String = "100ms",
    destination: String = ""
  ) throws {
    let devices = (1...3).map { unit in
      """
        - name: d\(unit)
          bus: lan
          unit: \(unit)
          points:
            - {name: raw, at: holding 0, type: uint16, window: raw}
            - {name: second, at: holding 1, type: int16, scale: 0.1, window: 1s}
            - {name: wide, at: holding 2, type: uint32, window: raw}
      """
    }.joined(separator: "\n")
    try write(
      config: """
        gateway: {id: test-cabinet}
        store: \(store)
        defaults: {every: \(every)}
        buses: [{name: lan, type: modbus-tcp, address: "\(field.addresses[0])", timeout: 300ms}]
        devices:
        \(devices)
        destinations:
          - {name: platform, url: "\(platform.url)", batch: {linger: 20ms}, timeout: 1s, retry: {initial: \(retry), max: 300ms}\(destination)}
        """)
  }

  @discardableResult
  func start() throws -> ChildProcess {
    let command =
      launcher
      + [try Self.program("gatewayd"), "--config", configPath, "--state", statePath, "--socket", socketPath]
    let process = try ChildProcess(
      command[0], Array(command.dropFirst()), environment: environment, mergesErrors: true)
    gateway = process
    return process
  }

  func startAndWait() throws {
    try start()
    try wait("the daemon to answer") { self.status() != nil }
  }

  /// Stops the daemon as systemd does; its exit code.
  func stop() throws -> Int32 {
    guard let gateway else { return -1 }
    gateway.kill(SIGTERM)
    guard let usage = gateway.wait(timeout: .seconds(10)) else {
      throw Failure(description: "the daemon did not stop")
    }
    self.gateway = nil
    return usage.status
  }

  func killHard() {
    gateway?.kill(SIGKILL)
    gateway?.wait()
    gateway = nil
  }

  /// `gatewayctl VERB…`: what it printed, and its exit code.
  func control(
    _ arguments: [String], timeout: Duration = .seconds(10)
  ) throws -> (output: String, code: Int32) {
    let process = try ChildProcess(
      try Self.program("gatewayctl"), ["--socket", socketPath] + arguments, mergesErrors: true)
    let output = process.readAll(timeout: timeout)
    return (output, process.wait().status)
  }

  func status() -> JSONValue? {
    guard let result = try? control(["status", "--json"]), result.code < 3 else { return nil }
    return try? JSONValue(parsing: result.output)
  }

  func count(_ key: String) -> UInt64? { status()?["accounting"]?[key]?.unsignedInteger }

  func wait(_ what: String, within limit: Duration = .seconds(20), until isTrue: () throws -> Bool) throws {
    let deadline = SystemClock.boot.advanced(by: limit)
    while SystemClock.boot < deadline {
      if try isTrue() { return }
      usleep(20_000)
    }
    throw Failure(
      description: "waited \(limit) in vain for \(what); \(status().map { "\($0)" } ?? "no status")")
  }

  /// Waits until nothing is queued, then holds the gateway's books against the platform's: each stored row there
  /// once, no hole, and the four numbers add up.
  func expectBooksToBalance(lostRowsAllowed: Bool = false) throws {
    var stored: UInt64 = 0
    var stats = platform.stats
    try wait("the queue to be empty", within: .seconds(60)) {
      guard let accounting = self.status()?["accounting"], accounting["queued"]?.unsignedInteger == 0 else {
        return false
      }
      stored = accounting["stored"]?.unsignedInteger ?? 0
      stats = self.platform.stats
      return self.count("stored") == stored
    }
    #expect(stats.unique == stored)
    #expect(stats.holes == 0)
    #expect(stats.rejected == 0, "\(stats.lastRejection ?? "")")
    #expect(stats.streams.count == 1)
    #expect(stored > 0)
  }
}
