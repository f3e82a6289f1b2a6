import GatewayCore
import Synchronization
import Testing

@testable import GatewayStore

/// Rows of clocks that were not right, where rows are summarised and where they grow too old.
@Suite struct StoreTimeTests {
  private static let start: Int64 = 1_790_000_000_000_000
  private static let day: Int64 = 86_400_000_000
  /// Of a clock that was never set but shows some year: a dead battery, or a date from a file system.
  private static let wrong: Int64 = 1_620_000_000_000_000
  private static let catalogue = Catalogue(points: [
    PointDescription(name: "a.level", unit: "MTR", kind: .gauge, window: .raw, functions: .standard)
  ])

  private static func open(
    _ device: MemoryDevice, slots: Int, boot: BootID = bootA, _ clocks: BootClocks
  ) throws -> DurableStore {
    let store = try DurableStore(
      device: device, slotSize: smallSlot, capacity: slots * smallSlot + 3 * StoreFormat.block,
      destinations: ["p"], boot: boot, mark: device.mark, clocks: clocks)
    store.evict(by: .thin)
    return store
  }

  /// `count` readings ten seconds apart from boot time `boot` on, with a clock that shows boot time and `offset`.
  private static func append(
    _ count: Int, boot: inout Int64, offset: Int64, _ quality: TimeQuality, to store: DurableStore
  ) throws {
    var rows = RowEncoder()
    for _ in 0..<count {
      let moment = Moment(
        time: Timestamp(microseconds: boot + offset), boot: BootTime(microseconds: boot))
      rows.append(Reading(point: 0, at: moment, value: .double(Double(boot % 997)), timeQuality: quality))
      boot += 10_000_000
    }
    try rows.takeBytes(reserving: 0).withBytes {
      try store.append(
        payload: $0, rowCount: count, catalogue: catalogue, time: Timestamp(microseconds: boot + offset))
    }
  }

  /// Fills segments until the store has begun `count` of them more.
  private static func fill(
    _ count: Int, boot: inout Int64, offset: Int64, _ quality: TimeQuality, to store: DurableStore
  ) throws -> Int {
    let newest = { store.shared.withLock { $0.map.segments.last?.id ?? 0 } }
    let end = newest() + UInt64(count)
    var readings = 0
    while newest() < end {
      try append(400, boot: &boot, offset: offset, quality, to: store)
      readings += 400
    }
    return readings
  }

  private struct Found {
    var row: Row
    var boot: BootID
  }

  private static func pending(_ store: DurableStore) throws -> [Found] {
    let queue = store.queue(for: "p")
    var rows: [Found] = []
    var seq: UInt64 = 1
    while let run = queue.pending(from: seq) {
      guard case .commit(let commit) = queue.read(at: run.lowerBound) else { break }
      try commit.payload.withUnsafeBytes { payload in
        var decoder = RowDecoder(payload, rowCount: commit.rowCount)
        for number in commit.firstSeq...commit.lastSeq {
          let row = try #require(try decoder.next())
          if run.contains(number) { rows.append(Found(row: row, boot: commit.boot)) }
        }
      }
      seq = min(commit.lastSeq, run.upperBound) + 1
    }
    return rows
  }

  private static func readings(_ rows: [Found]) -> UInt64 {
    rows.reduce(0) { sum, found in
      if case .window(let window) = found.row.body { sum + window.count } else { sum + 1 }
    }
  }

  private static func clocks(_ boots: [(BootID, Int64?)]) -> BootClocks {
    let clocks = BootClocks()
    clocks.update { table in
      for (id, offset) in boots {
        table.begin(id, at: BootTime(microseconds: 0), laterThan: nil)
        if let offset { table.know(id, offset: offset, correction: 0) }
      }
      return true
    }
    return clocks
  }

  @Test(
    "rows of a clock that was never set are thinned among themselves, and get their time afterwards all the same"
  )
  func thinnedRowsGetTheirTimeLater() throws {
    let clocks = Self.clocks([(bootA, nil)])
    let store = try Self.open(MemoryDevice(), slots: 6, clocks)
    var boot: Int64 = 0
    var count = 0
    while store.overallBooks.thinned == 0 {
      count += try Self.fill(1, boot: &boot, offset: 0, .unsynced, to: store)
      store.makeRoom()
    }
    let rows = try Self.pending(store)
    #expect(Self.readings(rows) == UInt64(count))
    #expect(rows.allSatisfy { $0.row.timeQuality == .unsynced && $0.boot == bootA })
    expectBalance(store)
    clocks.update {
      $0.know(bootA, offset: Self.start, correction: 0)
      return true
    }
    for found in rows {
      let healed = clocks.healing(of: found.boot).healed(found.row)
      #expect(healed.timeQuality == .synced)
      #expect(healed.time.microseconds == found.row.time.microseconds + Self.start)
    }
  }

  @Test(
    "a summary never mixes the rows of two clocks, and those of a boot that knows the time by now are right in it"
  )
  func clocksAreNotMixed() throws {
    // The first boot knew the time at last, the second never did, and the third does from the start.
    let third = BootID(high: 9, low: 9)
    let device = MemoryDevice()
    let clocks = Self.clocks([(bootA, Self.start), (bootB, nil)])
    var (boot, count) = (Int64(0), 0)
    func run(_ id: BootID, _ offset: Int64, _ quality: TimeQuality, readings: Int) throws {
      let store = try Self.open(device, slots: 6, boot: id, clocks)
      boot = 0
      for _ in 0..<readings / 400 {
        try Self.append(400, boot: &boot, offset: offset, quality, to: store)
        count += 400
      }
      try store.close()
    }
    try run(bootA, 0, .unsynced, readings: 2000)
    try run(bootB, 5, .unsynced, readings: 2000)
    clocks.update { table in
      table.begin(third, at: BootTime(microseconds: 0), laterThan: nil)
      table.know(third, offset: Self.start + Self.day, correction: 0)
      return true
    }
    let store = try Self.open(device, slots: 6, boot: third, clocks)
    boot = 0
    while store.overallBooks.thinned < 6000 {
      count += try Self.fill(1, boot: &boot, offset: Self.start + Self.day, .synced, to: store)
      store.makeRoom()
    }
    let rows = try Self.pending(store)
    #expect(Self.readings(rows) == UInt64(count))
    expectBalance(store)
    let blind = rows.filter { $0.row.timeQuality == .unsynced }
    #expect(Self.readings(blind) == 2000)
    #expect(blind.allSatisfy { $0.boot == bootB && $0.row.time.microseconds - $0.row.boot.microseconds == 5 })
    // The first boot's 2000 readings lie in its 20,000 s, and the third's behind a day.
    let first = rows.filter {
      $0.row.timeQuality == .synced && $0.row.time.microseconds < Self.start + Self.day
    }
    #expect(Self.readings(first) == 2000)
    // Their boot times are not taken for this boot's.
    #expect(
      first.allSatisfy { if case .window = $0.row.body { $0.boot == BootID(high: 0, low: 0) } else { true } })
    #expect(first.allSatisfy { $0.row.time.microseconds >= Self.start })
  }

  @Test("fault 17: rows of a clock that shows a wrong year are not too old because of it")
  func aWrongYearIsNoAge() throws {
    let clocks = Self.clocks([(bootA, nil)])
    let store = try Self.open(MemoryDevice(), slots: 12, clocks)
    var boot: Int64 = 0
    _ = try Self.fill(3, boot: &boot, offset: Self.wrong, .unsynced, to: store)
    let stored = store.storedThrough
    try store.evict(storedBefore: Timestamp(microseconds: Self.start))
    #expect(store.overallBooks.evicted == 0)
    // Once the boot knows the time, its rows are a day old.
    clocks.update {
      $0.know(bootA, offset: Self.start, correction: 0)
      return true
    }
    try store.evict(storedBefore: Timestamp(microseconds: Self.start - Self.day))
    #expect(store.overallBooks.evicted == 0)
    try store.evict(storedBefore: Timestamp(microseconds: Self.start + 10 * Self.day))
    #expect(store.overallBooks.evicted > 0 && store.overallBooks.evicted < stored)
    expectBalance(store)
  }

  @Test("it is later than the clocks that were right have said, whatever others say")
  func onlyRightClocksSayHowLateItIs() throws {
    let clocks = Self.clocks([(bootA, nil)])
    let store = try Self.open(MemoryDevice(), slots: 12, clocks)
    var boot: Int64 = 0
    let ahead = Self.start + 3650 * Self.day
    try Self.append(10, boot: &boot, offset: ahead, .unsynced, to: store)
    // Nothing else is known.
    #expect(store.latestKnownTime?.microseconds ?? 0 > ahead)
    clocks.update {
      $0.know(bootA, offset: Self.start, correction: 0)
      return true
    }
    #expect(store.latestKnownTime?.microseconds == Self.start)
    #expect(store.newestRows?.boot == bootA)
    #expect(store.newestRows?.through.microseconds == 90_000_000)
    #expect(store.newestRows?.offset == nil)
    try Self.append(1, boot: &boot, offset: Self.start, .synced, to: store)
    #expect(store.newestRows?.offset == Self.start)
  }
}
