import GatewayCore
import Glibc
import Synchronization
import Testing

@testable import GatewayStore

/// A summary that the medium refused is not written again, and other rows come. Its bytes may be there all the same.
@Suite struct RefusedSummaryTests {
  private static let catalogue = Catalogue(points: [
    PointDescription(name: "a.level", unit: "MTR", kind: .gauge, window: .raw, functions: .standard)
  ])

  private func open(_ device: MemoryDevice, _ destinations: [String], boot: BootID = bootA) throws
    -> DurableStore
  {
    let store = try DurableStore(
      device: device, slotSize: smallSlot, capacity: 5 * smallSlot, destinations: destinations, boot: boot,
      mark: device.mark)
    store.evict(by: .thin)
    return store
  }

  private func append(to store: DurableStore) throws {
    var rows = RowEncoder()
    let first = store.storedThrough + 1
    for seq in first..<first + 40 {
      let time = 1_790_000_000_000_000 + Int64(seq) * 10_000_000
      let moment = Moment(time: Timestamp(microseconds: time), boot: BootTime(microseconds: 0))
      rows.append(Reading(point: PointIndex(0), at: moment, value: .unsigned(seq)))
    }
    try rows.bytes.withBytes {
      try store.append(
        payload: $0, rowCount: 40, catalogue: Self.catalogue,
        time: Timestamp(microseconds: 1_790_000_000_000_000 + Int64(first) * 10_000_000))
    }
  }

  /// A full store whose summary was refused, and reached the medium when other rows did.
  private func refused(_ device: MemoryDevice, _ destinations: [String]) throws -> DurableStore {
    let store = try open(device, destinations)
    while store.shared.withLock({ $0.map.segments.count < 4 }) { try append(to: store) }
    let newest = store.layout.offset(ofSlot: store.shared.withLock { $0.map.segments.last!.slot })
    var (last, failures) = (0, 0)
    device.losesWhatFailed = false
    device.fault = { call in
      if case .write(let range) = call { last = range.lowerBound }
      guard call == .synchronize, last >= newest, last < newest + smallSlot, failures == 0 else { return nil }
      failures += 1
      return EIO
    }
    let stored = store.storedThrough
    store.thinOldRows()
    #expect(failures == 1 && store.overallBooks.thinned == 0 && store.overallBooks.queued == stored)
    try append(to: store)
    return store
  }

  /// What each pending row says: a number of its own, or nothing where it is a summary.
  private func pending(_ store: DurableStore, _ name: String) throws -> [StoreImage.Name: Value?] {
    let queue = store.queue(for: name)
    var rows: [StoreImage.Name: Value?] = [:]
    var seq: UInt64 = 1
    while let run = queue.pending(from: seq) {
      seq = run.lowerBound
      switch queue.read(at: seq) {
      case .commit(let commit):
        try commit.forEachRow { name, row in
          if case .reading(let value) = row.body { rows[name] = value } else { rows[name] = .some(nil) }
        }
        seq = commit.lastSeq + 1
      case .gap(let through): seq = through + 1
      case .end: return rows
      }
    }
    return rows
  }

  @Test func aDestinationThatComesLaterGetsTheRowsThatItStoodFor() throws {
    let device = MemoryDevice()
    let store = try refused(device, ["p"])
    let expected = try pending(store, "p")
    #expect(expected.count > 100)
    let late = try pending(open(MemoryDevice(device.medium), ["p", "late"], boot: bootB), "late")
    #expect(expected.allSatisfy { late[$0.key] == $0.value })
  }

  @Test(arguments: [false, true]) func itsNumbersAreNeverThoseOfOtherRows(isCut: Bool) throws {
    let device = MemoryDevice()
    var store = try refused(device, ["p"])
    let newest = store.shared.withLock { $0.map.segments.last! }
    var given: [StoreImage.Name: Value?] = [:]
    // The rows behind it go out at once, and their slot is used again while those before wait.
    while store.shared.withLock({ $0.map.holds(segment: newest.id) }) {
      for (name, value) in try pending(store, "p") where name.seq >= newest.firstSeq {
        given[name] = value
        store.queue(for: "p").acknowledge(name.seq...name.seq, as: .delivered)
      }
      try append(to: store)
    }
    if isCut {
      try store.close()
      store = try open(MemoryDevice(device.medium), ["p", "late"], boot: bootB)
    } else {
      try store.setDestinations(["p", "late"])
    }
    for (name, value) in try pending(store, "late") {
      if let before = given[name], before != value {
        Issue.record("\(name) named \(before as Any), now \(value as Any)")
      }
    }
    expectBalance(store, ["p", "late"])
  }
}
