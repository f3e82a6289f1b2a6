import GatewayCore
import GatewaySystem
import Glibc
import Synchronization
import Testing

@testable import GatewayStore

/// A store that a released gateway left behind: u32 blocks of the store's file, then for each block that is
/// not empty u32 its number, u16 length, and its bytes without the zeros at its end.
func goldenStore(_ name: String) throws -> [UInt8] {
  let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
  let bytes = try readFile("/\(folder)/Fixtures/\(name).blocks")
  return bytes.withUnsafeBytes { bytes in
    var store = [UInt8](repeating: 0, count: Int(bytes.number(UInt32.self, at: 0)) * StoreFormat.block)
    var offset = 4
    while offset < bytes.count {
      let start = Int(bytes.number(UInt32.self, at: offset)) * StoreFormat.block
      let length = Int(bytes.number(UInt16.self, at: offset + 4))
      store.replaceSubrange(start..<start + length, with: bytes[offset + 6..<offset + 6 + length])
      offset += 6 + length
    }
    return store
  }
}

/// The file `Fixtures/NAME` in lines.
private func goldenLines(_ name: String) throws -> [String] {
  let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
  let bytes = try readFile("/\(folder)/Fixtures/\(name)")
  return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
}

@Suite struct GoldenStoreTests {
  private static let stored: UInt64 = 31

  private func golden(_ name: String) throws -> MemoryDevice { MemoryDevice(try goldenStore(name)) }

  private func open(_ device: MemoryDevice) throws -> DurableStore {
    try DurableStore(
      device: device, slotSize: StoreFormat.slotSize, capacity: 16 << 20,
      destinations: ["platform", "archive"], boot: bootA, mark: device.mark)
  }

  /// The rows' points and values, by number.
  private func rows(_ store: DurableStore) throws -> [UInt64: (point: String, row: Row)] {
    let queue = store.queue(for: "archive")
    var rows: [UInt64: (String, Row)] = [:]
    var seq: UInt64 = 1
    while seq <= Self.stored, case .commit(let commit) = queue.read(at: seq) {
      let catalogue = try #require(queue.catalogue(commit.catalogueID))
      try commit.payload.withUnsafeBytes { payload in
        var decoder = RowDecoder(payload, rowCount: commit.rowCount)
        for number in commit.firstSeq...commit.lastSeq {
          let row = try #require(try decoder.next())
          rows[number] = (catalogue.points[Int(row.point)].name, row)
        }
      }
      seq = commit.lastSeq + 1
    }
    return rows
  }

  /// Written by version 0.1.0: 31 rows, of which the platform has 11, closed in order.
  @Test func aStoreOfFormat1IsReadWithItsBooksAndGoesOn() throws {
    let device = try golden("store-format-1")
    let store = try open(device)
    let (platform, archive) = (store.books(of: "platform")!, store.books(of: "archive")!)
    #expect(store.notes.isEmpty && store.stream != StreamID(bits: 0x10FC_4190_9708_B026))
    #expect(platform.stored == 31 && platform.delivered == 11 && platform.queued == 20)
    #expect(archive.queued == 31 && archive.evicted == 0)
    let rows = try rows(store)
    #expect(rows.count == 31 && rows.values.count { $0.point == "canopy.energy" } == 3)
    let queue = store.queue(for: "platform")
    #expect(queue.pending(from: 1) == 12...31)
    queue.acknowledge(20...31, as: .delivered)
    try store.append(rows: 2)
    #expect(queue.pending(from: 1) == 12...19 && queue.pending(from: 20) == 32...33)
    #expect(device.cache.withUnsafeBytes { $0.number(UInt16.self, at: 10) } == StoreFormat.minimumReader)
    device.kill()
    let again = try open(device)
    #expect(again.storedThrough == 33 && again.notes.isEmpty)
  }

  /// A gateway that knows format 1 looks at the superblock first, and changes nothing where it says 2.
  @Test func whereverAnUpgradeIsCutAnOlderGatewayNeverTakesTheLedgerForDestroyed() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix(seed: seed)
    for calls in 0..<12 {
      let device = try golden("store-format-1")
      device.callsToLive = calls
      let store = try? open(device)
      try? store?.append(rows: 2)
      device.cutPower(&random)
      let (superblock, ledgers) = device.medium.withUnsafeBytes { bytes in
        (
          Superblock.read(UnsafeRawBufferPointer(rebasing: bytes[..<4096])),
          StoreLayout(slotSize: StoreFormat.slotSize).ledgers.count { offset in
            UnsafeRawBufferPointer(rebasing: bytes[offset...]).starts(with: StoreFormat.firstLedgerMagic)
          }
        )
      }
      if case .valid(let block) = superblock, block.version == 1 {
        #expect(ledgers == 2, "cut \(calls), seed \(seed)")
      }
      let after = try open(device)
      #expect(after.storedThrough >= 31 && after.books(of: "platform")!.delivered == 11)
      #expect(try rows(after).count == 31, "cut \(calls), seed \(seed)")
    }
  }

  // MARK: Formats 2 and 3

  /// Commits, descriptions, summaries and packed rows, and two destinations that lack different ones.
  @Test(arguments: [2, 3])
  func aStoreHoldsWhatAnIndependentDecoderFinds(format: Int) throws {
    let lines = try goldenLines("store-format-\(format).rows")
    let device = MemoryDevice(try goldenStore("store-format-\(format)"))
    let store = try StoreLife.open(device, 1000)
    let ledger = store.shared.withLock { $0.ledger }
    var found = ["ledger \(store.stream) \(ledger.storedThrough) 1"]
    for (name, entry) in ledger.entries.sorted(by: { $0.key < $1.key }) {
      let runs = entry.settled.ranges.map { "\($0.lowerBound)-\($0.upperBound - 1)" }.joined(separator: ",")
      found.append(
        "entry \(name) \(entry.delivered) \(entry.quarantined) \(entry.damaged) \(entry.thinned) \(runs)")
    }
    let kinds = try #require(lines.first { $0.hasPrefix("kinds ") })
    #expect((1...4).allSatisfy { kinds.contains(" \($0)=") })
    var rows: [UInt64: String] = [:]
    for name in StoreLife.destinations {
      let queue = store.queue(for: name)
      while let run = queue.pending(from: 1), case .commit(let commit) = queue.read(at: run.lowerBound) {
        #expect(queue.catalogue(commit.catalogueID) != nil)
        let last = min(run.upperBound, commit.lastSeq)
        try commit.forEachRow { name, row in
          if run.lowerBound...last ~= name.seq { rows[name.seq] = Self.line(name, row) }
        }
        queue.acknowledge(run.lowerBound...last, as: .delivered)
      }
    }
    found += rows.sorted { $0.key < $1.key }.map(\.value)
    // What is stored from now on has a stream of its own.
    func withoutStream(_ line: String) -> String {
      line.hasPrefix("ledger ") ? line.split(separator: " ").suffix(2).joined(separator: " ") : line
    }
    #expect(store.notes.isEmpty)
    #expect(found.map(withoutStream) == lines.filter { $0 != kinds }.map(withoutStream))
    try store.append(rows: 2)
    device.kill()
    #expect(try StoreLife.open(device, 1000).storedThrough == ledger.storedThrough + 2)
  }

  private static func line(_ name: StoreImage.Name, _ row: Row) -> String {
    let says =
      switch row.body {
      case .reading(.double(let value)?): "\(Int(value))"
      case .reading, .alarm: "?"
      case .window(let window): "\(window.seconds) \(window.count) \(window.bad)"
      }
    return "\(name.seq) \(name.stream) \(row.point) \(row.time.microseconds) \(says)"
  }

  private static let newGolden = getenv("GATEWAY_GOLDEN").map { String(cString: $0) }

  /// Makes the file that the test above reads: `GATEWAY_GOLDEN=PATH`, once for a format.
  @Test(.enabled(if: newGolden != nil, "only makes a fixture"))
  func aGoldenStoreIsMade() throws {
    let image = try StoreLife.image(seed: 5)
    let device = MemoryDevice(image.bytes)
    try image.open(device).close()
    var folded = ByteBuffer(capacity: 64 << 10)
    folded.append(fixed: UInt32(device.medium.count / StoreFormat.block))
    for start in stride(from: 0, to: device.medium.count, by: StoreFormat.block) {
      let block = device.medium[start..<start + StoreFormat.block]
      guard let last = block.lastIndex(where: { $0 != 0 }) else { continue }
      folded.append(fixed: UInt32(start / StoreFormat.block))
      folded.append(fixed: UInt16(last + 1 - start))
      block[...last].withUnsafeBytes { folded.append($0) }
    }
    let file = try FileDescriptor.open(try #require(Self.newGolden), O_CREAT | O_WRONLY)
    _ = folded.withBytes { file.writeAll($0, at: 0) }
  }
}
