import GatewayCore
import Synchronization
import Testing

@testable import GatewayStore

/// Rows that are settled in another order than they were stored: live ones before a backlog.
@Suite struct StoreRunsTests {
  private let device = MemoryDevice()

  private func firstRows(_ store: DurableStore) -> [UInt64] {
    store.shared.withLock { $0.map.segments.map(\.firstSeq) }
  }

  @Test func aSlotInTheMiddleIsUsedAgainOnceNobodyNeedsIt() throws {
    let store = try openSmall(device, slots: 4, destinations: ["p", "q"])
    for _ in 0..<45 { try store.append(rows: 10) }
    let starts = firstRows(store)
    #expect(starts.count == 4 && store.overallBooks.evicted == 0)
    // The second and third segment; only one of the destinations has the third.
    store.queue(for: "p").acknowledge(starts[1]...starts[3] - 1, as: .delivered)
    store.queue(for: "q").acknowledge(starts[1]...starts[2] - 1, as: .delivered)
    for _ in 0..<15 { try store.append(rows: 10) }
    #expect(store.overallBooks.evicted == 0)
    #expect(Set(firstRows(store)).isSuperset(of: [starts[0], starts[2], starts[3]]))
    let queue = store.queue(for: "q")
    #expect(queue.pending(from: 1) == 1...starts[1] - 1)
    #expect(queue.pending(from: starts[1]) == starts[2]...600)
    #expect(queue.pending(through: starts[2] - 1) == 1...starts[1] - 1)
    #expect(readAll(queue, from: starts[2]).gaps.isEmpty)
    expectBalance(store, ["p", "q"])
  }

  @Test func aDestinationThatComesLaterDoesNotMissWhatNobodyHasAnyMore() throws {
    var store = try openSmall(device, slots: 4)
    for _ in 0..<45 { try store.append(rows: 10) }
    let starts = firstRows(store)
    store.queue(for: "p").acknowledge(starts[1]...starts[2] - 1, as: .delivered)
    for _ in 0..<15 { try store.append(rows: 10) }
    for isRestart in [false, true] {
      let name = isRestart ? "late" : "later"
      if isRestart {
        try store.close()
        store = try openSmall(device, slots: 4, destinations: ["p", name])
      } else {
        try store.setDestinations(["p", name])
      }
      let queue = store.queue(for: name)
      #expect(
        queue.pending(from: 1) == 1...starts[1] - 1 && queue.pending(from: starts[1]) == starts[2]...600)
      let books = store.books(of: name)!
      #expect(books.damaged == 0 && books.queued == 600 - (starts[2] - starts[1]))
      expectBalance(store, ["p", name])
    }
  }

  /// Two destinations settle commits anywhere; power is cut at any call; rooms runs out now and then.
  @Test func whateverIsCutNoRowIsSettledThatWasNotAndNoneIsLost() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix(seed: seed)
    for run in 0..<40 {
      let device = MemoryDevice()
      var settled: [String: Set<UInt64>] = ["p": [], "q": []]
      var store = try openSmall(device, slots: 5, destinations: ["p", "q"])
      var boot: UInt64 = 1
      for _ in 0..<120 {
        let stored = store.storedThrough
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<9: try store.append(rows: Int.random(in: 1...9, using: &random), at: Int64(stored))
        case 9..<18 where stored > 0:
          let name = Bool.random(using: &random) ? "p" : "q"
          let first = UInt64.random(in: 1...stored, using: &random)
          guard let run = store.queue(for: name).pending(from: first) else { continue }
          let rows = run.lowerBound...min(run.upperBound, run.lowerBound + 40)
          for row in rows {
            if case .commit = store.queue(for: name).read(at: row) { continue }
            Issue.record("row \(row) is pending and cannot be read, seed \(seed), run \(run)")
          }
          store.queue(for: name).acknowledge(rows, as: .delivered)
          settled[name]!.formUnion(rows)
        case 18:
          store.writeLedgerIfDue(at: Timestamp(microseconds: Int64(stored) * 20_000_000))
        default:
          device.callsToLive = Int.random(in: 0...4, using: &random)
          try? store.append(rows: 3)
          device.cutPower(&random)
          boot += 1
          store = try openSmall(
            device, slots: 5, destinations: ["p", "q"], boot: BootID(high: 9, low: boot))
        }
        // Without an acknowledgement nothing is settled but what was evicted from the old end.
        for name in ["p", "q"] {
          let books = store.books(of: name)!
          let entry = store.shared.withLock { $0.ledger.entries[name]! }
          let unknown = entry.settled.ranges.flatMap { Array($0) }.count { !settled[name]!.contains($0) }
          #expect(UInt64(unknown) <= books.evicted, "seed \(seed), run \(run)")
          #expect(books.damaged == 0, "seed \(seed), run \(run)")
          settled[name]!.formIntersection(entry.settled.ranges.flatMap { Array($0) })
        }
        expectBalance(store, ["p", "q"])
      }
    }
  }

  /// What a technician was told to be marked stays so, however soon the power goes.
  @Test func aLedgerOnRecordNeedsNoCommit() throws {
    let device = MemoryDevice()
    let store = try openSmall(device)
    for _ in 0..<3 { try store.append(rows: 10) }
    let queue = store.queue(for: "p")
    for rows: ClosedRange<UInt64> in [1...5, 11...20, 6...10] {
      queue.acknowledge(rows, as: .delivered)
      try store.recordLedger()
      let after = try openSmall(MemoryDevice(device.medium), boot: bootB)
      #expect(after.books(of: "p")?.delivered == store.books(of: "p")?.delivered)
    }
  }
}
