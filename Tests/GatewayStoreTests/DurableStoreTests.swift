import GatewayCore
import Synchronization
import Testing

@testable import GatewayStore

@Suite struct DurableStoreTests {
  private let device = MemoryDevice()

  private func acknowledgeAll(_ queue: any DeliveryQueue) {
    queue.acknowledge(queue.settledThrough + 1...queue.storedThrough, as: .delivered)
  }

  @Test func rowsAreReadBackAsTheyWereAppended() throws {
    let store = try openSmall(device)
    let queue = store.queue(for: "p")
    #expect(queue.read(at: 1) == .end && queue.storedThrough == 0)
    for rows in [3, 1, 0, 20, 7] { try store.append(rows: rows, bytes: rows * 200) }
    #expect(readAll(queue).rows == Array(1...31))
    guard case .commit(let commit) = queue.read(at: 10) else { return #expect(Bool(false)) }
    #expect(commit.firstSeq == 5 && commit.rowCount == 20 && commit.lastSeq == 24)
    #expect(commit.boot == bootA && commit.stream == store.stream)
    #expect(queue.catalogue(commit.catalogueID) == sampleCatalogue && queue.catalogue(12345) == nil)
  }

  @Test func acknowledgedRowsAreNotGivenAgainAfterAStopInOrder() throws {
    var store = try openSmall(device)
    for _ in 0..<5 { try store.append(rows: 10) }
    store.queue(for: "p").acknowledge(1...30, as: .delivered)
    store.queue(for: "p").acknowledge(31...35, as: .quarantined)
    let stream = store.stream
    try store.close()
    store = try openSmall(device)
    #expect(store.stream == stream)
    try store.close()
    // After another boot nobody knows whether this is an older copy of the file.
    store = try openSmall(device, boot: bootB)
    #expect(store.stream != stream)
    #expect(readAll(store.queue(for: "p")).rows == Array(36...50))
    #expect(store.books(of: "p")!.delivered == 30 && store.books(of: "p")!.quarantined == 5)
    expectBalance(store)
  }

  @Test func acknowledgementsReachTheMediumWithACommitEveryFifteenSeconds() throws {
    let store = try openSmall(device)
    try store.append(rows: 10, at: 100)
    let before = device.synchronizations
    store.queue(for: "p").acknowledge(1...10, as: .delivered)
    try store.append(rows: 10, at: 101)
    store.queue(for: "p").acknowledge(11...20, as: .delivered)
    try store.append(rows: 1, at: 102)
    #expect(device.synchronizations == before + 2)
    #expect(try openSmall(MemoryDevice(device.medium)).queue(for: "p").settledThrough == 10)
    try store.append(rows: 1, at: 116)
    #expect(device.synchronizations == before + 3)
    #expect(try openSmall(MemoryDevice(device.medium)).queue(for: "p").settledThrough == 20)
    store.queue(for: "p").acknowledge(21...22, as: .delivered)
    store.writeLedgerIfDue(at: Timestamp(microseconds: 132_000_000))
    #expect(try openSmall(MemoryDevice(device.medium)).queue(for: "p").settledThrough == 22)
  }

  @Test func aSmallCommitWritesOneBlock() throws {
    let store = try openSmall(device)
    try store.append(rows: 1)
    let before = store.usage.bytesWritten
    try store.append(rows: 10, bytes: 4096 - RecordHeader.size)
    #expect(store.usage.bytesWritten == before + 4096)
  }

  @Test func aFullStoreGivesTheOldestRowsUpAndCountsThemExactly() throws {
    var store = try openSmall(device, slots: 3)
    for _ in 0..<100 { try store.append(rows: 10) }
    var books = store.books(of: "p")!
    let rows = readAll(store.queue(for: "p"))
    #expect(books.evicted > 0 && books.damaged == 0 && rows.gaps.isEmpty)
    #expect(rows.rows == Array(books.evicted + 1...1000) && books.queued == UInt64(rows.rows.count))
    // Three slots: two full ones at least, of 15 blocks less the catalogue's copies.
    #expect(books.queued >= 2 * 13 * 10)
    expectBalance(store)
    store = try openSmall(MemoryDevice(device.medium), slots: 3, boot: bootB)
    #expect(store.books(of: "p") == books)
    books = store.overallBooks
    #expect(readAll(store.queue(for: "p")).rows == rows.rows)
  }

  @Test func settledSlotsAreUsedAgainWithoutEvictingAnything() throws {
    let store = try openSmall(device, slots: 3)
    for _ in 0..<200 {
      try store.append(rows: 10)
      acknowledgeAll(store.queue(for: "p"))
    }
    #expect(store.books(of: "p")!.evicted == 0 && store.books(of: "p")!.delivered == 2000)
    #expect(device.size == 3 * smallSlot && store.usage.used == 0 && store.usage.oldest == nil)
  }

  @Test func theSlowestDestinationHoldsTheRowsAndAGoneOneDoesNot() throws {
    let store = try openSmall(device, slots: 3, destinations: ["fast", "slow"])
    for _ in 0..<100 {
      try store.append(rows: 10)
      acknowledgeAll(store.queue(for: "fast"))
    }
    #expect(store.books(of: "fast")!.evicted == 0 && store.books(of: "slow")!.evicted > 0)
    expectBalance(store, ["fast", "slow"])
    try store.setDestinations(["fast", "new"])
    #expect(store.books(of: "slow") == nil && readAll(store.queue(for: "new")).gaps.isEmpty)
    #expect(store.queue(for: "slow").settledThrough == 1000)
    acknowledgeAll(store.queue(for: "new"))
    for _ in 0..<100 {
      try store.append(rows: 10)
      acknowledgeAll(store.queue(for: "fast"))
      acknowledgeAll(store.queue(for: "new"))
    }
    #expect(store.books(of: "fast")!.evicted == 0)
    expectBalance(store, ["fast", "new"])
  }

  @Test func withoutADestinationRowsAreKeptForTheFirstOne() throws {
    let store = try openSmall(device, destinations: [])
    for _ in 0..<5 { try store.append(rows: 10) }
    #expect(store.overallBooks.queued == 50)
    try store.setDestinations(["p"])
    #expect(readAll(store.queue(for: "p")).rows == Array(1...50))
  }

  @Test func aGreaterCapacityAddsSlotsAndASmallerOneStopsUsingThem() throws {
    var store = try openSmall(device, slots: 2)
    for _ in 0..<30 { try store.append(rows: 10) }
    #expect(store.books(of: "p")!.evicted > 0)
    try store.close()
    store = try openSmall(device, slots: 5)
    let evicted = store.books(of: "p")!.evicted
    for _ in 0..<40 { try store.append(rows: 10) }
    #expect(store.books(of: "p")!.evicted == evicted && device.size == 6 * smallSlot)
    try store.close()
    store = try openSmall(device, slots: 2)
    for _ in 0..<60 { try store.append(rows: 10) }
    let used = Set(store.shared.withLock { $0.map.segments.map(\.slot) })
    #expect(used == [0, 1] && device.size == 6 * smallSlot)
    expectBalance(store)
    #expect(readAll(store.queue(for: "p")).gaps.isEmpty)
  }

  @Test func slotsArePreparedAheadOfNeedButNoMoreThanTwo() throws {
    let store = try openSmall(device, slots: 10)
    #expect(!store.extendOneSlot())
    try store.append(rows: 1)
    #expect(store.extendOneSlot() && !store.extendOneSlot())
    #expect(device.size == 4 * smallSlot)
  }

  @Test func eachDestinationIsToldOfNewRowsOnceHoweverOftenItsForwarderWasReplaced() throws {
    let store = try openSmall(device, destinations: ["p", "q"])
    let told = Mutex<[String: Int]>([:])
    for _ in 0..<3 {
      for name in ["p", "q"] {
        store.queue(for: name).onStored { told.withLock { $0[name, default: 0] += 1 } }
      }
    }
    try store.append(rows: 1)
    try store.append(rows: 0)
    #expect(told.withLock { $0 } == ["p": 1, "q": 1])
  }

  @Test func aReplayBeginsWithTheNewestSegmentsCheckpoint() throws {
    var store = try openSmall(device)
    var first: UInt64 = 0
    for index in 0..<40 {
      if store.nextAppendNeedsCheckpoint(payload: 100, catalogue: sampleCatalogue) {
        first = store.storedThrough + 1
      }
      try store.append(rows: index % 3)
    }
    let stored = store.storedThrough
    store = try openSmall(device)
    var commits: [StoredCommit] = []
    store.replayNewest { commit, catalogue in
      #expect(catalogue == sampleCatalogue)
      commits.append(commit)
    }
    #expect(commits.first?.firstSeq == first && commits.last?.lastSeq == stored)
    #expect(commits.contains { $0.rowCount == 0 })
    for (one, next) in zip(commits, commits.dropFirst()) { #expect(next.firstSeq == one.lastSeq + 1) }
  }

  @Test func usageCountsTheBytesBehindTheSettledMark() throws {
    let store = try openSmall(device)
    for second in 1...5 { try store.append(rows: 10, at: Int64(second)) }
    store.queue(for: "p").acknowledge(1...25, as: .delivered)
    // Commits 3, 4 and 5 still matter.
    #expect(store.usage.used == 3 * 4096 && store.usage.oldest == Timestamp(microseconds: 3_000_000))
    #expect(store.usage.commits == 5 && store.usage.capacity == 5 * smallSlot && store.usage.fault == nil)
  }

  @Test func aCatalogueThatNoSlotCouldHoldIsRefusedInWords() throws {
    let store = try openSmall(device)
    let points = (0..<2000).map {
      PointDescription(name: "device.point\($0)", unit: nil, kind: .gauge, window: .raw, functions: .standard)
    }
    #expect(throws: StoreError.self) { try store.append(rows: 1, catalogue: Catalogue(points: points)) }
    #expect(throws: StoreError.self) { try store.setDestinations((0..<200).map { "destination-\($0)" }) }
    try store.append(rows: 1)
    #expect(store.storedThrough == 1)
  }

  @Test func rowsThatAreTooOldGoAndAreCountedButNotThoseOfAClockThatWasNotSet() throws {
    let device = MemoryDevice()
    let store = try openSmall(device, slots: 8)
    let day: Int64 = 86_400
    let start: Int64 = 1_790_000_000
    // Age is that of the rows.
    func append(at seconds: Int64) throws {
      let time = Timestamp(microseconds: seconds * 1_000_000)
      var rows = RowEncoder()
      for _ in 0..<10 {
        rows.append(
          Reading(point: 0, at: Moment(time: time, boot: BootTime(microseconds: 0)), value: .signed(1)))
      }
      try rows.takeBytes(reserving: 0).withBytes {
        try store.append(payload: $0, rowCount: 10, catalogue: sampleCatalogue, time: time)
      }
    }
    // Some segments of a box that woke up in 1970, then some for each of five days.
    while store.usage.used < 2 * smallSlot { try append(at: 100) }
    try store.evict(storedBefore: Timestamp(microseconds: start * 1_000_000))
    #expect(store.overallBooks.evicted == 0)
    for number in 0..<Int64(60) { try append(at: start + number * day / 12) }
    let before = store.overallBooks
    try store.evict(storedBefore: Timestamp(microseconds: (start + 3 * day) * 1_000_000))
    let after = store.overallBooks
    #expect(
      after.evicted > 0 && after.queued == before.stored - after.evicted && after.stored == before.stored)
    guard case .commit(let oldest) = store.queue(for: "p").read(at: after.evicted + 1) else {
      return #expect(Bool(false), "what was not too old is still there")
    }
    #expect(oldest.firstSeq == after.evicted + 1)
    try store.close()
    let again = try openSmall(device, slots: 8)
    #expect(again.overallBooks == after)
  }
}
