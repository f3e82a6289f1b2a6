internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem
internal import Glibc

/// `gateway-sim demo`: a cabinet, a platform and a real gateway on loopback. Cuts the uplink, kills the gateway in
/// the middle of the outage, brings both back, and ends with the books; fails when they do not balance.
struct Demo {
  /// The numbers of `gatewayctl status --json` that the verdict needs.
  private struct Books {
    var stored: UInt64
    var delivered: UInt64
    var queued: UInt64
    var evicted: UInt64
    var quarantined: UInt64
    var ringDropped: UInt64

    init?(_ status: JSONValue) {
      guard let accounting = status["accounting"] else { return nil }
      func count(_ key: String) -> UInt64 { accounting[key]?.unsignedInteger ?? .max }
      stored = count("stored")
      delivered = count("delivered")
      queued = count("queued")
      evicted = count("evicted")
      quarantined = count("quarantined")
      ringDropped = count("ringDropped")
    }

    var balance: Bool { stored == delivered + queued + evicted + quarantined }
  }

  private let configPath: String
  private let field: FieldSimulator
  private let platform: PlatformSimulator
  private let programs: String
  private let directory: String

  init(configPath: String, fieldPath: String) throws {
    self.configPath = configPath
    field = try FieldSimulator(try FieldDescription(yaml: try readFile(fieldPath)))
    var options = PlatformSimulator.Options()
    options.listen = ListenAddress(port: 18080)
    platform = try PlatformSimulator(options)
    programs = try programsDirectory()
    directory = try TemporaryDirectory.make(prefix: "gateway-demo")
  }

  func run() throws -> Int32 {
    defer { TemporaryDirectory.remove(directory) }
    say("a field on \(field.addresses[0]), a platform on \(platform.url), a gateway with \(configPath)")
    var gateway = try start()
    pause(12)
    say("the uplink is there")
    show()

    say("the uplink is cut")
    try platform.goDown()
    pause(10)
    say("power cut: kill -9 in the middle of the outage, and a new start")
    gateway.kill(SIGKILL)
    gateway.wait()
    gateway = try start()
    pause(8)
    show()

    say(
      "the uplink is back; the platform stores the first two batches but cuts the connection before it answers"
    )
    platform.set(.closeAfter, for: FaultTerm(count: 2))
    try platform.comeUp()
    pause(6)
    show()
    let code = judge(within: .seconds(20))
    gateway.kill(SIGTERM)
    guard gateway.wait(timeout: .seconds(6))?.status == 0 else {
      say("the gateway did not stop within 5 s")
      return 1
    }
    return code
  }

  private func start() throws -> ChildProcess {
    let gateway = try ChildProcess(
      "\(programs)/gatewayd",
      ["--config", configPath, "--state", "\(directory)/state", "--socket", "\(directory)/control.sock"])
    for _ in 0..<100 where books() == nil { usleep(50_000) }
    return gateway
  }

  private func control(_ arguments: [String]) -> String? {
    let process = try? ChildProcess(
      "\(programs)/gatewayctl", ["--socket", "\(directory)/control.sock"] + arguments, mergesErrors: true)
    return process?.readAll(timeout: .seconds(5))
  }

  private func show() { printOut((control(["status"]) ?? "the gateway does not answer\n") + "\n") }

  private func books() -> Books? {
    guard let text = control(["status", "--json"]), let status = try? JSONValue(parsing: text) else {
      return nil
    }
    return Books(status)
  }

  /// Waits for an instant at which nothing is on its way, and holds the two sides' books against each other.
  private func judge(within limit: Duration) -> Int32 {
    let deadline = SystemClock.boot.advanced(by: limit)
    var last: (Books, PlatformStats)?
    while SystemClock.boot < deadline {
      if let before = books(), before.queued == 0 {
        let stats = platform.stats
        last = (before, stats)
        if let after = books(), after.stored == before.stored, stats.unique >= before.stored {
          return verdict(before, stats)
        }
      }
      usleep(100_000)
    }
    guard let (books, stats) = last else {
      say("the backlog was not delivered within \(Int(limit.seconds)) s")
      return 1
    }
    return verdict(books, stats)
  }

  private func verdict(_ books: Books, _ stats: PlatformStats) -> Int32 {
    let lost = books.stored - min(stats.unique, books.stored)
    say("the books")
    printOut(
      """
        rows stored by the gateway       \(books.stored)
        delivered, by its ledger         \(books.delivered)
        rows at the platform             \(stats.unique)
        duplicates it removed            \(stats.duplicates)
        holes in the numbers             \(stats.holes)
        evicted, quarantined, dropped    \(books.evicted), \(books.quarantined), \(books.ringDropped)
        lost                             \(lost)

      """)
    let isRight =
      lost == 0 && stats.unique == books.stored && stats.holes == 0 && stats.rejected == 0 && books.balance
      && books.evicted == 0 && books.quarantined == 0 && books.ringDropped == 0 && books.stored > 0
    printOut(isRight ? "The books balance.\n" : "THE BOOKS DO NOT BALANCE.\n")
    return isRight ? 0 : 1
  }

  private func say(_ sentence: String) { printOut("=== \(sentence)\n") }

  private func pause(_ seconds: UInt32) { sleep(seconds) }
}

enum DemoCommand {
  static func run(_ words: inout Words) throws(UsageError) {
    var config = "Config/demo.yaml"
    var field = "Config/demo-field.yaml"
    while let word = words.next() {
      switch word {
      case "--config": config = try words.value(of: word)
      case "--field": field = try words.value(of: word)
      default: throw UsageError("unknown option \"\(word)\"")
      }
    }
    do {
      exit(try Demo(configPath: config, fieldPath: field).run())
    } catch {
      Run.fail("\(error)", code: 71)
    }
  }
}
