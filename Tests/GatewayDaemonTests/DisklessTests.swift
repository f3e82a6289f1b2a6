import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// Rows 5, 7 and 14 of what can go wrong, with the real programs: no state directory, a file system that is full or
/// read-only, a disk that refuses for a while.
@Suite(.serialized) struct DisklessTests {
  /// Every point raw: a row for each reading, so that the books say whether one is missing.
  private func writeConfig(_ cabinet: Cabinet, every: String = "20ms", capacity: String = "12MiB") throws {
    let devices = (1...3).map {
      "  - {name: d\($0), bus: lan, unit: \($0), points: [{name: a, at: holding 0, type: uint16},"
        + " {name: b, at: holding 1, type: uint16}]}"
    }
    try cabinet.write(
      config: """
        gateway: {id: diskless}
        store: {capacity: \(capacity), commit: 100ms}
        defaults: {every: \(every), window: raw}
        buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])", timeout: 300ms}]
        devices:
        \(devices.joined(separator: "\n"))
        destinations: [{name: platform, url: "\(cabinet.platform.url)", batch: {linger: 20ms}, timeout: 1s, retry: {initial: 100ms, max: 300ms}}]
        """)
  }

  private func reasons(_ cabinet: Cabinet) -> [String] {
    cabinet.status()?["gateway"]?["reasons"]?.array?.compactMap(\.string) ?? []
  }

  private func wait(_ cabinet: Cabinet, forRows more: UInt64) throws {
    let before = cabinet.platform.stats.unique
    try cabinet.wait("\(more) rows") { cabinet.platform.stats.unique >= before + more }
  }

  private func waitForDisk(_ cabinet: Cabinet) throws {
    try cabinet.wait("the disk to be back") {
      _ = try cabinet.control(["flush"])
      return try cabinet.control(["status"]).code == 0
    }
  }

  /// Lets the polls end, and holds what was read against what the platform has: each reading once. `hasMore`: rows of
  /// an earlier run's memory, which is in no books any more.
  private func expectEveryReadingOnce(_ cabinet: Cabinet, streams: ClosedRange<Int>, hasMore: Bool = false)
    throws
  {
    try writeConfig(cabinet, every: "1h")
    #expect(try cabinet.control(["reload"]).code == 0)
    try cabinet.wait("every reading to be at the platform") {
      guard let books = cabinet.status()?["accounting"] else { return false }
      return books["pending"]?.unsignedInteger == 0
        && books["acquired"]?.unsignedInteger == cabinet.platform.stats.unique
        && books["delivered"]?.unsignedInteger == books["stored"]?.unsignedInteger
    }
    let books = cabinet.status()?["accounting"]
    #expect(books?["ringDropped"]?.unsignedInteger == 0)
    if !hasMore { #expect(books?["stored"]?.unsignedInteger == cabinet.platform.stats.unique) }
    let stats = cabinet.platform.stats
    #expect(streams.contains(stats.streams.count))
    #expect(stats.holes == 0)
    #expect(stats.rejected == 0)
  }

  @Test func withoutAStateDirectoryItRunsFromMemoryAndTakesTheDiskWhenItAppears() throws {
    let cabinet = try Cabinet()
    cabinet.place = "mount/state"
    try writeConfig(cabinet)
    try cabinet.startAndWait()
    try wait(cabinet, forRows: 50)
    let status = try cabinet.control(["status"])
    #expect(status.code == 2)
    #expect(
      reasons(cabinet).first?.hasPrefix(
        "store: the disk is away: cannot make directory \"\(cabinet.statePath)\": No such file or directory")
        == true,
      "\(reasons(cabinet))")
    #expect(reasons(cabinet).first?.contains("; rows are kept in memory since ") == true)
    #expect(try cabinet.control(["store"]).code == 0)
    // A reload goes on in memory; what the platform lacks can be carried out by hand.
    try writeConfig(cabinet, every: "30ms")
    #expect(try cabinet.control(["reload"]).code == 0)
    try wait(cabinet, forRows: 20)
    try cabinet.platform.goDown()
    try cabinet.wait("a backlog") { cabinet.count("queued") ?? 0 > 20 }
    let exported = try cabinet.control(["export", "\(cabinet.directory)/stick.gz", "--mark-delivered"])
    #expect(exported.code == 0, "\(exported.output)")
    let carried = try #require(cabinet.count("delivered")) - cabinet.platform.stats.unique
    #expect(carried > 20)
    try makeDirectory("\(cabinet.directory)/mount")
    try cabinet.wait("the disk") {
      _ = try cabinet.control(["flush"])
      return self.reasons(cabinet).allSatisfy { !$0.contains("disk is away") }
    }
    #expect(access("\(cabinet.statePath)/store-v1", F_OK) == 0)
    try cabinet.platform.comeUp()
    try waitForDisk(cabinet)
    let commits = try #require(cabinet.status()?["store"]?["commits"]?.unsignedInteger)
    try cabinet.wait("commits on the disk") {
      cabinet.status()?["store"]?["commits"]?.unsignedInteger ?? 0 > commits + 3
    }
    try wait(cabinet, forRows: 20)
    #expect(cabinet.platform.stats.streams.count == 2)
    #expect(try cabinet.stop() == 0)
    try cabinet.startAndWait()
    // It is an ordinary store.
    try waitForDisk(cabinet)
    // An answer that came too late on a busy machine makes a repetition, which the platform knows.
    #expect(cabinet.platform.stats.rejected == 0)
    #expect(try cabinet.stop() == 0)
  }

  @Test func aDiskThatRefusesForAWhileCostsNoReadingAndDelaysOnlyWhatItRefused() throws {
    let cabinet = try Cabinet()
    try writeConfig(cabinet)
    try cabinet.startAndWait()
    for _ in 0..<2 {
      try wait(cabinet, forRows: 20)
      // No file may grow, and none that is there may be written to.
      let gateway = try #require(cabinet.gateway)
      #expect(gateway.limitFiles(to: 0))
      try cabinet.wait("the refusal") {
        self.reasons(cabinet).contains { $0.contains("the disk is away: cannot") }
      }
      try wait(cabinet, forRows: 50)
      #expect(cabinet.count("pending") ?? 0 > 0)
      #expect(gateway.limitFiles(to: nil))
      try waitForDisk(cabinet)
    }
    // Memory that is not empty yet when the disk goes again is used again.
    try expectEveryReadingOnce(cabinet, streams: 2...3)
    #expect(try cabinet.stop() == 0)
  }

  @Test func whatIsOnlyInMemoryAtTheEndIsDeliveredOrSaidToBeLost() throws {
    for isUp in [true, false] {
      let cabinet = try Cabinet()
      cabinet.place = "mount/state"
      try writeConfig(cabinet)
      let process = try cabinet.start()
      try cabinet.wait("the daemon to answer") { cabinet.status() != nil }
      try wait(cabinet, forRows: 20)
      if !isUp { try cabinet.platform.goDown() }
      try cabinet.wait("more rows") {
        cabinet.count("stored") ?? 0 > cabinet.platform.stats.unique + (isUp ? 0 : 20) || isUp
      }
      process.kill(SIGTERM)
      let output = process.readAll(timeout: .seconds(20))
      #expect(try cabinet.stop() == 0)
      #expect(output.contains(" rows that were only in memory are lost") == !isUp, "\(output)")
    }
  }

  @Test func aWrongStateDirectoryStillEndsTheStart() throws {
    let cabinet = try Cabinet()
    try writeConfig(cabinet)
    for (place, prepare) in [
      ("gateway.yaml/state", { _ in }),
      (
        "open",
        { path in
          mkdir(path, 0o700)
          chmod(path, 0o777)
        }
      ),
      (
        "link",
        { path in
          mkdir(path, 0o700)
          symlink("/etc/hostname", "\(path)/store-v1")
        }
      ),
    ] as [(String, (String) -> Void)] {
      cabinet.place = place
      prepare(cabinet.statePath)
      let process = try cabinet.start()
      let output = process.readAll(timeout: .seconds(20))
      #expect(process.wait().status == 73, "\(output)")
    }
  }

  /// A real ext4, which needs root and loop devices.
  @Test func aFullOrReadOnlyFileSystemIsTakenUpWhenItCanBeWritten() throws {
    let cabinet = try Cabinet()
    guard let disk = LoopDisk(below: cabinet.directory, bytes: 40 << 20) else {
      return print("SKIPPED: a full and a read-only ext4: no loop mounts here")
    }
    defer { disk.unmount() }
    cabinet.place = "disk/state"
    try writeConfig(cabinet)
    // Full: the first slots do not fit.
    disk.fill(leaving: 4 << 20)
    try cabinet.startAndWait()
    try wait(cabinet, forRows: 20)
    #expect(reasons(cabinet).first?.contains("No space left on device") == true, "\(reasons(cabinet))")
    disk.free()
    try waitForDisk(cabinet)
    // Filled by somebody else: what the store needs is its own already.
    disk.fill(leaving: 0)
    let commits = try #require(cabinet.status()?["store"]?["commits"]?.unsignedInteger)
    try cabinet.wait("more commits") {
      cabinet.status()?["store"]?["commits"]?.unsignedInteger ?? 0 > commits + 10
    }
    #expect(try cabinet.control(["status"]).code == 0, "\(reasons(cabinet))")
    try expectEveryReadingOnce(cabinet, streams: 2...2)
    #expect(try cabinet.stop() == 0)
    disk.free()
    // Read-only since before the start.
    #expect(disk.remount("ro"))
    try writeConfig(cabinet)
    try cabinet.startAndWait()
    try wait(cabinet, forRows: 20)
    #expect(reasons(cabinet).first?.contains("Read-only file system") == true, "\(reasons(cabinet))")
    let acquired = try #require(cabinet.count("acquired"))
    #expect(disk.remount("rw"))
    try waitForDisk(cabinet)
    // What was counted before this run is taken up once.
    #expect(try #require(cabinet.count("acquired")) > acquired)
    try expectEveryReadingOnce(cabinet, streams: 3...3, hasMore: true)
    #expect(try cabinet.stop() == 0)
  }

  @Test(.enabled(if: geteuid() == 0, "needs root, for a loop mount"))
  func aCapacityThatTheFileSystemHasNotLeavesItsRoomToOthers() throws {
    let cabinet = try Cabinet()
    cabinet.place = "disk/state"
    let disk = try #require(LoopDisk(below: cabinet.directory, bytes: 64 << 20))
    defer { disk.unmount() }
    try writeConfig(cabinet, capacity: "256MiB")
    try cabinet.startAndWait()
    try wait(cabinet, forRows: 20)
    #expect(reasons(cabinet).contains { $0.contains("cannot reserve 256 MiB for the store: No space left") })
    #expect(disk.room > 24 << 20)
    #expect(try cabinet.stop() == 0)
  }
}

extension ChildProcess {
  /// The longest file that it may write; nil: as its limits were.
  fileprivate func limitFiles(to bytes: UInt?) -> Bool {
    let words = ["--pid", "\(pid)", "--fsize=\(bytes.map(String.init) ?? "unlimited"):"]
    return (try? ChildProcess("/usr/bin/prlimit", words).wait().status) == 0
  }
}

/// An ext4 in a file.
private final class LoopDisk {
  private let image: String
  private let path: String

  /// nil where that is not permitted, or a program for it is missing.
  init?(below directory: String, bytes: Int) {
    image = "\(directory)/disk.img"
    path = "\(directory)/disk"
    guard geteuid() == 0, mkdir(path, 0o700) == 0,
      let file = try? FileDescriptor.open(image, O_CREAT | O_WRONLY), ftruncate(file.number, bytes) == 0,
      Self.run("/usr/sbin/mkfs.ext4", ["-q", "-F", "-m", "0", image]),
      Self.run("/usr/bin/mount", ["-o", "loop", image, path])
    else { return nil }
  }

  private static func run(_ program: String, _ arguments: [String]) -> Bool {
    (try? ChildProcess(program, arguments, mergesErrors: true).wait().status) == 0
  }

  func unmount() { _ = Self.run("/usr/bin/umount", ["-l", path]) }
  func remount(_ mode: String) -> Bool { Self.run("/usr/bin/mount", ["-o", "remount,\(mode)", path]) }

  var room: UInt64 {
    var status = statvfs()
    return statvfs(path, &status) == 0 ? UInt64(status.f_bavail) * UInt64(status.f_frsize) : 0
  }

  func fill(leaving bytes: UInt64) {
    var status = statvfs()
    guard statvfs(path, &status) == 0,
      let file = try? FileDescriptor.open("\(path)/filler", O_CREAT | O_WRONLY | O_TRUNC)
    else { return }
    let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
    _ = posix_fallocate(file.number, 0, off_t(free - min(bytes, free)))
    // And what is left of it, block by block.
    let block = [UInt8](repeating: 1, count: 4096)
    if bytes == 0 { while write(file.number, block, block.count) > 0 {} }
  }

  func free() { unlink("\(path)/filler") }
}
