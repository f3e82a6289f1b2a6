import GatewayControl
import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Synchronization
import Testing

@testable import GatewayDaemon

/// Rows on their way out by hand, without a disk: which are read, and which are settled.
@Suite struct CarryTests {
  @Test func theUnionIsWhatAnyDestinationLacks() {
    let (a, b) = (CarryQueue(stored: 100), CarryQueue(stored: 100))
    let union = UnionQueue([a, b])
    #expect(union.pending(from: 1) == 1...100)
    a.acknowledge(1...50, as: .delivered)
    b.acknowledge(1...10, as: .delivered)
    b.acknowledge(41...100, as: .delivered)
    #expect(union.pending(from: 1) == 11...40)
    #expect(union.pending(from: 20) == 20...40)
    #expect(union.pending(from: 41) == 51...100)
    #expect(union.pending(through: 50) == 11...40)
    #expect(union.settledThrough == 10)
    union.acknowledge(11...100, as: .delivered)
    #expect(union.pending(from: 1) == nil)
    #expect(union.pending(through: 100) == nil)
  }

  @Test func theUnionIsRightForAnyRuns() {
    let seed = UInt64.random(in: .min ... .max)
    var dice = SplitMix(seed: seed)
    for _ in 0..<300 {
      let queues = (0..<3).map { _ in CarryQueue(stored: 30) }
      for queue in queues {
        for _ in 0..<4 {
          let first = UInt64.random(in: 1...30, using: &dice)
          queue.acknowledge(
            first...UInt64.random(in: first...min(first + 9, 30), using: &dice), as: .delivered)
        }
      }
      let union = UnionQueue(queues)
      var found = RangeSet<UInt64>()
      var next: UInt64 = 1
      while let run = union.pending(from: next) {
        #expect(run.lowerBound >= next, "seed \(seed)")
        found.insert(contentsOf: run.lowerBound..<run.upperBound + 1)
        next = run.upperBound + 1
      }
      let lacking = (1...30).filter { row in queues.contains { !$0.settled.contains(UInt64(row)) } }
      #expect(found == RangeSet(lacking.map { UInt64($0) }.map { $0..<$0 + 1 }), "seed \(seed)")
      #expect(union.pending(through: 30)?.upperBound == lacking.last.map { UInt64($0) }, "seed \(seed)")
    }
  }

  private func mark(_ runs: [ExportedRun], _ queue: CarryQueue) -> MarkResult? {
    let mark = DeliveryMark(
      [DeliveryMark.Part(queue: queue, mayHold: { _ in true }, record: {})], runs)
    mark.run()
    return mark.result
  }

  private static let other = StreamID(bits: 9)

  @Test func aNumberThatIsAnotherStreamsByNowIsNotSettled() {
    // The power went behind row 50: what comes then is numbered under another stream.
    let queue = CarryQueue(stored: 100, streamChangesBehind: 50, to: Self.other)
    let result = mark([ExportedRun(stream: CarryQueue.stream, rows: 21...80)], queue)
    #expect(result?.marked == 30)
    #expect(result?.refused == 30)
    #expect(queue.settled == RangeSet(21..<51))
    _ = mark([ExportedRun(stream: Self.other, rows: 1...100)], queue)
    #expect(queue.settled == RangeSet(21..<101))
  }

  @Test func rowsThatAreNotStoredYetAreRefused() {
    let queue = CarryQueue(stored: 10)
    let result = mark([ExportedRun(stream: CarryQueue.stream, rows: 5...UInt64.max - 1)], queue)
    #expect(result?.marked == 6)
    #expect(result?.refused == UInt64.max - 11)
    #expect(queue.settled == RangeSet(5..<11))
    #expect(mark([ExportedRun(stream: CarryQueue.stream, rows: 70...71)], queue)?.refused == 2)
  }

  @Test func anExportHoldsTwoBatchesAndSettlesNothing() throws {
    let queue = CarryQueue(stored: 10_000)
    let export = try Export([queue], gateway: "cabinet")
    let desk = CarryDesk()
    #expect(try desk.start(export))
    // A second one has to wait.
    #expect(try !desk.start(Export([queue], gateway: "cabinet")))
    var seen: [ClosedRange<UInt64>] = []
    while export.lostRows == nil {
      guard let batch = export.take() else {
        usleep(100)
        continue
      }
      seen.append(batch.rows)
      // Rows that come while it goes on are the next one's.
      queue.store(10_000 + UInt64(seen.count))
    }
    #expect(seen.first?.lowerBound == 1)
    #expect(seen.last?.upperBound == 10_000)
    for (one, next) in zip(seen, seen.dropFirst()) { #expect(one.upperBound + 1 == next.lowerBound) }
    #expect(queue.settled == RangeSet())
    desk.close()
  }

  @Test func anExportThatNobodyTakesEndsWhenItIsCancelled() throws {
    let export = try Export([CarryQueue(stored: 10_000)], gateway: "cabinet")
    let desk = CarryDesk()
    #expect(try desk.start(export))
    while export.take() == nil { usleep(100) }
    desk.close()
    #expect(export.hasEnded)
  }

  @Test func rowsThatAreDestroyedAreCountedAndPassedOver() throws {
    let queue = CarryQueue(stored: 100)
    queue.destroy(31...40)
    let export = try Export([queue], gateway: "cabinet")
    let desk = CarryDesk()
    #expect(try desk.start(export))
    var seen: [ClosedRange<UInt64>] = []
    while export.lostRows == nil { if let batch = export.take() { seen.append(batch.rows) } }
    #expect(seen == [1...30, 41...100])
    #expect(export.lostRows == 10)
    desk.close()
  }
}

/// Commits of ten rows; one destination's view of them.
private final class CarryQueue: DeliveryQueue {
  static let stream = StreamID(bits: 0x6b22_b4c8_d715_5218)

  private struct State {
    var stored: UInt64
    var settled = RangeSet<UInt64>()
    var destroyed = RangeSet<UInt64>()
  }

  private let state: Mutex<State>
  private let lastOfStream: UInt64
  private let nextStream: StreamID
  private let points = Catalogue(points: [
    PointDescription(name: "d.p", unit: nil, kind: .gauge, window: .raw, functions: .standard)
  ])

  init(stored: UInt64, streamChangesBehind last: UInt64 = .max, to next: StreamID = stream) {
    state = Mutex(State(stored: stored))
    lastOfStream = last
    nextStream = next
  }

  var settled: RangeSet<UInt64> { state.withLock { $0.settled } }
  func store(_ through: UInt64) { state.withLock { $0.stored = through } }
  func destroy(_ rows: ClosedRange<UInt64>) {
    state.withLock { $0.destroyed.insert(contentsOf: rows.lowerBound..<rows.upperBound + 1) }
  }

  var storedThrough: UInt64 { state.withLock { $0.stored } }
  var settledThrough: UInt64 {
    state.withLock { $0.settled.gap(from: 1, through: .max - 1).map { $0.lowerBound - 1 } ?? 0 }
  }

  func pending(from seq: UInt64) -> ClosedRange<UInt64>? {
    state.withLock { $0.settled.gap(from: max(seq, 1), through: $0.stored) }
  }

  func pending(through seq: UInt64) -> ClosedRange<UInt64>? {
    state.withLock { $0.settled.gap(through: min(seq, $0.stored)) }
  }

  func read(at seq: UInt64) -> DeliveryRead {
    let (stored, isDestroyed) = state.withLock { ($0.stored, $0.destroyed.contains(seq)) }
    guard seq <= stored else { return .end }
    let first = (seq - 1) / 10 * 10 + 1
    let last = min(first + 9, stored)
    if isDestroyed { return .gap(through: last) }
    var rows = RowEncoder()
    for number in first...last {
      rows.append(
        Row(
          point: 0, time: Timestamp(microseconds: Int64(number) * 1_000_000), boot: BootTime(microseconds: 0),
          quality: .good, reason: .none, timeQuality: .synced, body: .reading(.unsigned(number))))
    }
    return .commit(
      StoredCommit(
        firstSeq: first, rowCount: Int(last - first + 1), catalogueID: points.id,
        boot: BootID(high: 0, low: 0), payload: rows.bytes.copyBytes(),
        stream: first <= lastOfStream ? Self.stream : nextStream))
  }

  func catalogue(_ id: UInt32) -> Catalogue? { points }

  func acknowledge(_ rows: ClosedRange<UInt64>, as settlement: Settlement) {
    state.withLock { $0.settled.insert(contentsOf: rows.lowerBound..<rows.upperBound + 1) }
  }

  func onStored(_ raise: @escaping @Sendable () -> Void) {}
}
