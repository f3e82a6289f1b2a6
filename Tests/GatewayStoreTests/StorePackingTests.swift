import GatewayCore
import Synchronization
import Testing

@testable import GatewayStore

/// Days without an uplink: old segments written again in fewer slots.
@Suite struct StorePackingTests {
  private static let catalogues = (0..<2).map { number in
    Catalogue(points: [
      PointDescription(name: "a.t\(number)", unit: "CEL", kind: .gauge, window: .raw, functions: .standard)
    ])
  }

  /// What row `seq` says, whatever holds it.
  private static func row(_ seq: UInt64) -> Row {
    let time = Timestamp(microseconds: 1_790_000_000_000_000 + Int64(seq) * 1_000_003)
    return Row(
      point: 0, time: time, boot: BootTime(microseconds: Int64(seq) * 1000), quality: .good, reason: .none,
      timeQuality: .synced, body: .reading(.unsigned(seq &* 7919)))
  }

  private static func append(_ count: Int, to store: DurableStore, catalogue: Catalogue = catalogues[0])
    throws
  {
    let first = store.storedThrough + 1
    var rows = RowEncoder()
    for seq in first..<first + UInt64(count) { rows.append(row(seq)) }
    try rows.bytes.withBytes {
      try store.append(
        payload: $0, rowCount: count, catalogue: catalogue, time: row(first).time)
    }
  }

  /// The rows that can be read, each checked against what was written; `streams` by number.
  private static func read(
    _ store: DurableStore, _ destination: String = "p"
  ) throws -> [UInt64: StreamID] {
    let queue = store.queue(for: destination)
    var rows: [UInt64: StreamID] = [:]
    var seq: UInt64 = 1
    while let pending = queue.pending(from: seq) {
      seq = pending.lowerBound
      switch queue.read(at: seq) {
      case .commit(let commit):
        #expect(queue.catalogue(commit.catalogueID) != nil)
        try commit.payload.withUnsafeBytes { payload in
          var decoder = RowDecoder(payload, rowCount: commit.rowCount)
          for number in commit.firstSeq...commit.lastSeq {
            let found = try decoder.next()
            #expect(found == row(number))
            rows[number] = commit.stream
          }
        }
        seq = commit.lastSeq + 1
      case .gap(let through): seq = through + 1
      case .end: return rows
      }
    }
    return rows
  }

  /// Memory may know of deliveries that the medium's ledger does not know yet.
  @Test func rowsThatACutMakesQueuedAgainArePackedToo() throws {
    let device = MemoryDevice()
    let store = try openSmall(device, slots: 16)
    var delivered: UInt64 = 1
    repeat {
      try Self.append(3, to: store)
      guard store.storedThrough > 400 else { continue }
      store.queue(for: "p").acknowledge(delivered...delivered + 2, as: .delivered)
      delivered += 6
    } while !store.packOldSegments()
    let after = try openSmall(MemoryDevice(device.medium), slots: 16, boot: bootB)
    #expect(after.overallBooks.queued > store.overallBooks.queued && after.overallBooks.damaged == 0)
    let rows = try Self.read(after)
    var seq: UInt64 = 1
    while let run = after.queue(for: "p").pending(from: seq) {
      #expect(run.allSatisfy { rows[$0] != nil })
      seq = run.upperBound + 1
    }
  }

  @Test func daysOfSmallCommitsFitWhereTheirBlocksWouldNot() throws {
    let device = MemoryDevice()
    var store = try openSmall(device, slots: 16)
    // A slot holds some 13 of these.
    for number in 0..<3000 {
      try Self.append(3, to: store, catalogue: Self.catalogues[number / 500 % 2])
      store.packOldSegments()
    }
    #expect(store.overallBooks.evicted == 0 && store.overallBooks.queued == 9000)
    #expect(device.size <= 17 * smallSlot)
    #expect(try Self.read(store).count == 9000)
    expectBalance(store)
    store = try openSmall(MemoryDevice(device.medium), slots: 16, boot: bootB)
    #expect(store.notes.isEmpty && store.overallBooks.evicted == 0)
    #expect(try Self.read(store).count == 9000)
    // What was packed is given up and used again like anything else.
    store.queue(for: "p").acknowledge(1...9000, as: .delivered)
    for _ in 0..<400 {
      try Self.append(3, to: store)
      store.queue(for: "p").acknowledge(1...store.storedThrough, as: .delivered)
    }
    #expect(store.overallBooks.evicted == 0)
  }

  /// Without a slot to pack into, each segment to come would cost a packed one.
  @Test func aStoreThatIsFullStaysPacked() throws {
    let store = try openSmall(MemoryDevice(), slots: 16)
    var least = UInt64.max
    for number in 0..<12_000 {
      try Self.append(3, to: store)
      store.packOldSegments()
      if number > 3000 { least = min(least, store.overallBooks.queued) }
    }
    #expect(store.overallBooks.evicted > 0)
    // As many rows as there are in 16 slots without packing: 624.
    #expect(least > 6000, "\(least)")
    #expect(try Self.read(store).count == Int(store.overallBooks.queued))
    expectBalance(store)
  }

  @Test func packedRowsKeepTheirNumbersAndTheirStreams() throws {
    var device = MemoryDevice()
    var streams: [UInt64: StreamID] = [:]
    var store = try openSmall(device, slots: 12)
    for round in 0..<6 {
      for _ in 0..<40 {
        let first = store.storedThrough + 1
        try Self.append(3, to: store)
        for seq in first...store.storedThrough { streams[seq] = store.stream }
        store.packOldSegments()
      }
      // Another boot: another stream.
      device = MemoryDevice(device.medium)
      store = try openSmall(device, slots: 12, boot: BootID(high: 5, low: UInt64(round)))
    }
    #expect(Set(streams.values).count == 6)
    #expect(store.shared.withLock { $0.map.segments.contains { $0.header.packedRows > 0 } })
    #expect(try Self.read(store) == streams)
  }

  @Test func aCutWhilePackingLeavesTheOnesOrTheOther() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix(seed: seed)
    var wasPacked = (yes: 0, no: 0)
    for round in 0..<120 {
      let device = MemoryDevice()
      var store = try openSmall(device, slots: 8, destinations: ["p", "q"])
      var settled: ClosedRange<UInt64>?
      while store.shared.withLock({ $0.map.segments.count < 7 }) { try Self.append(3, to: store) }
      if round % 2 == 1 {
        settled = 10...UInt64.random(in: 11...150, using: &random)
        for name in ["p", "q"] { store.queue(for: name).acknowledge(settled!, as: .delivered) }
      }
      let stored = store.storedThrough
      device.callsToLive = Int.random(in: 0...8, using: &random)
      store.packOldSegments()
      if Bool.random(using: &random) { try? Self.append(3, to: store) }
      device.cutPower(&random)
      store = try openSmall(device, slots: 8, destinations: ["p", "q"], boot: bootB)
      let isPacked = store.shared.withLock { $0.map.segments.contains { $0.header.packedRows > 0 } }
      if isPacked { wasPacked.yes += 1 } else { wasPacked.no += 1 }
      for name in ["p", "q"] {
        let rows = try Self.read(store, name)
        let missing = (1...stored).filter { rows[$0] == nil && settled?.contains($0) != true }
        #expect(missing.isEmpty, "seed \(seed), round \(round): \(missing)")
        #expect(store.books(of: name)!.evicted == 0, "seed \(seed), round \(round)")
      }
      expectBalance(store, ["p", "q"])
    }
    #expect(wasPacked.yes > 10 && wasPacked.no > 10)
  }

  @Test func aPackedSegmentWithoutItsHeaderIsFoundByItsRecords() throws {
    let device = MemoryDevice()
    var store = try openSmall(device, slots: 8)
    while store.shared.withLock({ $0.map.segments.count < 7 }) { try Self.append(3, to: store) }
    #expect(store.packOldSegments())
    // The originals' slots are used again.
    while store.shared.withLock({ $0.map.segments.count < 7 }) { try Self.append(3, to: store) }
    let (stored, packed) = (
      store.storedThrough, store.shared.withLock { $0.map.segments.first { $0.header.packedRows > 0 }! }
    )
    let start = store.layout.offset(ofSlot: packed.slot)
    device.damage(start..<start + 100) { $0 ^ 0x55 }
    store = try openSmall(device, slots: 8, boot: bootB)
    #expect(try Self.read(store).count == Int(stored))
    #expect(store.storedThrough == stored && store.overallBooks.damaged == 0)
  }
}
