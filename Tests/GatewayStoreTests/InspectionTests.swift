import GatewayCore
import Testing

@testable import GatewayStore

@Suite struct InspectionTests {
  @Test func theRunsOfEachDestinationAreThoseItLacks() throws {
    let store = try openSmall(MemoryDevice(), destinations: ["a", "b"])
    #expect(store.inspection.destinations.map(\.runs) == [[], []])
    for second in 1...6 { try store.append(rows: 10, at: Int64(second)) }
    let queue = store.queue(for: "a")
    queue.acknowledge(1...10, as: .delivered)
    queue.acknowledge(31...40, as: .delivered)
    let (a, b) = (store.inspection.destinations[0], store.inspection.destinations[1])
    #expect(a.name == "a" && b.name == "b")
    #expect(a.runs == [11...30, 41...60])
    #expect(a.queued == 40)
    #expect(a.oldest == Timestamp(microseconds: 2_000_000))
    #expect(b.runs == [1...60])
    #expect(b.oldest == Timestamp(microseconds: 1_000_000))
  }

  @Test func slotsAreUsedFreeOrFailed() throws {
    let device = MemoryDevice()
    let store = try openSmall(device, slots: 4)
    let empty = store.inspection.segments
    #expect((empty.total, empty.used, empty.free, empty.failed) == (4, 0, 4, 0))
    // Three commits of 15 KiB fill a slot of 64 KiB with its header.
    for _ in 0..<7 { try store.append(rows: 10, bytes: 15_000) }
    let some = store.inspection.segments
    #expect((some.used, some.free, some.failed) == (2, 2, 0) || (some.used, some.free) == (3, 1))
    // All but the newest are free once nobody needs them.
    store.queue(for: "p").acknowledge(1...70, as: .delivered)
    #expect(store.inspection.segments.used == 1)
    #expect(store.inspection.segments.free == 3)
  }

  @Test func whatPreparesSlotsIsToldApartFromRows() throws {
    let store = try openSmall(MemoryDevice())
    let before = store.usage
    #expect(before.bytesPrepared == before.bytesWritten)
    try store.append(rows: 1)
    let after = store.usage
    #expect(after.bytesPrepared == before.bytesPrepared)
    #expect(after.bytesOfRows >= 4096)
    #expect(after.bytesWritten >= after.bytesPrepared + after.bytesOfRows)
  }
}
