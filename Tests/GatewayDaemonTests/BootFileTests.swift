import GatewayCore
import GatewaySimulator
import GatewayStore
import GatewaySystem
import Glibc
import Testing

@testable import GatewayDaemon

/// The table of boots on the medium: when it is written, and what is believed of it.
@Suite struct BootFileTests {
  private static let boot = BootID(high: 1, low: 2)
  private static let start: Int64 = 1_790_000_000_000_000

  private final class Place {
    let directory: String
    let store: DurableStore
    let boots = BootClocks()
    let file: BootFile

    init() throws {
      directory = try TemporaryDirectory.make(prefix: "gateway-boots")
      store = try DurableStore.open(
        directory: directory, capacity: 16 << 20, destinations: ["p"], boot: boot, mark: StoredMark(),
        clocks: boots)
      file = BootFile(directory: directory, boot: boot, boots: boots)
    }

    deinit { TemporaryDirectory.remove(directory) }

    var path: String { "\(directory)/boots" }
    var table: BootClock? { (try? readFile(path)).flatMap { BootClock(text: $0) } }

    /// Whether the file is written after `seconds` of this boot.
    func isWritten(_ seconds: Int64, offset: Int64? = nil) -> Bool {
      let now = BootTime(microseconds: seconds * 1_000_000)
      boots.update { table in
        table.see(boot, at: now)
        if let offset { table.know(boot, offset: start + offset, correction: 0) }
        return false
      }
      unlink(path)
      file.tend(store, at: now)
      return access(path, F_OK) == 0
    }
  }

  @Test(
    "the file is written for a new boot, when the time becomes known, for 10 ms, and once an hour: for nothing else"
  )
  func theFileIsWrittenSeldom() throws {
    let place = try Place()
    #expect(place.isWritten(1))
    #expect(place.table?.boots.map(\.id) == [Self.boot])
    for second in 2...3600 as ClosedRange<Int64> { #expect(!place.isWritten(second)) }
    #expect(place.isWritten(3601))
    // At once, however short ago it was written.
    #expect(place.isWritten(3602, offset: 0))
    #expect(place.table?.boots.first?.offset == Self.start)
    for second in 3603...7000 as ClosedRange<Int64> {
      #expect(!place.isWritten(second, offset: second % 10_000))
    }
    #expect(place.isWritten(7001, offset: 10_001))
    #expect(!place.isWritten(7002, offset: 50_000), "a clock that runs away would wear the medium")
    #expect(place.isWritten(7012, offset: 50_000))
    place.boots.update {
      $0.see(Self.boot, at: BootTime(microseconds: 7_013_000_000))
      return false
    }
    place.file.tend(place.store, at: BootTime(microseconds: 7_013_000_000), isEnd: true)
    #expect(place.table?.boots.first?.last.microseconds == 7_013_000_000)
  }

  @Test("fault 5: where the file cannot be written the daemon goes on, and tries it again every ten seconds")
  func aRefusedFileIsTriedAgain() throws {
    let place = try Place()
    // Its draft cannot be opened.
    try makeDirectory(place.path + ".new")
    #expect(!place.isWritten(1))
    #expect(!place.isWritten(2, offset: 0))
    rmdir(place.path + ".new")
    #expect(!place.isWritten(10, offset: 0))
    #expect(place.isWritten(13, offset: 0))
  }

  @Test("a damaged file is set aside whole, and what the newest rows say of their boot is all that is known")
  func aDamagedFileIsSetAside() throws {
    let place = try Place()
    #expect(place.isWritten(1))
    var bytes = try readFile(place.path)
    bytes[3] ^= 4
    try replaceFile(place.path, by: bytes)
    var rows = RowEncoder()
    let moment = Moment(
      time: Timestamp(microseconds: Self.start + 77), boot: BootTime(microseconds: 77))
    rows.append(Reading(point: 0, at: moment, value: .signed(1)))
    let catalogue = Catalogue(points: [
      PointDescription(name: "a.x", unit: nil, kind: .gauge, window: .raw, functions: .standard)
    ])
    try rows.takeBytes(reserving: 0).withBytes {
      try place.store.append(payload: $0, rowCount: 1, catalogue: catalogue, time: moment.time)
    }
    // The next boot.
    let (next, boots) = (BootID(high: 3, low: 4), BootClocks())
    let file = BootFile(directory: place.directory, boot: next, boots: boots)
    file.takeUp(place.store, at: BootTime(microseconds: 5))
    #expect(try readFile(place.path + ".damaged") == bytes)
    #expect(boots.current.boots.map(\.id) == [Self.boot, next])
    #expect(boots.healing(of: Self.boot) == .known(offset: Self.start))
    #expect(boots.current[next]?.notBefore.microseconds == Self.start + 77)
  }
}
