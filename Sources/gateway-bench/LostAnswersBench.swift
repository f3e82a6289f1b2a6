package import GatewayCore
package import GatewaySimulator
internal import GatewayStore
internal import GatewaySystem
internal import GatewayUplink
internal import Glibc

/// Rows of a real store through a real forwarder and real HTTP to a platform that has each batch, but whose answer is
/// lost three times out of ten.
package enum LostAnswersBench {
  private static let rowsPerCommit = StoreBench.rowsPerCommit
  package static let share = 0.3

  package struct Result {
    package var books: DeliveryBooks
    package var platform: PlatformStats

    /// What is wrong; empty when each row is there once.
    package var flaws: [String] {
      var flaws: [String] = []
      func expect(_ isRight: Bool, _ sentence: String) { if !isRight { flaws.append(sentence) } }
      expect(books.delivered == books.stored, "\(books.stored) rows stored, \(books.delivered) delivered")
      expect(platform.unique == books.stored, "the platform has \(platform.unique) of \(books.stored) rows")
      expect(platform.holes == 0, "\(platform.holes) holes")
      expect(platform.overwritten == 0, "\(platform.overwritten) numbers with two values")
      expect(platform.streams.count == 1, "\(platform.streams.count) streams")
      expect(platform.rejected == 0, "refused: \(platform.lastRejection ?? "")")
      return flaws
    }
  }

  static func run(rows: Int) throws {
    Report.head("lost: \(rows) rows over HTTP, \(Int(share * 100)) % of the answers lost after storing")
    var result: Result?
    let elapsed = try seconds { result = try deliver(rows: rows) }
    guard let result else { return }
    Report.line("  rows at the platform", value: Double(result.platform.unique), unit: "rows")
    Report.line(
      "  came again, known by (stream, seq)", value: Double(result.platform.duplicates), unit: "rows")
    Report.line("  holes", value: Double(result.platform.holes), unit: "rows", goal: "0")
    Report.line("  in", value: elapsed, unit: "s")
    for flaw in result.flaws { printOut("  FLAW: \(flaw)\n") }
    if !result.flaws.isEmpty { throw SystemError("not every row is there once", code: EBADMSG) }
  }

  /// Throws when nothing has arrived for a minute.
  package static func deliver(rows: Int) throws -> Result {
    let directory = try TemporaryDirectory.make(prefix: "gateway-bench")
    defer { TemporaryDirectory.remove(directory) }
    let platform = try PlatformSimulator()
    defer { platform.stop() }
    platform.set(.closeAfter, for: FaultTerm(share: share))
    let store = try fill(directory, rows: rows)
    let queue = store.uplinkQueue(for: FullStore.destination)
    let forwarder = try Forwarder(
      destination: DestinationConfig(
        name: FullStore.destination, url: platform.url, linger: .milliseconds(1),
        retryInitial: .milliseconds(5), retryMaximum: .milliseconds(50)),
      gateway: "bench", queue: queue, quarantine: queue,
      credentialsDirectory: nil, configDirectory: directory, heartbeat: Heartbeat(name: "uplink"))
    try forwarder.start()
    defer {
      forwarder.requestStop()
      forwarder.join()
    }
    var (queued, patience) = (UInt64.max, 600)
    while store.overallBooks.queued > 0, patience > 0 {
      patience = store.overallBooks.queued < queued ? 600 : patience - 1
      queued = store.overallBooks.queued
      usleep(100_000)
    }
    return Result(books: store.overallBooks, platform: platform.stats)
  }

  private static func fill(_ directory: String, rows: Int) throws -> DurableStore {
    let store = try DurableStore.open(
      directory: directory, capacity: max(rows * 16, 64 << 20), destinations: [FullStore.destination],
      boot: FullStore.boot, mark: StoredMark())
    let catalogue = Catalogue(
      points: (0..<rowsPerCommit).map {
        PointDescription(name: "device.p\($0)", unit: "CEL", kind: .gauge, window: .raw, functions: .standard)
      })
    var encoder = RowEncoder()
    for commit in 0..<rows / rowsPerCommit {
      StoreBench.encode(commit, into: &encoder)
      try encoder.bytes.withBytes {
        try store.append(
          payload: $0, rowCount: rowsPerCommit, catalogue: catalogue,
          time: CabinetLoad.start.advanced(by: .seconds(commit)))
      }
    }
    return store
  }
}
