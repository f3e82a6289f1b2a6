import GatewayCore
import GatewayGzip
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// Rows whose time is known only later, with the real programs under a clock that the test sets.
@Suite(.serialized, .enabled(if: FakeMachine.isThere, "SKIPPED: no C compiler here"))
struct HealingTests {
  /// A cabinet whose register 0 says how many milliseconds have passed since about `start`.
  private struct Site {
    let cabinet: Cabinet
    let machine: FakeMachine
    /// By the clock of the test, and how far that may be off.
    let start: Timestamp
    let doubt: Duration

    init(_ config: String = "{name: ms, at: holding 0, type: uint32, window: raw}") throws {
      let before = SystemClock.moment
      let wave = FieldRegister(
        .holding, 0, .counter(perSecond: 1000), layout: RegisterLayout(type: .uint32))
      cabinet = try Cabinet(field: [
        FieldDevice(units: [1], registers: [wave, FieldRegister(.holding, requestsAt: 10)])
      ])
      start = before.time
      doubt = before.boot.duration(to: SystemClock.boot)
      machine = try FakeMachine(in: cabinet.directory)
      cabinet.environment = try machine.environment()
      try cabinet.write(
        config: """
          gateway: {id: test-cabinet}
          store: {capacity: 16MiB, commit: 100ms}
          defaults: {every: 30ms}
          buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])"}]
          devices: [{name: d, bus: lan, unit: 1, points: [\(config)]}]
          destinations:
            - {name: city, url: "\(cabinet.platform.url)", batch: {linger: 20ms}, retry: {initial: 100ms, max: 300ms}}
          """)
    }

    func waitForRows(_ count: UInt64) throws {
      let before = cabinet.count("stored") ?? 0
      try cabinet.wait("\(count) more rows") { cabinet.count("stored") ?? 0 >= before + count }
    }

    /// What waits to be delivered as it would leave now, by number.
    func exported() throws -> [UInt64: JSONValue] {
      let path = "\(cabinet.directory)/rows"
      let result = try cabinet.control(["export", path, "--force"])
      guard result.code == 0 else { throw Cabinet.Failure(description: result.output) }
      var decoder = GzipDecoder()
      var text = ByteBuffer()
      _ = try readFile(path, limit: 64 << 20).withUnsafeBytes { decoder.append($0, to: &text) }
      var rows: [UInt64: JSONValue] = [:]
      for line in String(decoding: text.copyBytes(), as: UTF8.self).split(separator: "\n") {
        for row in try JSONValue(parsing: String(line))["readings"]?.array ?? [] {
          rows[row["seq"]?.unsignedInteger ?? 0] = row
        }
      }
      return rows
    }

    /// All that the platform has, a list for each stream in the order in which they began.
    var delivered: [JSONValue] {
      get throws {
        try cabinet.platform.stats.streams.flatMap { stream in
          try cabinet.platform.rows(of: stream.stream).map { try JSONValue(parsing: $0.text) }
        }
      }
    }

    /// How far a row's time is from when its value was read, seconds; nil for a failed reading.
    func error(_ row: JSONValue) -> Double? {
      guard let value = row["value"]?.double, let time = row["time"]?.timestamp else { return nil }
      return Double(time.microseconds - start.microseconds) / 1e6 - value / 1000
    }

    func waitUntilDelivered() throws {
      try cabinet.wait("everything to be delivered", within: .seconds(60)) { cabinet.count("queued") == 0 }
    }
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

  @Test(
    "fault 17: a box wakes up in January 1970 and learns the time three days later: every row arrives once with its right time to 50 ms, synced"
  )
  func aWakeUpIn1970() throws {
    let site = try Site()
    let (cabinet, machine) = (site.cabinet, site.machine)
    try cabinet.platform.goDown()
    try cabinet.startAndWait()
    #expect(cabinet.status()?["clock"]?["synchronized"]?.bool == false)
    try site.waitForRows(60)
    let before = try site.exported()
    #expect(before.count >= 60)
    for row in before.values {
      #expect(row["timeQuality"]?.string == "unsynced")
      #expect(row["time"]?.string?.hasPrefix("1970-01-01T00:0") == true)
    }
    let shift = machine.right - 10_000_000
    machine.run(for: .seconds(3 * 86_400))
    machine.synchronize()
    try cabinet.wait("the daemon to see it") { cabinet.status()?["clock"]?["synchronized"]?.bool == true }
    try cabinet.wait("the step to be told") { cabinet.status()?["clock"]?["steps"]?.unsignedInteger == 1 }
    try site.waitForRows(30)
    // Carried out by hand or sent: the same.
    #expect(try site.exported().values.allSatisfy { $0["timeQuality"] == nil })
    try cabinet.platform.comeUp()
    try site.waitUntilDelivered()
    try cabinet.expectBooksToBalance()
    let rows = try site.delivered
    #expect(rows.count > 90)
    #expect(rows.allSatisfy { $0["timeQuality"] == nil }, "some are not synced")
    var seen = 0
    for row in rows {
      guard let raw = before[row["seq"]?.unsignedInteger ?? 0]?["time"]?.timestamp else { continue }
      let time = try #require(row["time"]?.timestamp)
      #expect((time.microseconds - raw.microseconds - shift).magnitude <= 50_000)
      seen += 1
    }
    #expect(seen == before.count)
    // And that is the time at which the values were read.
    let early = rows.filter { before[$0["seq"]?.unsignedInteger ?? 0] != nil }.compactMap(site.error)
    #expect(abs(Self.median(early)) <= 0.05 + site.doubt.seconds)
    let times = rows.compactMap { $0["time"]?.timestamp }
    #expect(times == times.sorted())
    #expect(try cabinet.stop() == 0)
  }

  @Test(
    "rows and alarms that a platform answered with 503 before the time was known arrive with their right time"
  )
  func anAnswerBeforeTheTimeIsKnown() throws {
    let site = try Site(
      "{name: ms, at: holding 0, type: uint32, window: raw, alarm: {name: late, above: 100}}")
    let (cabinet, machine) = (site.cabinet, site.machine)
    cabinet.platform.set(.status(503))
    try cabinet.startAndWait()
    try site.waitForRows(60)
    machine.synchronize()
    try cabinet.wait("the daemon to see it") { cabinet.status()?["clock"]?["synchronized"]?.bool == true }
    try cabinet.wait("the step to be told") { cabinet.status()?["clock"]?["steps"]?.unsignedInteger == 1 }
    cabinet.platform.clearFaults()
    try site.waitUntilDelivered()
    #expect(cabinet.platform.stats.streams.count == 2, "rows, and alarms")
    let rows = try site.delivered
    #expect(rows.count >= 60, "\(rows.count) rows; \(cabinet.platform.stats.streams)")
    #expect(rows.contains { $0["state"]?.string == "raised" })
    for row in rows {
      #expect(row["timeQuality"] == nil && row["time"]?.string?.hasPrefix("1970") == false, "\(row)")
    }
    #expect(try cabinet.stop() == 0)
  }

  @Test(
    "fault 17: rows of two boots that never knew the time come as estimated, each within its bound and in their order, and a damaged table is set aside"
  )
  func bootsThatNeverKnew() throws {
    let site = try Site()
    let (cabinet, machine) = (site.cabinet, site.machine)
    machine.synchronize()
    try cabinet.startAndWait()
    try site.waitForRows(20)
    try cabinet.platform.goDown()
    for _ in 0..<2 {
      cabinet.killHard()
      usleep(700_000)
      try machine.switchOn()
      try cabinet.startAndWait()
      try site.waitForRows(30)
      let rows = try site.exported()
      #expect(rows.values.contains { $0["timeQuality"]?.string == "unsynced" })
    }
    cabinet.killHard()
    usleep(700_000)
    try machine.switchOn()
    try cabinet.startAndWait()
    try site.waitForRows(20)
    machine.synchronize()
    try cabinet.wait("the daemon to see it") { cabinet.status()?["clock"]?["synchronized"]?.bool == true }
    try cabinet.platform.comeUp()
    try site.waitUntilDelivered()
    let rows = try site.delivered
    let estimated = rows.filter { $0["timeQuality"] != nil }
    #expect(estimated.count >= 60)
    for row in estimated {
      try #require(row["timeQuality"]?.string == "estimated")
      let bound = try #require(row["timeError"]?.double)
      // Half of the pauses between the boots, which no machine makes shorter than this.
      try #require(bound > 0.3 && bound < 120)
      if let error = site.error(row) { try #require(abs(error) <= bound + 0.2 + site.doubt.seconds) }
    }
    let exact = rows.filter { $0["timeQuality"] == nil }.compactMap(site.error)
    #expect(abs(Self.median(exact)) <= 0.05 + site.doubt.seconds)
    let times = rows.sorted { $0["value"]?.double ?? 0 < $1["value"]?.double ?? 0 }.compactMap {
      $0["time"]?.timestamp
    }
    #expect(times == times.sorted(), "a later boot's rows came before an earlier one's")
    #expect(cabinet.platform.stats.holes == 0)
    #expect(cabinet.platform.stats.rejected == 0, "\(cabinet.platform.stats.lastRejection ?? "")")
    #expect(try cabinet.stop() == 0)

    let path = "\(cabinet.statePath)/boots"
    var bytes = try readFile(path)
    #expect(BootClock(text: bytes)?.boots.count == 4)
    bytes[bytes.count / 2] ^= 1
    try replaceFile(path, by: bytes)
    try cabinet.startAndWait()
    try site.waitForRows(10)
    #expect(try readFile(path + ".damaged") == bytes)
    #expect(BootClock(text: try readFile(path))?.boots.count == 1)
    #expect(try cabinet.stop() == 0)
  }

  private static let windowed = """
    {name: requests, at: holding 10, type: uint32, window: 1s, functions: [min, max, count]}, \
    {name: raw, at: holding 10, type: uint32, window: raw}
    """

  /// Register 10 counts the requests: so a window that holds each reading once, and lacks none, has as many as lie between
  /// its least and its greatest value.
  private func expectWindowsToTile(_ rows: [JSONValue]) throws {
    let windows = rows.filter { $0["point"]?.string == "d.requests" }
    #expect(windows.count > 4)
    var next: UInt64?
    for window in windows where window["bad"] == nil {
      let first = try #require(window["min"]?.unsignedInteger)
      let last = try #require(window["max"]?.unsignedInteger)
      #expect(window["count"]?.unsignedInteger == last - first + 1)
      if let next { #expect(first == next, "a reading is in no window, or in two") }
      next = last + 1
    }
    let raw = rows.filter { $0["point"]?.string == "d.raw" }.compactMap { $0["value"]?.unsignedInteger }
    #expect(raw == Array((raw.first ?? 0)...(raw.last ?? 0)))
  }

  @Test(
    "fault 18: steps by an hour and by ten years, forward and back, while windows run: no row and no reading is lost, doubled or out of order",
    arguments: [true, false])
  func steps(isSynchronized: Bool) throws {
    let site = try Site(Self.windowed)
    let (cabinet, machine) = (site.cabinet, site.machine)
    machine.synchronize()
    machine.setSynchronized(isSynchronized)
    try cabinet.startAndWait()
    try site.waitForRows(60)
    let tenYears = Duration.seconds(10 * 365 * 86_400)
    let steps: [Duration] = [
      .seconds(3600), .seconds(-3600), .milliseconds(-1500), tenYears, .zero - tenYears, .zero - tenYears,
      tenYears,
    ]
    for (number, step) in steps.enumerated() {
      machine.step(by: step)
      try cabinet.wait("step \(number)") {
        cabinet.status()?["clock"]?["steps"]?.unsignedInteger == UInt64(number + 1)
      }
      #expect(cabinet.status()?["clock"]?["lastStep"]?.double.map { abs($0 - step.seconds) < 0.1 } == true)
      try site.waitForRows(60)
    }
    try site.waitForRows(120)
    try cabinet.expectBooksToBalance()
    let rows = try site.delivered
    let numbers = rows.compactMap { $0["seq"]?.unsignedInteger }
    #expect(numbers == numbers.sorted())
    try expectWindowsToTile(rows)
    #expect(try cabinet.stop() == 0)
  }

  @Test(
    "fault 17: a window that was open when the power went has its own boot's time, and no reading of the next boot, though both began in 1970"
  )
  func aWindowOfTwoBoots() throws {
    let site = try Site(
      """
      {name: ms, at: holding 0, type: uint32, window: 60s, functions: [min, max, count]}, \
      {name: raw, at: holding 0, type: uint32, window: raw}
      """)
    let (cabinet, machine) = (site.cabinet, site.machine)
    try cabinet.platform.goDown()
    try cabinet.startAndWait()
    try site.waitForRows(20)
    cabinet.killHard()
    let off = Double(SystemClock.time.microseconds - site.start.microseconds) / 1000
    usleep(400_000)
    try machine.switchOn()
    let on = Double(SystemClock.time.microseconds - site.start.microseconds) / 1000
    try cabinet.startAndWait()
    try site.waitForRows(20)
    machine.synchronize()
    try cabinet.platform.comeUp()
    try cabinet.wait("the second window") {
      try site.delivered.count { $0["point"]?.string == "d.ms" } == 2
    }
    let windows = try site.delivered.filter { $0["point"]?.string == "d.ms" }
    #expect(windows.allSatisfy { $0["count"]?.integer ?? 0 > 0 })
    // By the values, which are at most 10 ms old when they are read.
    #expect(windows[0]["max"]?.double ?? .infinity <= off)
    #expect(windows[1]["min"]?.double ?? 0 >= on - 20 - site.doubt.seconds * 1000)
    #expect(windows[0]["partial"]?.bool == true)
    #expect(windows[0]["timeQuality"]?.string == "estimated")
    #expect(windows[1]["timeQuality"] == nil)
    #expect(windows[0]["time"]?.timestamp ?? site.start < windows[1]["time"]?.timestamp ?? site.start)
    #expect(try cabinet.stop() == 0)
  }

  @Test(
    "fault 19: a leap second after the time was learnt: what was read before it keeps its right time, and nothing is lost"
  )
  func aLeapSecond() throws {
    let site = try Site()
    let (cabinet, machine) = (site.cabinet, site.machine)
    try cabinet.platform.goDown()
    try cabinet.startAndWait()
    try site.waitForRows(40)
    let blind = try site.exported()
    machine.synchronize()
    try cabinet.wait("the daemon to see it") { cabinet.status()?["clock"]?["synchronized"]?.bool == true }
    try site.waitForRows(20)
    machine.leap()
    try cabinet.wait("the leap second") { cabinet.status()?["clock"]?["steps"]?.unsignedInteger == 2 }
    try site.waitForRows(20)
    try cabinet.platform.comeUp()
    try site.waitUntilDelivered()
    try cabinet.expectBooksToBalance()
    let rows = try site.delivered.filter { blind[$0["seq"]?.unsignedInteger ?? 0] != nil }
    #expect(rows.count == blind.count)
    #expect(rows.allSatisfy { $0["timeQuality"] == nil })
    #expect(abs(Self.median(rows.compactMap(site.error))) <= 0.05 + site.doubt.seconds)
    #expect(try cabinet.stop() == 0)
  }

  @Test(
    "fault 20: ten minutes of suspend are told in the log, and cost no reading"
  )
  func suspend() throws {
    let site = try Site(Self.windowed)
    let (cabinet, machine) = (site.cabinet, site.machine)
    machine.synchronize()
    try cabinet.startAndWait()
    try site.waitForRows(60)
    machine.sleep(for: .seconds(600))
    try site.waitForRows(90)
    try cabinet.expectBooksToBalance()
    #expect(cabinet.status()?["clock"]?["steps"]?.unsignedInteger == 0)
    let rows = try site.delivered
    #expect(rows.allSatisfy { $0["timeQuality"] == nil })
    try expectWindowsToTile(rows)
    let gateway = try #require(cabinet.gateway)
    gateway.kill(SIGTERM)
    let log = gateway.readAll(timeout: .seconds(20))
    #expect(log.contains("slept for 600.0"), "\(log)")
  }

  @Test(
    "fault 18: a clock that is set by hand while it is not synchronised does not mislead: the boot knew the time, and rows keep it"
  )
  func aClockThatIsSetWrongly() throws {
    let site = try Site()
    let (cabinet, machine) = (site.cabinet, site.machine)
    machine.synchronize()
    try cabinet.startAndWait()
    try site.waitForRows(20)
    // As settimeofday(2) does it.
    machine.setSynchronized(false)
    machine.step(by: .seconds(-86_400))
    try site.waitForRows(40)
    try site.waitUntilDelivered()
    let rows = try site.delivered
    #expect(rows.allSatisfy { $0["timeQuality"] == nil })
    #expect(abs(Self.median(rows.suffix(30).compactMap(site.error))) <= 0.05 + site.doubt.seconds)
    #expect(rows.compactMap(site.error).allSatisfy { abs($0) < 3600 })
    #expect(try cabinet.stop() == 0)
  }
}
