import GatewayCore
import GatewaySystem
import Glibc
import Synchronization
import Testing

@testable import GatewayStore

/// Damage, power cuts and failing writes, one at a time.
@Suite struct StoreDamageTests {
  private let device = MemoryDevice()
  private let slot0 = smallSlot

  private func filled(commits: Int = 5, slots: Int = 4) throws -> DurableStore {
    let store = try openSmall(device, slots: slots)
    for _ in 0..<commits { try store.append(rows: 10) }
    return store
  }

  @Test func damageInTheMiddleCostsOneCommitAndIsCountedWhenSettled() throws {
    _ = try filled()
    // Block 1 holds the catalogue, 2 the first commit, 3 the catalogue, 4 the second commit.
    device.damage(slot0 + 4 * 4096 + 80..<slot0 + 4 * 4096 + 81) { $0 ^ 4 }
    let store = try openSmall(device, boot: bootB)
    let queue = store.queue(for: "p")
    let (rows, gaps) = readAll(queue)
    #expect(gaps == Array(11...20) && rows == Array(1...10) + Array(21...50))
    queue.acknowledge(1...10, as: .delivered)
    queue.acknowledge(11...20, as: .lost)
    #expect(store.books(of: "p")!.evicted == 10 && store.books(of: "p")!.damaged == 10)
    expectBalance(store)
  }

  @Test func damageFoundWhileReadingIsAGap() throws {
    let store = try filled()
    device.damage(slot0 + 4 * 4096..<slot0 + 5 * 4096) { _ in 0xFF }
    #expect(store.queue(for: "p").read(at: 12) == .gap(through: 20))
    device.unreadable = slot0 + 5 * 4096..<slot0 + 6 * 4096
    // The medium may be away: they wait until something was stored since.
    for _ in 0..<3 { #expect(store.queue(for: "p").read(at: 21) == .end) }
    try store.append(rows: 10)
    #expect(store.queue(for: "p").read(at: 21) == .gap(through: 30))
    device.unreadable = nil
    guard case .commit = store.queue(for: "p").read(at: 21) else { return #expect(Bool(false)) }
  }

  @Test(arguments: [[0], [1], [0, 1], [2], [0, 1, 2, 3]])
  func destroyedHeadsCostNoRow(which: [Int]) throws {
    let before = try filled(commits: 30)
    before.queue(for: "p").acknowledge(1...20, as: .delivered)
    try before.close()
    let places = [0, smallSlot / 4, smallSlot / 2, slot0]
    for place in which { device.damage(places[place]..<places[place] + 4096) { _ in 0xA5 } }
    let store = try openSmall(device, boot: bootB)
    let queue = store.queue(for: "p")
    #expect(readAll(queue).gaps.isEmpty && queue.settledThrough <= 20 && queue.storedThrough == 300)
    #expect(readAll(queue, from: 1).rows == Array(1...300))
    try store.append(rows: 10)
    #expect(readAll(queue).rows.last == 310)
    expectBalance(store)
  }

  @Test func oneCopyOfACatalogueIsEnough() throws {
    for copy in [1, 3] {
      let device = MemoryDevice()
      let id = try { () throws -> UInt32 in
        let store = try openSmall(device)
        try store.append(rows: 10)
        return sampleCatalogue.id
      }()
      device.damage(slot0 + copy * 4096..<slot0 + (copy + 1) * 4096) { _ in 0 }
      let store = try openSmall(device, boot: bootB)
      #expect(
        store.queue(for: "p").catalogue(id) == sampleCatalogue && readAll(store.queue(for: "p")).gaps.isEmpty)
    }
  }

  @Test func numbersOfRowsThatWereDestroyedAreNotGivenToOthersUnderTheSameStream() throws {
    let before = try filled()
    // The last commit was sent, then lost with the power.
    device.damage(slot0 + 7 * 4096..<slot0 + 8 * 4096) { _ in 0 }
    let store = try openSmall(device, boot: bootB)
    #expect(store.storedThrough == 40 && store.stream != before.stream)
    try store.append(rows: 10)
    let queue = store.queue(for: "p")
    guard case .commit(let old) = queue.read(at: 40), case .commit(let new) = queue.read(at: 41) else {
      return #expect(Bool(false))
    }
    #expect(old.stream == before.stream && new.stream == store.stream)
  }

  /// The rows of the last commits were sent; then the daemon was killed and their blocks decayed.
  @Test(arguments: [1, 2, 3]) func numbersThatMayHaveBeenSentAreNeverGivenToOtherRows(commits: Int) throws {
    var store = try openSmall(device)
    for _ in 0..<10 { try store.append(rows: 5) }
    store.queue(for: "p").acknowledge(1...50, as: .delivered)
    let before = store.stream
    let end = smallSlot + store.shared.withLock { $0.newest.end }
    device.kill()
    // The catalogue's second copy stands behind the first commit only.
    device.damage(end - commits * 4096..<end) { _ in 0 }
    store = try openSmall(device)
    #expect(store.stream != before)
    try store.append(rows: 5)
    guard case .commit(let commit) = store.queue(for: "p").read(at: store.storedThrough) else {
      return #expect(Bool(false), "what was stored is there")
    }
    #expect(commit.stream == store.stream)
  }

  @Test func aBlockThatWasWrittenToAWrongPlaceCostsItsCommitAlone() throws {
    let store = try openSmall(device)
    for _ in 0..<12 { try store.append(rows: 5) }
    let index = store.shared.withLock { $0.newest }
    let (from, to) = (index.commits[9], index.commits[2])
    let copy = Array(device.medium[smallSlot + Int(from.offset)..<smallSlot + Int(from.offset) + 4096])
    try store.close()
    let start = smallSlot + Int(to.offset)
    for (place, byte) in copy.enumerated() { device.damage(start + place..<start + place + 1) { _ in byte } }
    let again = try openSmall(device)
    let read = readAll(again.queue(for: "p"), from: 1)
    #expect(read.gaps == Array(to.firstSeq...to.lastSeq))
    #expect(read.rows == Array(1..<to.firstSeq) + Array(to.lastSeq + 1...60))
  }

  @Test func idsOfSegmentsThatNoLedgerKnowsAreNotUsedAgain() throws {
    let store = try filled(commits: 30)
    let used = store.writer.withLock { $0.nextSegment }
    // Whatever was begun since the ledger was written, and of which a cut has left something.
    let again = try openSmall(MemoryDevice(device.medium), boot: bootB)
    #expect(again.writer.withLock { $0.nextSegment } > used + 1000)
  }

  /// Nothing is left of a segment but its first commit, and in another slot its description, alone.
  @Test func theLastCommitOfASegmentIsFoundWhereItLies() throws {
    let store = try filled(commits: 30, slots: 5)
    let places = store.shared.withLock { shared in
      shared.map.segments.indices.map { shared.map.place(at: $0, storedThrough: shared.ledger.storedThrough) }
    }
    let (other, hit) = (places[0].segment, places[1].segment)
    let (from, to) = (slot0 + other.slot * smallSlot, slot0 + hit.slot * smallSlot)
    for place in 4096..<8192 {
      let (first, second) = (device.medium[from + place], device.medium[to + place])
      device.damage(from + place..<from + place + 1) { _ in second }
      device.damage(to + place..<to + place + 1) { _ in first }
    }
    device.damage(to..<to + 4096) { _ in 0 }
    device.damage(to + 3 * 4096..<to + smallSlot) { _ in 0 }
    let again = try openSmall(device, slots: 5, boot: bootB)
    let rows = readAll(again.queue(for: "p")).rows
    #expect(rows.contains(hit.firstSeq) && rows.contains(hit.firstSeq + 9))
    #expect(!rows.contains(hit.firstSeq + 10))
  }

  @Test func aKilledDaemonGoesOnUnderItsStreamAndInItsSegment() throws {
    var streams: Set<StreamID> = []
    for _ in 0..<20 {
      let store = try openSmall(device)
      streams.insert(store.stream)
      try store.append(rows: 1)
      device.kill()
    }
    #expect(streams.count == 1)
    let store = try openSmall(device)
    #expect(store.shared.withLock { $0.map.segments.count } == 2)
    #expect(readAll(store.queue(for: "p")).rows == Array(1...20))
  }

  @Test func aSegmentThatCannotBeReadForATimeHidesNothingThatCameAfterIt() throws {
    // The second slot's first commit does not fit the first slot, the one after it would.
    try filled(commits: 12).append(rows: 10, bytes: 9000)
    device.unreadable = slot0 + smallSlot..<slot0 + 2 * smallSlot
    var store = try openSmall(device, boot: bootB)
    let first = store.storedThrough + 1
    try store.append(rows: 10)
    device.unreadable = nil
    store = try openSmall(device, boot: bootA)
    #expect(store.storedThrough == first + 9)
    guard case .commit(let commit) = store.queue(for: "p").read(at: first) else {
      return #expect(Bool(false))
    }
    #expect(commit.boot == bootB)
  }

  @Test func powerFlappingBurnsNoSlots() throws {
    var random = SplitMix(seed: 5)
    for boot in 1...50 {
      let store = try openSmall(device, boot: BootID(high: 1, low: UInt64(boot)))
      if store.storedThrough < 5 { try store.append(rows: 1) }
      device.callsToLive = 1
      #expect(throws: StoreError.self) { try store.append(rows: 3, bytes: 3500) }
      device.cutPower(&random)
    }
    let store = try openSmall(device, boot: bootB)
    #expect(store.shared.withLock { $0.map.segments.count } == 1)
    #expect(store.books(of: "p")!.evicted == 0)
  }

  /// Nothing writes such numbers; but a checksum of 32 bits is right once in four billion times.
  @Test func numbersBeyondReasonAreDamageWhateverTheirChecksumSays() throws {
    let stream = StreamID(bits: 1)
    var ledgers: [LedgerBlock] = []
    for place in 0..<3 {
      let numbers = (0..<3).map { $0 == place ? UInt64.max : 5 }
      ledgers.append(
        LedgerBlock(
          generation: numbers[0], stream: stream, boot: bootA, nextSegment: numbers[1], isClosed: false,
          ledger: DeliveryLedger(storedThrough: numbers[2])))
    }
    for ledger in ledgers {
      var buffer = ByteBuffer()
      ledger.append(to: &buffer)
      try reopen { $0.replaceSubrange(smallSlot / 4..<smallSlot / 4 + 4096, with: buffer.copyBytes()) }
    }
    for (id, firstSeq) in [(UInt64.max, UInt64(1)), (50, .max)] {
      var buffer = ByteBuffer()
      SegmentHeader(
        id: id, firstSeq: firstSeq, stream: stream, boot: bootA, time: Timestamp(microseconds: 0),
        isContinuation: false
      ).append(to: &buffer)
      try reopen { $0.replaceSubrange(2 * smallSlot..<2 * smallSlot + 4096, with: buffer.copyBytes()) }
    }
  }

  /// A store with fifty rows whose bytes were changed works on.
  private func reopen(_ change: (inout [UInt8]) -> Void) throws {
    let device = MemoryDevice()
    let store = try openSmall(device)
    for _ in 0..<5 { try store.append(rows: 10) }
    var medium = device.medium
    change(&medium)
    let after = try openSmall(MemoryDevice(medium), boot: bootB)
    try after.append(rows: 10)
    #expect(after.storedThrough == 60)
    expectBalance(after)
  }

  @Test func whatAFailedSynchronisationDidNotWriteIsWrittenElsewhere() throws {
    let store = try filled()
    var failures = 1
    device.fault = { call in
      guard call == .synchronize, failures > 0 else { return nil }
      failures -= 1
      return EIO
    }
    try store.append(rows: 10)
    #expect(store.storedThrough == 60 && store.usage.fault == nil && store.usage.slotsSetAside == 1)
    // The page cache would show the rows in the first segment, too; the medium has them in the second alone.
    let after = try openSmall(MemoryDevice(device.medium), boot: bootB)
    #expect(readAll(after.queue(for: "p")).rows == Array(1...60))
    #expect(after.shared.withLock { $0.map.segments.map(\.firstSeq) } == [1, 51])
    #expect(after.shared.withLock { $0.map.segments.last!.header.isContinuation })
    #expect(store.nextAppendNeedsCheckpoint(payload: 100, catalogue: sampleCatalogue))
    try store.append(rows: 10)
    #expect(!store.nextAppendNeedsCheckpoint(payload: 100, catalogue: sampleCatalogue))
    var replayed: [UInt64] = []
    after.replayNewest { commit, _ in replayed.append(commit.firstSeq) }
    #expect(replayed == [1, 11, 21, 31, 41, 51])
  }

  @Test(arguments: [EIO, ENOSPC, EROFS])
  func whileNothingCanBeWrittenNothingIsLostAndAfterwardsItGoesOn(code: Int32) throws {
    let store = try filled(commits: 60)
    let books = store.books(of: "p")!
    device.fault = { _ in code }
    for _ in 0..<10 {
      #expect(throws: StoreError.self) { try store.append(rows: 10) }
      #expect(store.books(of: "p") == books && store.usage.fault != nil)
    }
    #expect(readAll(store.queue(for: "p")).gaps.isEmpty)
    device.fault = { _ in nil }
    try store.append(rows: 10)
    #expect(store.usage.fault == nil)
    for _ in 0..<60 { try store.append(rows: 10) }
    let after = try openSmall(MemoryDevice(device.medium), boot: bootB)
    #expect(readAll(after.queue(for: "p")).gaps.isEmpty && after.storedThrough == 1210)
    expectBalance(after)
  }

  @Test func aBadSpotIsWrittenRound() throws {
    let bad = slot0 + smallSlot + 20_000..<slot0 + smallSlot + 20_001
    device.fault = {
      if case .write(let range) = $0, range.overlaps(bad), range.count < smallSlot { EIO } else { nil }
    }
    let store = try filled(commits: 100)
    #expect(store.books(of: "p")!.queued > 200 && readAll(store.queue(for: "p")).gaps.isEmpty)
    expectBalance(store)
  }

  @Test func aBadLedgerBlockStopsNothing() throws {
    let bad = smallSlot / 4..<smallSlot / 4 + 4096
    let store = try filled()
    device.fault = { if case .write(let range) = $0, range.overlaps(bad) { EIO } else { nil } }
    for second in 0..<60 {
      try store.append(rows: 10, at: Int64(second) * 10)
      store.queue(for: "p").acknowledge(1...store.storedThrough, as: .delivered)
    }
    #expect(store.books(of: "p")!.evicted == 0)
    device.kill()
    let after = try openSmall(MemoryDevice(device.medium), boot: bootB)
    #expect(after.queue(for: "p").settledThrough >= 550 && readAll(after.queue(for: "p")).gaps.isEmpty)
  }

  @Test func theLedgerOnTheMediumNeverCountsACommitThatIsNotThere() throws {
    var random = SplitMix(seed: 77)
    for boot in 1...40 {
      let store = try openSmall(device, boot: BootID(high: 1, low: UInt64(boot)))
      let before = store.storedThrough
      try store.append(rows: 10, at: Int64(boot) * 10)
      store.queue(for: "p").acknowledge(1...store.storedThrough, as: .delivered)
      device.callsToLive = 2
      #expect(throws: StoreError.self) { try store.append(rows: 10, at: Int64(boot) * 10 + 6) }
      device.cutPower(&random)
      let after = try openSmall(MemoryDevice(device.medium), boot: bootB)
      #expect(after.storedThrough == before + 10 || after.storedThrough == before + 20)
      #expect(after.queue(for: "p").settledThrough <= before + 10 && after.books(of: "p")!.damaged == 0)
    }
  }

  @Test func aFullFileSystemIsReportedAndUsedAsFarAsItGoes() throws {
    device.room = 4 * smallSlot + 5000
    let store = try filled(commits: 100, slots: 10)
    #expect(store.usage.fault?.contains("No space left") == true && device.size == 4 * smallSlot)
    #expect(readAll(store.queue(for: "p")).gaps.isEmpty && store.books(of: "p")!.queued > 200)
  }

  /// All of the disk refuses to be read, while it is read by everybody, and comes back.
  @Test func rowsThatCannotBeReadForAWhileAreNotLost() throws {
    let store = try openSmall(device, slots: 12)
    store.evict(by: .thin)
    for _ in 0..<40 { try store.append(rows: 10) }
    let queue = store.queue(for: "p")
    store.sealed.withLock { $0.removeAll() }
    device.unreadable = 0..<Int.max
    for seq in stride(from: 1, through: store.storedThrough, by: 7) {
      #expect(queue.read(at: UInt64(seq)) == .end)
    }
    store.packOldSegments()
    store.thinOldRows()
    device.unreadable = nil
    #expect(readAll(queue).rows == Array(1...400) && readAll(queue).gaps.isEmpty)
    #expect(store.books(of: "p")?.damaged == 0)
  }
}
