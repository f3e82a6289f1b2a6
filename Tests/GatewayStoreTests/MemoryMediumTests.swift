import GatewayCore
import GatewaySystem
import Glibc
import Testing

@testable import GatewayStore

/// The medium for when there is no disk, and the store on it.
@Suite struct MemoryMediumTests {
  @Test func whatWasWrittenIsReadAndTheLimitIsTheEnd() throws {
    let medium = try MemoryMedium(limit: 1 << 20)
    #expect(medium.size == 0)
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
    func write(at offset: Int) -> Result<Void, Errno> {
      bytes.withUnsafeBytes { medium.write($0, at: offset) }
    }
    guard case .success = write(at: 500_000) else { return #expect(Bool(false)) }
    #expect(medium.size == 510_000)
    var room = [UInt8](repeating: 9, count: 10_003)
    guard case .success(10_001) = room.withUnsafeMutableBytes({ medium.read(into: $0, at: 499_999) }) else {
      return #expect(Bool(false))
    }
    #expect(Array(room[1..<10_001]) == bytes && room[0] == 0 && room[10_001] == 9)
    guard case .success(0) = room.withUnsafeMutableBytes({ medium.read(into: $0, at: 2 << 20) }),
      case .failure(Errno(code: ENOSPC)) = write(at: 1 << 20 - 9999)
    else { return #expect(Bool(false)) }
    guard case .success = medium.zero(500_000..<1 << 20) else { return #expect(Bool(false)) }
    _ = room.withUnsafeMutableBytes { medium.read(into: $0, at: 500_000) }
    #expect(room.allSatisfy { $0 == 0 })
  }

  /// A commit a second, of ten rows. Unpacked, 6 MiB would be full after 25 minutes; they hold 17 hours of them.
  @Test func hoursOfSmallCommitsFit() throws {
    let store = try DurableStore.inMemory(
      capacity: 6 << 20, longestPayload: 1000, destinations: ["p"], boot: bootA)
    for seconds in 0..<6000 {
      var rows = RowEncoder()
      for point in 0..<10 {
        let moment = Moment(
          time: Timestamp(microseconds: 1_790_000_000_000_000 + Int64(seconds) * 1_000_000),
          boot: BootTime(microseconds: Int64(seconds) * 1_000_000))
        rows.append(
          Reading(point: PointIndex(point), at: moment, value: .double(Double(seconds * 31 % 1000) / 10)))
      }
      let count = rows.rowCount
      try rows.bytes.withBytes {
        try store.append(
          payload: $0, rowCount: count, catalogue: Self.ten, time: Timestamp(microseconds: Int64(seconds)))
      }
      store.packOldSegments()
    }
    expectBalance(store)
    #expect(store.usage.fault == nil && store.device.size <= 6 << 20)
    #expect(store.overallBooks.queued == 60_000)
  }

  private static let ten = Catalogue(
    points: (0..<10).map {
      PointDescription(name: "d.\($0)", unit: nil, kind: .gauge, window: .raw, functions: .standard)
    })

  @Test func longDescriptionsGetLargerSlots() throws {
    let points = (0..<10_000).map {
      PointDescription(
        name: "a-device-with-a-name.point-\($0)", unit: "CEL", kind: .gauge, window: .raw,
        functions: .standard)
    }
    let catalogue = Catalogue(points: points)
    let store = try DurableStore.inMemory(
      capacity: 6 << 20, longestPayload: catalogue.encoded.count, destinations: ["p"], boot: bootA)
    for _ in 0..<100 { try store.append(rows: 1, bytes: 50_000, catalogue: catalogue) }
    #expect(store.overallBooks.stored == 100)
    let other = try DurableStore.inMemory(
      capacity: 6 << 20, longestPayload: 1, destinations: ["p"], boot: bootA)
    #expect(other.stream != store.stream && other.maximumPayload < catalogue.encoded.count)
  }
}
