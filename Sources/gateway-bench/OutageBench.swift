internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem
internal import Glibc

/// 30 days without an uplink, in virtual time. Each case runs in a process of its own, so that its peak of resident
/// memory is its own.
enum OutageBench {
  private struct Case {
    var name: String
    var title: String
    var capacity: Int
    var eviction: EvictionPolicy
  }

  private static let cases = [
    Case(name: "fits", title: "256 MiB; evict: oldest", capacity: 256 << 20, eviction: .oldest),
    Case(name: "oldest", title: "64 MiB; evict: oldest", capacity: 64 << 20, eviction: .oldest),
    Case(name: "thin", title: "64 MiB; evict: thin", capacity: 64 << 20, eviction: .thin),
  ]
  /// In memory: the medium's synchronisations alone would take a quarter of an hour.
  private static let place = "/dev/shm"

  static var names: [String] { cases.map(\.name) }

  /// `name` nil: all cases.
  static func run(case name: String?, days: Int) throws {
    if let one = cases.first(where: { $0.name == name }) { return try run(one, days: days) }
    let plan = OutageSimulation.Plan()
    Report.head(
      "days: \(days) days without an uplink in virtual time, a commit a second of 90 windows of a minute and 10 raw"
        + " points;\n  real store on tmpfs, real outbox, link \(plan.link / 1000) kbit/s, backfill"
        + " \(plan.backfill / 1000) kbit/s, one answer in \(plan.lostAnswers) lost")
    for one in cases {
      let child = try ChildProcess("/proc/self/exe", ["days", "--days", "\(days)", "--case", one.name])
      printOut(child.readAll(timeout: .seconds(3600)))
      guard child.wait().status == 0 else {
        throw SystemError("the outage \"\(one.name)\" failed", code: ECHILD)
      }
    }
  }

  /// One of them, in this process.
  private static func run(_ one: Case, days: Int) throws {
    let directory = try TemporaryDirectory.make(prefix: "gateway-bench", in: place)
    defer { TemporaryDirectory.remove(directory) }
    var plan = OutageSimulation.Plan()
    (plan.capacity, plan.eviction, plan.outage) = (one.capacity, one.eviction, days * 86_400)
    let seed = UInt64.random(in: .min ... .max)
    var simulation = try OutageSimulation(plan, in: directory, seed: seed)
    var outcome: OutageSimulation.Result?
    let cpu = SystemClock.threadCPU
    let elapsed = try seconds { outcome = try simulation.run() }
    let used = Double(SystemClock.threadCPU - cpu) / 1e6
    guard let result = outcome else { return }
    Report.head("  \(one.title); seed \(seed)")
    report(result, plan)
    Report.line(
      "    wall time, all of it", value: elapsed, unit: "s", limit: try bareWrites(result, in: directory),
      limitName: "bare pwrite of the same bytes", goal: "≤ 60 s")
    Report.line("    CPU", value: used, unit: "s")
    Report.line(
      "    peak RSS", value: Double(ProcessStatus.bytes("VmHWM:")) / 1e6, unit: "MB",
      goal: "≤ 24 MB")
    for flaw in result.flaws { printOut("    FLAW: \(flaw)\n") }
    if !result.flaws.isEmpty { throw SystemError("the books of the outage are not exact", code: EBADMSG) }
  }

  private static func report(_ result: OutageSimulation.Result, _ plan: OutageSimulation.Plan) {
    let (books, platform) = (result.books, result.platform)
    Report.line("    rows stored", value: Double(books.stored), unit: "rows")
    Report.line("      live", value: result.liveRate, unit: "rows/s")
    Report.line("    queued when the uplink came back", value: Double(result.queuedAtReturn), unit: "rows")
    Report.line(
      "    backlog drained beside the live rows", value: result.drainRate / result.liveRate, unit: "× live",
      limit: Double(plan.backfill) / 8 / result.bytesPerRow / result.liveRate,
      limitName: "the backfill's bits",
      goal: "≥ 20 ×")
    Report.line("      after", value: Double(result.drainSeconds) / 3600, unit: "h")
    Report.line("    live rows late by, at worst", value: result.worstLateness, unit: "s", goal: "≤ 10 s")
    Report.line("    delivered", value: Double(books.delivered), unit: "rows")
    Report.line("    evicted", value: Double(books.evicted), unit: "rows")
    Report.line("      by damage", value: Double(books.damaged), unit: "rows", goal: "0")
    Report.line("      and summarised", value: Double(books.thinned), unit: "rows")
    Report.line(
      "    stored - delivered - queued - evicted - quarantined",
      value: Double(books.stored) - Double(books.delivered) - Double(books.queued) - Double(books.evicted)
        - Double(books.quarantined), unit: "rows", goal: "0")
    Report.line(
      "    at the platform, but not called delivered",
      value: Double(platform.unique) - Double(books.delivered),
      unit: "rows", goal: "0, or evicted on the way")
    Report.line("    came twice, known by (stream, seq)", value: Double(platform.duplicates), unit: "rows")
  }

  /// Seconds for as many plain writes of as many bytes, with no store around them.
  private static func bareWrites(_ result: OutageSimulation.Result, in directory: String) throws -> Double {
    let file = try FileDescriptor.open("\(directory)/bare", O_CREAT | O_RDWR)
    let size = Int(result.bytesWritten / max(result.commits, 1))
    let block = [UInt8](repeating: 7, count: size)
    let slots = (64 << 20) / size
    let writes = 200_000
    let elapsed = seconds {
      for write in 0..<writes {
        _ = block.withUnsafeBytes { file.writeAll($0, at: write % slots * size) }
        _ = file.synchronizeData()
      }
    }
    return elapsed * Double(result.commits) / Double(writes)
  }
}
