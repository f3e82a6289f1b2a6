import GatewayCore
import GatewaySystem
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
    #expect(store.notes.isEmpty && store.stream == StreamID(bits: 0x10FC_4190_9708_B026))
    #expect(platform.stored == 31 && platform.delivered == 11 && platform.queued == 20)
    #expect(archive.queued == 31 && archive.evicted == 0)
    let rows = try rows(store)
    #expect(rows.count == 31 && rows.values.count { $0.point == "canopy.energy" } == 3)
    let queue = store.queue(for: "platform")
    #expect(queue.pending(from: 1) == 12...31)
    queue.acknowledge(20...31, as: .delivered)
    try store.append(rows: 2)
    #expect(queue.pending(from: 1) == 12...19 && queue.pending(from: 20) == 32...33)
    #expect(device.cache.withUnsafeBytes { $0.number(UInt16.self, at: 10) } == 2)
    device.kill()
    let again = try open(device)
    #expect(again.storedThrough == 33 && again.notes.isEmpty)
  }

  /// A gateway that knows format 1 looks at the superblock first, and changes nothing where it says 2.
  @Test func whereverAnUpgradeIsCutAnOlderGatewayNeverTakesTheLedgerForDestroyed() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
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
}
