import GatewayCore
import GatewaySimulator
import GatewayStore
import GatewaySystem
import Glibc
import Synchronization
import Testing

@testable import GatewayDaemon

/// The disk goes and comes back under the stores, the writer and real forwarders; the test plays the pipeline.
@Suite struct StoresTests {
  /// A disk that refuses every write when it is told to.
  private final class Disk: BlockDevice {
    private let medium: MemoryMedium
    private let fault = Mutex<Int32?>(nil)
    let mark = StoredMark()

    init() throws { medium = try MemoryMedium(limit: 64 << 20) }

    func refuse(_ code: Int32?) { fault.withLock { $0 = code } }

    var size: Int { medium.size }
    func read(into room: UnsafeMutableRawBufferPointer, at offset: Int) -> Result<Int, Errno> {
      medium.read(into: room, at: offset)
    }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Result<Void, Errno> {
      if let code = fault.withLock({ $0 }) { return .failure(Errno(code: code)) }
      return medium.write(bytes, at: offset)
    }
    func synchronize() -> Result<Void, Errno> {
      fault.withLock { $0 }.map { .failure(Errno(code: $0)) } ?? .success(())
    }
    func reserve(_ length: Int) -> Result<Void, Errno> { .success(()) }
    func dropCache() {}
  }

  private static let point = PointDescription(
    name: "a.x", unit: nil, kind: .gauge, window: .raw, functions: .standard)
  private static let catalogue = Catalogue(points: [point])

  private final class Bench {
    let disk: Disk
    let platform: PlatformSimulator
    let totals = PulseTotals()
    let queue: CommitQueue
    let stores: Stores
    let writer: StoreWriter
    let isThere: @Sendable (Bool) -> Void
    private(set) var pushed = 0
    var config: GatewayConfig

    init(_ disk: Disk? = nil, isThere: Bool = true) throws {
      let disk = try disk ?? Disk()
      self.disk = disk
      var options = PlatformSimulator.Options()
      options.keptRows = 100_000
      platform = try PlatformSimulator(options)
      config = GatewayConfig(
        id: "cabinet", store: StoreConfig(capacity: 8 << 20), buses: [], devices: [],
        destinations: [
          DestinationConfig(
            name: "p", url: platform.url, linger: .milliseconds(5), retryInitial: .milliseconds(20),
            retryMaximum: .milliseconds(50))
        ])
      let present = Presence(isThere)
      self.isThere = { there in present.value.withLock { $0 = there } }
      queue = try CommitQueue(drained: EventSignal())
      stores = try Stores(
        config, boot: StoresTests.boot,
        secrets: Depot.Secrets(credentialsDirectory: nil, configDirectory: "/"),
        totals: totals
      ) { config throws(StoreError) in
        guard present.value.withLock({ $0 }) else { throw .away("it is not there") }
        return try StoresTests.open(disk, config)
      }
      writer = try StoreWriter(
        stores: stores, queue: queue, heartbeat: Heartbeat(name: "store"), clock: ClockState())
      try stores.start()
      try writer.start()
    }

    private final class Presence: Sendable {
      let value: Mutex<Bool>
      init(_ isThere: Bool) { value = Mutex(isThere) }
    }

    /// One commit of the next values.
    func push(_ count: Int, knowsPast: Bool = true) {
      queue.push(StoresTests.commit(pushed..<pushed + count, knowsPast: knowsPast))
      pushed += count
    }

    func wait(_ what: String, until isTrue: () -> Bool) throws {
      let deadline = SystemClock.boot.advanced(by: .seconds(30))
      while !isTrue() {
        guard SystemClock.boot < deadline else {
          throw Cabinet.Failure(description: "waited in vain for \(what); \(stores.summary)")
        }
        expectBalance()
        usleep(2000)
      }
    }

    func expectBalance() {
      for books in stores.summary.destinations {
        #expect(books.stored == books.delivered + books.queued + books.evicted + books.quarantined)
      }
    }

    /// The values that the platform has, each as often as it is there.
    var values: [Int] {
      platform.stats.streams.flatMap { platform.rows(of: $0.stream) }.compactMap { row in
        (try? JSONValue(parsing: row.text))?["value"]?.unsignedInteger.map(Int.init)
      }.sorted()
    }

    func expectEveryRowOnce() throws {
      try wait("every row at the platform") {
        platform.stats.unique == pushed && stores.summary.books.delivered == UInt64(pushed)
      }
      #expect(values == Array(0..<pushed))
      let stats = platform.stats
      #expect(stats.holes == 0 && stats.rejected == 0, "\(stats.lastRejection ?? "")")
    }

    func finish() {
      writer.finish()
      stores.finish()
    }
  }

  private static let boot = BootID(high: 1, low: 2)

  private static func open(_ disk: Disk, _ config: GatewayConfig) throws(StoreError) -> DurableStore {
    try DurableStore(
      device: disk, slotSize: 64 << 10, capacity: config.store.capacity,
      destinations: config.destinations.map(\.name), boot: boot, mark: disk.mark)
  }

  private static func commit(
    _ values: Range<Int>, state: PipelineState = PipelineState(), catalogue: Catalogue = catalogue,
    knowsPast: Bool = true
  ) -> PendingCommit {
    var rows = RowEncoder()
    for value in values {
      rows.append(Reading(point: 0, at: SystemClock.moment, value: .unsigned(UInt64(value))))
    }
    var journal = ByteBuffer()
    var checkpoint = ByteBuffer()
    PipelineStateEncoder.append(books: state.books, journal: RowEncoder(), to: &journal)
    PipelineStateEncoder.append(books: state.books, checkpoint: state.windows.map(\.window), to: &checkpoint)
    let rest = PipelineStateEncoder.Rest(
      totals: state.totals.map { (point: PointIndex(0), pulses: $0.pulses) })
    PipelineStateEncoder.append(rest, state.books, to: &checkpoint)
    return PendingCommit(
      payload: rows.takeBytes(reserving: 64), journal: journal, checkpoint: checkpoint,
      rowCount: values.count, catalogue: catalogue, time: SystemClock.time, beginsPipeline: false,
      knowsPast: knowsPast)
  }

  @Test(arguments: [EIO, EROFS, ENOSPC])
  func rowsThatTheDiskRefusedWaitForItAndLaterOnesLeaveFromMemory(code: Int32) throws {
    let bench = try Bench()
    bench.push(10)
    try bench.wait("the first rows") { bench.platform.stats.unique == 10 }
    bench.disk.refuse(code)
    bench.push(5)
    try bench.wait("the refusal") { bench.stores.summary.held == 5 }
    bench.push(7)
    bench.push(3)
    try bench.wait("the rows behind it") { bench.platform.stats.unique == 20 }
    try bench.wait("the answers") { bench.stores.summary.books.delivered == 20 }
    var summary = bench.stores.summary
    #expect(summary.books.stored == 20 && summary.held == 5)
    #expect(bench.values == Array(0..<10) + Array(15..<25))
    let fault = try #require(summary.store.fault)
    #expect(fault.hasPrefix("the disk is away: cannot ") && fault.hasSuffix(" (5 rows)"), "\(fault)")
    bench.disk.refuse(nil)
    try bench.wait("the disk to be back") { bench.stores.fault == nil }
    bench.push(4)
    try bench.expectEveryRowOnce()
    try bench.wait("the end of the store in memory") { bench.stores.depots.count == 1 }
    try bench.wait("the last answers") { bench.stores.summary.books.delivered == 29 }
    summary = bench.stores.summary
    #expect(summary.books.stored == 29 && summary.books.delivered == 29 && summary.inMemory == 0)
    #expect(bench.platform.stats.streams.map(\.unique).sorted() == [10, 19])
    bench.finish()
    #expect(try Self.open(bench.disk, bench.config).storedThrough == 19)
  }

  /// A pulse point and a window of the run before.
  private static func diskOfAnEarlierRun() throws -> Disk {
    let disk = try Disk()
    let (rain, level) = (
      PointDescription(name: "io.rain", unit: nil, kind: .counter, window: .raw, functions: .standard),
      PointDescription(
        name: "a.level", unit: nil, kind: .gauge, window: .tumbling(seconds: 60), functions: .standard)
    )
    var window = WindowAggregator.Accumulator(point: 1, start: Timestamp(microseconds: 0), isPartial: false)
    (window.count, window.sum) = (7, 21)
    let state = PipelineState(
      books: PipelineState.Books(acquired: 1000, ringDropped: 3),
      windows: [PipelineState.OpenWindow(point: level, window: WindowAggregator.Pane(window))],
      totals: [PipelineState.PulseTotal(point: rain, pulses: 40)])
    let store = try open(disk, GatewayConfig(id: "cabinet", buses: [], devices: [], destinations: []))
    try store.append(
      commit(0..<0, state: state, catalogue: Catalogue(points: [rain, level])), usesCheckpoint: true)
    return disk
  }

  @Test func aDiskThatAppearsLaterIsTakenUpWithWhatItKnows() throws {
    let bench = try Bench(try Self.diskOfAnEarlierRun(), isThere: false)
    bench.stores.past.begin(with: PipelineState())
    bench.totals.counter("io.rain").add(2)
    bench.push(10, knowsPast: false)
    try bench.wait("rows from memory") { bench.platform.stats.unique == 10 }
    #expect(
      bench.stores.fault?.hasPrefix("the disk is away: it is not there; rows are kept in memory since")
        == true)
    #expect(bench.stores.past.takeUp() == nil && !bench.stores.past.isKnown)
    #expect(!bench.totals.counter("io.rain").isComplete)
    bench.isThere(true)
    _ = bench.stores.flush()
    try bench.wait("the disk to be back") { bench.stores.fault == nil }
    // Made before the pipeline has heard of it: its state would undo what the disk knows.
    bench.push(5, knowsPast: false)
    try bench.wait("the window of the run before, and those rows") { bench.platform.stats.unique == 16 }
    #expect(bench.stores.past.takeUp() == PipelineState.Books(acquired: 1000, ringDropped: 3))
    #expect(bench.stores.past.takeUp() == nil && bench.stores.past.isKnown)
    #expect(bench.totals.counter("io.rain").total == 42 && bench.totals.counter("io.rain").isComplete)
    let state = PipelineState(
      totals: [PipelineState.PulseTotal(point: Self.point, pulses: 42)])
    bench.queue.push(Self.commit(15..<20, state: state))
    try bench.wait("all rows") { bench.stores.summary.books.delivered == 21 }
    #expect(bench.values == Array(0..<20))
    bench.finish()
    let store = try Self.open(bench.disk, bench.config)
    #expect(store.storedThrough == 6)
    let left = PipelineState(takenFrom: store)
    #expect(left.windows.isEmpty && left.totals.map(\.pulses) == [42])
  }

  @Test func aReloadChangesBothStores() throws {
    let bench = try Bench()
    bench.push(4)
    try bench.wait("rows") { bench.platform.stats.unique == 4 }
    bench.disk.refuse(EIO)
    bench.push(1)
    bench.push(6)
    try bench.wait("rows from memory") { bench.platform.stats.unique == 10 }
    let other = try PlatformSimulator()
    defer { other.stop() }
    var next = bench.config
    next.destinations.append(
      DestinationConfig(name: "q", url: other.url, linger: .milliseconds(5), retryInitial: .milliseconds(20)))
    try bench.stores.adopt(next) {}
    // A new destination gets whatever is still stored, from both.
    try bench.wait("rows at the new destination") { other.stats.unique == 10 }
    bench.push(2)
    try bench.wait("new rows at both") { bench.platform.stats.unique == 12 && other.stats.unique == 12 }
    bench.disk.refuse(nil)
    try bench.wait("the end of the store in memory") { bench.stores.depots.count == 1 }
    try bench.wait("the row that was held") { bench.platform.stats.unique == 13 && other.stats.unique == 13 }
    try bench.stores.adopt(bench.config) {}
    #expect(bench.stores.summary.destinations.map(\.name) == ["p"])
    try bench.expectEveryRowOnce()
    bench.finish()
  }

  /// Refusals, reloads, platforms that fail, and rows all the time: each row arrives once, and what is counted never
  /// goes back.
  @Test func whateverTheDiskDoesEveryRowArrivesOnce() throws {
    let seed = UInt64.random(in: .min ... .max)
    var dice = SplitMix(seed: seed)
    let bench = try Bench(isThere: Bool.random(using: &dice))
    var stored: UInt64 = 0
    for _ in 0..<300 {
      switch Int.random(in: 0..<10, using: &dice) {
      case 0: bench.disk.refuse([EIO, EROFS, ENOSPC].randomElement(using: &dice)!)
      case 1, 2:
        bench.disk.refuse(nil)
        bench.isThere(true)
        _ = bench.stores.flush()
      case 3:
        bench.platform.set(Bool.random(using: &dice) ? .status(503) : .closeAfter)
        usleep(2000)
        bench.platform.clearFaults()
      case 4: try bench.stores.adopt(bench.config) {}
      default:
        _ = bench.stores.past.takeUp()
        bench.push(Int.random(in: 1...50, using: &dice), knowsPast: bench.stores.past.isKnown)
      }
      usleep(UInt32.random(in: 0...4000, using: &dice))
      let summary = bench.stores.summary
      bench.expectBalance()
      #expect(summary.books.stored >= stored, "seed \(seed)")
      stored = summary.books.stored
    }
    bench.disk.refuse(nil)
    bench.isThere(true)
    _ = bench.stores.flush()
    try bench.expectEveryRowOnce()
    try bench.wait("the disk, and the end of the store in memory") {
      bench.stores.fault == nil && bench.stores.depots.count == 1
    }
    #expect(bench.stores.summary.books.stored == UInt64(bench.pushed), "seed \(seed)")
    print(
      "stores model: seed \(seed), \(bench.pushed) rows in \(bench.platform.stats.streams.count) streams,"
        + " \(bench.platform.stats.duplicates) sent twice")
    bench.finish()
  }

  @Test func aCommitThatIsTooLongForMemoryIsKeptInPieces() throws {
    let bench = try Bench(isThere: false)
    bench.push(30_000, knowsPast: false)
    try bench.expectEveryRowOnce()
    bench.finish()
  }
}
