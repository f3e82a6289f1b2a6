import GatewayCore
import Synchronization
import Testing

@testable import GatewayStore

/// A small store that thins, driven at random over several lives, beside what it was told: rows of two points, read
/// and settled by two destinations in any order.
struct StoreLife {
  static let slotSize = 32 << 10
  static let slots = 7
  static let destinations = ["p", "q"]
  private static let start: Int64 = 1_790_000_000_000_000

  private(set) var device = MemoryDevice()
  private(set) var store: DurableStore
  private(set) var boot: UInt64 = 1
  /// What was ever written, or tried, under each number.
  private(set) var rows: [StoreImage.Name: StoreImage.Content] = [:]
  private(set) var catalogues: [UInt32: Catalogue] = [:]
  /// A commit that was refused: the next append is the same again.
  private(set) var refused: [Row] = []
  private var random: SplitMix
  private var readings: Int64 = 0

  init(seed: UInt64) throws {
    random = SplitMix(seed: seed)
    store = try Self.open(device, boot)
  }

  static func open(_ device: MemoryDevice, _ boot: UInt64) throws(StoreError) -> DurableStore {
    let store = try DurableStore(
      device: device, slotSize: slotSize, capacity: (slots + 1) * slotSize, destinations: destinations,
      boot: BootID(high: 7, low: boot), mark: device.mark)
    store.evict(by: .thin)
    return store
  }

  /// A file with records of every kind, as some life of it left it behind.
  static func image(seed: UInt64) throws -> StoreImage {
    for attempt in 0... {
      var life = try StoreLife(seed: seed &+ UInt64(attempt))
      var earlier: [[UInt8]] = []
      for step in 0..<400 {
        if step % 40 == 20 { earlier.append(life.device.medium) }
        try life.step()
        guard step > 120, life.holdsEveryKind else { continue }
        if Bool.random(using: &life.random) { try life.store.close() }
        return try StoreImage(
          life.device.medium, earlier: earlier, slotSize: slotSize, slots: slots, destinations: destinations,
          rows: life.rows, catalogues: life.catalogues)
      }
    }
    fatalError("unreachable")
  }

  private var holdsEveryKind: Bool {
    store.shared.withLock { shared in
      shared.map.segments.contains { $0.header.packedRows > 0 } && !shared.newest.supersessions.isEmpty
        && shared.newest.commits.count > 1
    }
  }

  mutating func step() throws {
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<78: try append()
    case 78..<90: acknowledge()
    case 90..<97: store.writeLedgerIfDue(at: Timestamp(microseconds: Self.start + readings * 60_000_000))
    default:
      if refused.isEmpty && Bool.random(using: &random) { try? store.close() }
      if Bool.random(using: &random) { boot += 1 }
      try reopen()
    }
  }

  /// The same life goes on with the file as it was at another time, and other dice.
  mutating func resume(from bytes: [UInt8], seed: UInt64) {
    device = MemoryDevice(bytes)
    random = SplitMix(seed: seed)
    boot += 1
  }

  mutating func reopen() throws(StoreError) { store = try Self.open(device, boot) }

  /// The power goes and comes back.
  mutating func cutPower() throws(StoreError) {
    device.cutPower(&random)
    boot += 1
    try reopen()
  }

  mutating func acknowledge() {
    let queue = store.queue(for: Self.destinations.randomElement(using: &random)!)
    guard store.storedThrough > 0 else { return }
    let seq = UInt64.random(in: 1...store.storedThrough, using: &random)
    guard let run = queue.pending(from: seq) else { return }
    let last = min(run.upperBound, run.lowerBound + UInt64.random(in: 0...60, using: &random))
    queue.acknowledge(run.lowerBound...last, as: .delivered)
  }

  mutating func append() throws {
    if refused.isEmpty { refused = someRows() }
    let points = ["a.level", readings / 300 % 2 == 0 ? "a.first" : "a.second"].map {
      PointDescription(name: $0, unit: "MTR", kind: .gauge, window: .raw, functions: .standard)
    }
    let catalogue = Catalogue(points: points)
    catalogues[catalogue.id] = catalogue
    var encoder = RowEncoder()
    for row in refused { encoder.append(row) }
    for (place, row) in refused.enumerated() {
      let name = StoreImage.Name(stream: store.stream, seq: store.storedThrough + 1 + UInt64(place))
      rows[name] = StoreImage.Content(row: row, catalogue: catalogue.id)
    }
    try encoder.bytes.withBytes {
      try store.append(
        payload: $0, rowCount: refused.count, catalogue: catalogue,
        time: Timestamp(microseconds: Self.start + readings * 7_000_000))
    }
    refused = []
    let before = store.storedThrough
    store.packOldSegments()
    store.thinOldRows()
    if store.storedThrough > before { keep(before + 1...store.storedThrough) }
  }

  private mutating func someRows() -> [Row] {
    var rows: [Row] = []
    for _ in 0..<Int.random(in: 1...30, using: &random) {
      readings += 1
      let time = Timestamp(microseconds: Self.start + readings * 7_000_000)
      for point in 0..<2 {
        let moment = Moment(time: time, boot: BootTime(microseconds: readings))
        let value = Value.double(Double(UInt64.random(in: 0...99_999, using: &random)))
        rows.append(Row(Reading(point: PointIndex(point), at: moment, value: value)))
      }
    }
    return rows
  }

  /// Of summaries it is known only afterwards what they say.
  private mutating func keep(_ summaries: ClosedRange<UInt64>) {
    let queue = store.queue(for: Self.destinations[0])
    var seq = summaries.lowerBound
    while seq <= summaries.upperBound, case .commit(let commit) = queue.read(at: seq) {
      if let catalogue = queue.catalogue(commit.catalogueID) { catalogues[catalogue.id] = catalogue }
      try? commit.forEachRow { rows[$0] = StoreImage.Content(row: $1, catalogue: commit.catalogueID) }
      seq = commit.lastSeq + 1
    }
  }
}
