import GatewayCore
import GatewaySystem
import Synchronization

/// The store's side of the seam, in memory: commits, eviction, damage, and books that are checked on each call.
final class MemoryQueue: DeliveryQueue {
  struct Books: Sendable {
    var commits: [StoredCommit] = []
    var stored: UInt64 = 0
    var deliveredRows = RangeSet<UInt64>()
    var lostRows = RangeSet<UInt64>()
    var quarantinedRows = RangeSet<UInt64>()
    /// Settled by the store itself, before anybody else.
    var evictedRows = RangeSet<UInt64>()
    /// Settled by a person, who carried them away.
    var carriedRows = RangeSet<UInt64>()
    var settledRows = RangeSet<UInt64>()
    var damaged: Set<UInt64> = []
    var knowsCatalogue = true
    /// Of the rows to come.
    var stream = StreamID(bits: 0x6b22_b4c8_d715_5218)
    /// Rows that were never stored, or settled twice by the forwarder.
    var violations = 0
    /// The most runs that the settled rows ever were.
    var mostRuns = 0
    var raise: (@Sendable () -> Void)?

    var delivered: UInt64 { deliveredRows.rowCount }
    var lost: UInt64 { lostRows.rowCount }
    var evicted: UInt64 { evictedRows.rowCount }
    var carried: UInt64 { carriedRows.rowCount }
    var settled: UInt64 { settledRows.ranges.first.map { $0.lowerBound == 1 ? $0.upperBound - 1 : 0 } ?? 0 }

    mutating func settle(_ rows: Range<UInt64>, in kind: WritableKeyPath<Books, RangeSet<UInt64>>) {
      self[keyPath: kind].formUnion(RangeSet(rows).subtracting(settledRows))
      settledRows.insert(contentsOf: rows)
      mostRuns = max(mostRuns, settledRows.ranges.count)
    }
  }

  let points: Catalogue
  let clocks: BootClocks?
  private let books = Mutex(Books())
  private let settledSignal: EventSignal

  init(points: [PointDescription] = MemoryQueue.defaultPoints, clocks: BootClocks? = nil) {
    self.clocks = clocks
    self.points = Catalogue(points: points)
    settledSignal = try! EventSignal()
  }

  static let defaultPoints = [
    PointDescription(name: "canopy.no2", unit: "GQ", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(name: "io.door", unit: nil, kind: .state, window: .raw, functions: .standard),
  ]

  var now: Books { books.withLock { $0 } }
  var storedThrough: UInt64 { books.withLock { $0.stored } }
  var settledThrough: UInt64 { books.withLock { $0.settled } }

  func pending(from seq: UInt64) -> ClosedRange<UInt64>? {
    books.withLock { $0.settledRows.gap(from: max(seq, 1), through: $0.stored) }
  }

  func pending(through seq: UInt64) -> ClosedRange<UInt64>? {
    books.withLock { $0.settledRows.gap(through: min(seq, $0.stored)) }
  }

  /// The row that `seq` stands for in these tests.
  static func row(_ seq: UInt64) -> Row {
    let time = Timestamp(microseconds: 1_790_000_000_000_000 + Int64(seq) * 1000)
    return Row(
      point: PointIndex(seq % 2), time: time, boot: BootTime(microseconds: 0), quality: .good, reason: .none,
      timeQuality: .synced, body: .reading(.unsigned(seq * 3)))
  }

  /// One commit of the next `count` rows.
  func store(_ count: Int) {
    let raise = books.withLock { books in
      var encoder = RowEncoder()
      for seq in books.stored + 1...books.stored + UInt64(count) { encoder.append(Self.row(seq)) }
      append(&books, encoder)
      return books.raise
    }
    raise?()
  }

  /// The rows to come are numbered under another stream.
  func change(stream: StreamID) { books.withLock { $0.stream = stream } }

  func store(_ rows: [Row]) {
    var encoder = RowEncoder()
    for row in rows { encoder.append(row) }
    books.withLock { append(&$0, encoder) }
  }

  private func append(_ books: inout Books, _ encoder: borrowing RowEncoder) {
    books.commits.append(
      StoredCommit(
        firstSeq: books.stored + 1, rowCount: encoder.rowCount, catalogueID: points.id,
        boot: BootID(high: 0, low: 0), payload: encoder.bytes.copyBytes(), stream: books.stream))
    books.stored += UInt64(encoder.rowCount)
  }

  func read(at seq: UInt64) -> DeliveryRead {
    books.withLock { books in
      // Commits are many and reads go forwards: a binary search.
      var low = 0
      var high = books.commits.count
      while low < high {
        let middle = (low + high) / 2
        if books.commits[middle].lastSeq < seq { low = middle + 1 } else { high = middle }
      }
      guard low < books.commits.count else { return .end }
      let commit = books.commits[low]
      if commit.firstSeq > seq { return .gap(through: commit.firstSeq - 1) }
      if books.damaged.contains(commit.firstSeq) { return .gap(through: commit.lastSeq) }
      return .commit(commit)
    }
  }

  func catalogue(_ id: UInt32) -> Catalogue? {
    books.withLock { $0.knowsCatalogue } && id == points.id ? points : nil
  }

  func acknowledge(_ rows: ClosedRange<UInt64>, as settlement: Settlement) {
    books.withLock { books in
      let range = rows.lowerBound..<rows.upperBound + 1
      let known = books.deliveredRows.union(books.lostRows).union(books.quarantinedRows)
      if rows.upperBound > books.stored || known.intersection(RangeSet(range)).rowCount > 0 {
        books.violations += 1
      }
      switch settlement {
      case .delivered: books.settle(range, in: \.deliveredRows)
      case .lost: books.settle(range, in: \.lostRows)
      case .quarantined: books.settle(range, in: \.quarantinedRows)
      }
    }
    settledSignal.raise()
  }

  func onStored(_ raise: @escaping @Sendable () -> Void) { books.withLock { $0.raise = raise } }

  // MARK: - Faults

  func change(_ body: @Sendable (inout Books) -> Void) { books.withLock { body(&$0) } }

  /// Drops the oldest commits.
  func evict(commits count: Int) {
    for _ in 0..<count { evict(commit: 0) }
  }

  /// Drops one commit, wherever it stands.
  func evict(commit index: Int) {
    books.withLock { books in
      guard books.commits.indices.contains(index) else { return }
      let gone = books.commits.remove(at: index)
      books.settle(gone.firstSeq..<gone.lastSeq + 1, in: \.evictedRows)
    }
  }

  /// A person carried these rows away.
  func carry(_ rows: ClosedRange<UInt64>) {
    books.withLock { $0.settle(rows.lowerBound..<rows.upperBound + 1, in: \.carriedRows) }
  }

  /// Waits until everything up to `seq` is settled; false after ten seconds.
  func waitUntilSettled(_ seq: UInt64) -> Bool { wait { $0.settled >= seq } }

  /// Waits until all of `rows` are delivered; false after ten seconds.
  func waitUntilDelivered(_ rows: ClosedRange<UInt64>) -> Bool { wait { $0.deliveredRows.holds(rows) } }

  private func wait(_ isOver: (Books) -> Bool) -> Bool {
    let deadline = SystemClock.boot.advanced(by: .seconds(10))
    while !isOver(now) {
      let left = SystemClock.boot.duration(to: deadline)
      if left <= .zero { return false }
      settledSignal.wait(timeout: left)
    }
    return true
  }
}
