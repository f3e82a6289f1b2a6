internal import GatewayCore
internal import GatewaySimulator
internal import GatewayStore
internal import GatewaySystem
internal import Synchronization

/// What the start of a full store costs: opening it, which leaves the page cache aside, and taking up the state of the
/// newest segment.
enum RecoveryBench {
  private static let runs = 9

  static func run() throws {
    Report.head("recovery: a store of 256 MiB that is full and was not closed; CPU, median of \(runs)")
    try measure("commits of 1000 rows", FullStore.ofLargeCommits)
    try measure("a commit a second, packed", FullStore.ofSmallCommits)
  }

  private static func measure(_ name: String, _ fill: (String) throws -> FullStore) throws {
    let directory = try TemporaryDirectory.make(prefix: "gateway-bench")
    defer { TemporaryDirectory.remove(directory) }
    let full = try fill(directory)
    Report.head("  \(name): \(full.segments) segments, \(full.commits) commits, \(full.rows) rows queued")
    let (bytes, reads) = try readsOfOpening(full)
    Report.line("    read by opening", value: Double(bytes) / 1e6, unit: "MB")
    Report.line("    in reads", value: Double(reads), unit: "")
    try measure("after a power cut", directory, full, bytes, isCached: false)
    try measure("after a kill: all of it cached", directory, full, bytes, isCached: true)
  }

  private static func measure(
    _ name: String, _ directory: String, _ full: FullStore, _ bytes: Int, isCached: Bool
  ) throws {
    let file = try CountedFile(full.path)
    var costs: [(opening: Double, replay: Double)] = []
    var bare: [Double] = []
    for _ in 0..<runs {
      _ = file.bareReads(isCached ? file.size : 0, cold: !isCached)
      costs.append(try open(directory))
      bare.append(file.bareReads(bytes, cold: !isCached) / 1000)
    }
    Report.line(
      "    \(name)", values: costs.map { $0.opening + $0.replay }, unit: "ms", limit: median(bare),
      limitName: "bare pread", goal: "≤ 50 ms")
    Report.line("      the newest segment's state", values: costs.map(\.replay), unit: "ms")
  }

  /// Milliseconds of CPU of this thread, which does all of the work.
  private static func open(_ directory: String) throws -> (opening: Double, replay: Double) {
    let start = SystemClock.threadCPU
    let store = try DurableStore.open(
      directory: directory, capacity: FullStore.capacity, destinations: [FullStore.destination],
      boot: BootID(high: 3, low: 4), mark: StoredMark())
    let opened = SystemClock.threadCPU
    var replay = PipelineReplay()
    store.replayNewest { commit, catalogue in replay.apply(commit, catalogue: catalogue) }
    return (Double(opened - start) / 1000, Double(SystemClock.threadCPU - opened) / 1000)
  }

  private static func readsOfOpening(_ full: FullStore) throws -> (bytes: Int, reads: Int) {
    let file = try CountedFile(full.path)
    _ = try DurableStore(
      device: file, slotSize: 4 << 20, capacity: FullStore.capacity, destinations: [FullStore.destination],
      boot: FullStore.boot, mark: StoredMark())
    return (file.bytesRead.load(ordering: .relaxed), file.reads.load(ordering: .relaxed))
  }
}
