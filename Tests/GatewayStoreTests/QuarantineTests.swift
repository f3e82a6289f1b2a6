import GatewayCore
import GatewaySystem
import Glibc
import Synchronization
import Testing

@testable import GatewayStore

/// The file of rows that platforms refuse, and the way back into the queue.
@Suite struct QuarantineTests {
  private static let catalogue = Catalogue(points: [
    PointDescription(name: "a.level", unit: "MTR", kind: .gauge, window: .raw, functions: .standard)
  ])

  private func row(_ seq: UInt64, _ cause: String = "status 422: \"no\"\u{7F}") -> QuarantinedRow {
    let moment = Timestamp(microseconds: 1_790_000_000_000_000)
    let row = Row(
      point: 0, time: moment, boot: BootTime(microseconds: 5), quality: .good, reason: .none,
      timeQuality: .synced, body: .reading(.double(Double(seq))))
    return QuarantinedRow(
      seq: seq, stream: StreamID(bits: 77), boot: BootID(high: 1, low: 2), cause: cause, row: row,
      catalogue: Self.catalogue)
  }

  private let directory = TemporaryDirectory()

  private func write(_ bytes: [UInt8], to path: String) throws {
    let file = try FileDescriptor.open(path, O_CREAT | O_WRONLY | O_TRUNC)
    _ = bytes.withUnsafeBytes { file.writeAll($0, at: 0) }
  }

  @Test func rowsAreThereAfterARestart() throws {
    let file = QuarantineFile(directory: directory.path)
    #expect(file.keep(row(1), from: "p") == nil && file.keep(row(2), from: "q") == nil)
    #expect(file.keep(row(1, "another"), from: "p") == nil && file.retry(row(2), at: "q") == nil)
    let again = QuarantineFile(directory: directory.path).entries
    #expect(again == file.entries && again.count == 2)
    #expect(again.first { $0.destination == "p" }?.row == row(1, "another"))
    #expect(again.first { $0.destination == "q" }?.isRetried == true)
    #expect(file.remove { $0.destination == "p" } == nil)
    #expect(QuarantineFile(directory: directory.path).entries.map(\.row) == [row(2)])
  }

  /// A line that was being written when the power went was promised to nobody; one of a later version is kept.
  @Test func tornAndForeignLinesCostNothingElse() throws {
    let path = "\(directory.path)/\(QuarantineFile.name)"
    #expect(QuarantineFile(directory: directory.path).keep(row(1), from: "p") == nil)
    let line = try readFile(path)
    try write(Array("{\"later\":1}\n".utf8) + line + line.dropLast(9), to: path)
    let file = QuarantineFile(directory: directory.path)
    #expect(file.entries.map(\.row) == [row(1)])
    #expect(file.keep(row(2), from: "p") == nil)
    #expect(String(decoding: try readFile(path), as: UTF8.self).hasPrefix("{\"later\":1}\n"))
    #expect(QuarantineFile(directory: directory.path).entries.count == 2)
  }

  @Test func whatCannotBeWrittenIsNotKept() throws {
    let file = QuarantineFile(directory: directory.path + "/gone")
    #expect(file.keep(row(1), from: "p")?.contains("cannot open") == true)
    #expect(file.entries.isEmpty)
    try makeDirectory("\(directory.path)/\(QuarantineFile.name)")
    #expect(
      QuarantineFile(directory: directory.path).keep(row(1), from: "p")?.contains("cannot read") == true)
  }

  @Test func aFullQuarantineSaysSo() throws {
    let file = QuarantineFile(directory: directory.path)
    let cause = String(repeating: "x", count: QuarantineFile.mostBytes / 2)
    #expect(file.keep(row(1, cause), from: "p") == nil)
    #expect(file.keep(row(2, cause), from: "p")?.contains("full") == true)
    #expect(file.remove { $0.row.seq == 1 } == nil && file.keep(row(2, cause), from: "p") == nil)
  }

  /// Refused, forgotten by the store, sent again: the books balance all the time.
  @Test func aRowGoesThroughQuarantineAndBack() throws {
    let device = MemoryDevice()
    let store = try DurableStore(
      device: device, slotSize: 32 << 10, capacity: 8 * 32 << 10, destinations: ["p"],
      boot: BootID(high: 7, low: 1), mark: device.mark)
    var encoder = RowEncoder()
    for seq in 1...3 { encoder.append(row(UInt64(seq)).row) }
    try encoder.bytes.withBytes {
      try store.append(
        payload: $0, rowCount: 3, catalogue: Self.catalogue,
        time: Timestamp(microseconds: 1_790_000_000_000_000))
    }
    let queue = store.uplinkQueue(for: "p")
    guard case .commit(let commit) = queue.read(at: 2),
      let kept = QuarantinedRow(RowRefusal(seq: 2, cause: "no"), in: commit, Self.catalogue)
    else {
      Issue.record("row 2 is not there")
      return
    }
    #expect(kept.row == row(2).row && kept.stream == store.stream)
    #expect(queue.keep(kept) == nil)
    queue.acknowledge(2...2, as: .quarantined)
    queue.acknowledge(1...3, as: .delivered)
    #expect(store.books(of: "p")!.quarantined == 1 && store.books(of: "p")!.delivered == 2)
    #expect(queue.retry(row(9)) != nil, "a row of another store")
    // Its segment is given away meanwhile.
    store.shared.withLock { $0.map = SegmentMap(segments: [], slots: 7) }
    #expect(queue.retry(kept) == nil)
    #expect(queue.pending(from: 1) == 2...2 && store.books(of: "p")!.queued == 1)
    guard case .commit(let again) = queue.read(at: 2) else {
      Issue.record("row 2 cannot be read any more")
      return
    }
    #expect(again == kept.commit && queue.catalogue(again.catalogueID) == Self.catalogue)
    queue.acknowledge(2...2, as: .delivered)
    #expect(store.quarantine.entries.isEmpty)
    let books = store.books(of: "p")!
    #expect(books.quarantined == 0 && books.delivered == 3 && books.queued == 0)
  }
}
