import GatewayCore
import GatewaySystem
import Glibc
import Synchronization
import Testing

@testable import GatewayStore

/// A write or a synchronisation of a store's life fails, whichever it is: of commits, of the ledger, of packing, of
/// thinning, of a start. Then the power goes.
@Suite struct FaultSweepTests {
  enum Fault: CaseIterable {
    /// Once; what was refused reaches the medium with what is synchronised later.
    case once
    /// Once; what was refused never reaches the medium, though later synchronisations succeed (fsyncgate).
    case onceAndLies
    /// At that place for ever.
    case forEver
  }

  private static let calls = 500
  /// `make mutations` tries each, a usual run some of them.
  private static let step = getenv("GATEWAY_MUTATIONS") == nil ? 25 : 1
  /// The life is taken up again at each so many calls.
  private static let stretch = 20

  /// The life up to its calls 0, 20, 40, …
  private static func lives(_ seed: UInt64) throws -> [(life: StoreLife, medium: [UInt8])] {
    var life = try StoreLife(seed: seed)
    var lives: [(StoreLife, [UInt8])] = []
    while lives.count < calls / stretch {
      let before = life.device.synchronizations
      while life.device.synchronizations < before + stretch { try life.step() }
      lives.append((life, life.device.medium))
    }
    return lives
  }

  @Test(arguments: Fault.allCases, [true, false])
  func aCallThatFailsCostsNoStoredRow(fault: Fault, isWrite: Bool) throws {
    let seed = UInt64.random(in: 0...UInt64(UInt32.max))
    let lives = try Self.lives(seed)
    var fired = 0
    for number in stride(from: Int.random(in: 1...Self.step), through: Self.calls, by: Self.step) {
      let start = lives[(number - 1) / Self.stretch]
      let name = "\(fault), \(isWrite ? "write" : "synchronisation") \(number), seed \(seed)"
      let injector = FaultInjector(fault, isWrite, number: (number - 1) % Self.stretch + 1)
      var life = start.life
      life.resume(from: start.medium, seed: seed &+ UInt64(number))
      injector.arm(life.device)
      try live(&life, injector, name)
      if injector.hasFired { fired += 1 }
      try cutAndCheck(&life, name)
    }
    print(
      "fault sweep: \(fault), \(isWrite ? "writes" : "synchronisations"): \(fired) fired, seed \(seed)"
    )
    #expect(fired > 0)
  }

  private func live(_ life: inout StoreLife, _ injector: FaultInjector, _ name: String) throws {
    while true {
      do throws(StoreError) {
        try life.reopen()
        break
      } catch {
        guard injector.hasFired, case .away = error else {
          Issue.record("\(error): \(name)")
          return
        }
        // As the daemon would: what is wrong at a start is looked at again later.
        life.device.fault = { _ in nil }
      }
    }
    var left = 12
    while left > 0 {
      if injector.hasFired { left -= 1 }
      do { try life.append() } catch {
        if !injector.hasFired { Issue.record("\(error): \(name)") }
        if life.store.usage.fault == nil { Issue.record("a refused append is no fault: \(name)") }
      }
      if left % 3 == 0 { life.acknowledge() }
      checkBooks(life, name)
    }
  }

  private func checkBooks(_ life: StoreLife, _ name: String) {
    for destination in StoreLife.destinations {
      let books = life.store.books(of: destination)!
      if books.stored != books.delivered + books.queued + books.evicted + books.quarantined {
        Issue.record("\(books): \(name)")
      }
    }
  }

  private func cutAndCheck(_ life: inout StoreLife, _ name: String) throws {
    let (entries, stored) = life.store.shared.withLock { ($0.ledger.entries, $0.ledger.storedThrough) }
    let oldest = life.store.shared.withLock { $0.map.place(at: 0, storedThrough: stored).lastSeq }
    let wasRefused = !life.refused.isEmpty
    try life.cutPower()
    if life.store.storedThrough < stored { Issue.record("the end is lost: \(name)") }
    for destination in StoreLife.destinations {
      let before = entries[destination]!
      let pending = RangeSet(1..<stored + 1).subtracting(before.settled)
      let after = life.store.shared.withLock { $0.ledger.entries[destination]! }
      let gone = pending.intersection(after.settled).rowCount
      // A summary, or an eviction, that was on its way when the power went.
      let made = wasRefused ? pending.intersection(RangeSet(1..<oldest + 1)).rowCount : 0
      let thinned = after.thinned - min(before.thinned, after.thinned)
      if gone > thinned + made || after.damaged > before.damaged {
        Issue.record("\(destination): \(gone) rows are gone, \(thinned) thinned: \(name)")
      }
      try checkRows(life, destination, through: stored, name)
    }
    let end = life.store.storedThrough
    try life.append()
    if life.store.storedThrough <= end { Issue.record("it does not go on: \(name)") }
  }

  private func checkRows(_ life: StoreLife, _ destination: String, through stored: UInt64, _ name: String)
    throws
  {
    let queue = life.store.queue(for: destination)
    var seq: UInt64 = 1
    while let run = queue.pending(from: seq) {
      guard case .commit(let commit) = queue.read(at: run.lowerBound) else {
        Issue.record("row \(run.lowerBound) cannot be read: \(name)")
        return
      }
      try commit.forEachRow { row, content in
        guard let known = life.rows[row] else {
          // A summary that was refused has come through; nobody knows what it said.
          if row.seq <= stored && run.contains(row.seq) { Issue.record("\(row) was never written: \(name)") }
          return
        }
        if known != StoreImage.Content(row: content, catalogue: commit.catalogueID) {
          Issue.record("\(row) is false: \(name)")
        }
      }
      if commit.firstSeq <= stored, queue.catalogue(commit.catalogueID) == nil {
        Issue.record("row \(commit.firstSeq) has no description: \(name)")
      }
      seq = commit.lastSeq + 1
    }
  }
}

/// Makes one call of a device fail. For one thread.
final class FaultInjector: @unchecked Sendable {
  private let fault: FaultSweepTests.Fault
  private let isWrite: Bool
  private let number: Int
  private var count = 0
  private var lastWrite = 0..<1
  private var bad: Range<Int>?

  init(_ fault: FaultSweepTests.Fault, _ isWrite: Bool, number: Int) {
    (self.fault, self.isWrite, self.number) = (fault, isWrite, number)
  }

  var hasFired: Bool { count >= number }

  func arm(_ device: MemoryDevice) {
    device.losesWhatFailed = fault != .once
    device.fault = { [self] in fails($0) ? EIO : nil }
  }

  private func fails(_ call: MemoryDevice.Call) -> Bool {
    if case .write(let range) = call { lastWrite = range }
    if (call != .synchronize) == isWrite {
      count += 1
      if count == number {
        if fault == .forEver { bad = place(of: lastWrite) }
        return true
      }
    }
    return bad?.overlaps(lastWrite) ?? false
  }

  /// The slot, or the block of the head.
  private func place(of range: Range<Int>) -> Range<Int> {
    let slot = range.lowerBound / StoreLife.slotSize * StoreLife.slotSize
    return slot == 0 ? range : slot..<slot + StoreLife.slotSize
  }
}
