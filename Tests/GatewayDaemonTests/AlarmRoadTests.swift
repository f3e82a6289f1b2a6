import GatewayCore
import GatewayGzip
import GatewaySimulator
import GatewayStore
import GatewaySystem
import Glibc
import Testing

/// Alarms from a simulated door to a simulated platform, with the real programs.
@Suite(.serialized) struct AlarmRoadTests {
  private static var kills: Int { getenv("GATEWAY_KILLS").flatMap { Int(String(cString: $0)) } ?? 30 }

  /// A row of an alarm as the platform got it.
  private struct AlarmRow: Equatable {
    var stream: String
    var seq: UInt64
    var point: String
    var alarm: String
    var state: String
    var value: Double?
    var time: String

    var says: String { "\(point) \(alarm) \(state)" }
  }

  /// A door, a tank and a lamp, of which each is a coil or a register.
  private func cabinet(_ alarms: String? = nil, every: String = "20ms", capacity: String = "16MiB") throws
    -> Cabinet
  {
    let cabinet = try Cabinet(field: [
      FieldDevice(
        units: [1],
        registers: [
          FieldRegister(.coil, 0, words: [0]), FieldRegister(.holding, 0, words: [10]),
          FieldRegister(.holding, 1, words: [7]),
        ])
    ])
    try writeConfig(cabinet, alarms ?? Self.both, every: every, capacity: capacity)
    return cabinet
  }

  private static let both = """
            - {name: door, at: coil 0, kind: state, alarm: {name: open, equals: 1}}
            - {name: tank, at: holding 0, type: uint16, alarms: [{above: 60, hysteresis: 5}, {stale: 1s}]}
    """
  private static let none = """
            - {name: door, at: coil 0, kind: state}
            - {name: tank, at: holding 0, type: uint16}
    """

  private func writeConfig(
    _ cabinet: Cabinet, _ points: String, every: String = "20ms", capacity: String = "16MiB",
    batch: String = "{linger: 20ms}"
  ) throws {
    try cabinet.write(
      config: """
        gateway: {id: cabinet-7}
        store: {capacity: \(capacity), commit: 100ms}
        defaults: {every: \(every), window: raw}
        buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])", timeout: 300ms}]
        devices:
          - name: io
            bus: lan
            unit: 1
            points:
        \(points)
        destinations:
          - {name: platform, url: "\(cabinet.platform.url)", batch: \(batch), timeout: 3s, retry: {initial: 100ms, max: 300ms}}
        """)
  }

  private func set(_ cabinet: Cabinet, door: Bool) {
    #expect(cabinet.field.write([door ? 1 : 0], at: 0, in: .coil, unit: 1))
  }

  /// In the order in which they were raised and cleared.
  private func rows(_ cabinet: Cabinet) throws -> [AlarmRow] {
    try cabinet.platform.stats.streams.flatMap { stream in
      try cabinet.platform.rows(of: stream.stream).compactMap { row -> AlarmRow? in
        guard row.text.contains("\"alarm\"") else { return nil }
        let json = try JSONValue(parsing: row.text)
        return AlarmRow(
          stream: stream.stream, seq: row.seq, point: json["point"]?.string ?? "",
          alarm: json["alarm"]?.string ?? "", state: json["state"]?.string ?? "",
          value: json["value"]?.double, time: json["time"]?.string ?? "")
      }
    }
    .sorted { ($0.time, $0.seq) < ($1.time, $1.seq) }
  }

  private func wait(_ cabinet: Cabinet, for says: [String]) throws {
    try cabinet.wait("\(says)") { try rows(cabinet).map(\.says) == says }
  }

  private func books(_ cabinet: Cabinet) -> (stored: UInt64, sum: UInt64, queued: UInt64) {
    let books = cabinet.status()?["accounting"]
    func number(_ key: String) -> UInt64 { books?[key]?.unsignedInteger ?? 0 }
    return (
      number("stored"),
      number("delivered") + number("queued") + number("evicted") + number("quarantined"),
      number("queued")
    )
  }

  /// Everything that is stored is at the platform, once.
  private func expectBooksToBalance(_ cabinet: Cabinet) throws {
    try cabinet.wait("the books to be even") {
      let (before, books) = (cabinet.platform.stats.unique, books(cabinet))
      return books.queued == 0 && books.stored == before && books.sum == books.stored
    }
    let stats = cabinet.platform.stats
    #expect(stats.holes == 0)
    #expect(stats.rejected == 0, "\(stats.lastRejection ?? "")")
  }

  @Test func anAlarmIsRaisedAndClearedOnceAndListed() throws {
    let cabinet = try cabinet()
    try cabinet.startAndWait()
    try cabinet.wait("readings") { cabinet.platform.stats.unique > 5 }
    let calm = try cabinet.control(["alarms"])
    #expect(calm.code == 0)
    #expect(calm.output.hasPrefix("ALARMS  none of 3 is raised"), "\(calm.output)")
    #expect(try rows(cabinet).isEmpty)

    set(cabinet, door: true)
    try wait(cabinet, for: ["io.door open raised"])
    #expect(try rows(cabinet)[0].value == 1)
    let raised = try cabinet.control(["alarms"])
    #expect(raised.code == 1)
    #expect(raised.output.contains("io.door open"), "\(raised.output)")
    #expect(raised.output.contains("RAISED"), "\(raised.output)")
    let status = try #require(cabinet.status())
    #expect(status["gateway"]?["state"]?.string == "warning")
    let reason = status["gateway"]?["reasons"]?.array?.first?.string ?? ""
    #expect(reason.hasPrefix("alarm io.door open: raised since 20"), "\(reason)")
    #expect(status["alarms"]?.array?.map { $0["state"]?.string } == ["raised", "cleared", "cleared"])

    set(cabinet, door: false)
    try wait(cabinet, for: ["io.door open raised", "io.door open cleared"])
    let json = try JSONValue(parsing: try cabinet.control(["alarms", "--json"]).output)
    #expect(json["alarms"]?.array?[0]["raised"]?.unsignedInteger == 1)
    #expect(json["alarms"]?.array?[0]["state"]?.string == "cleared")
    #expect(try cabinet.control(["status"]).code == 0)
    try expectBooksToBalance(cabinet)
    #expect(cabinet.platform.stats.streams.count == 2)
    #expect(try cabinet.stop() == 0)
  }

  @Test func silenceLimitsAndAWayBackAreAlarmsToo() throws {
    let cabinet = try cabinet()
    try cabinet.startAndWait()
    try cabinet.wait("readings") { cabinet.platform.stats.unique > 5 }
    #expect(cabinet.field.write([61], at: 0, in: .holding, unit: 1))
    try wait(cabinet, for: ["io.tank above raised"])
    // Below the limit, but not by as much as it takes.
    #expect(cabinet.field.write([57], at: 0, in: .holding, unit: 1))
    try cabinet.field.set(FieldFault(.silent))
    try wait(cabinet, for: ["io.tank above raised", "io.tank stale raised"])
    #expect(try rows(cabinet).map(\.value) == [61, nil])
    try cabinet.field.clearFaults()
    try wait(cabinet, for: ["io.tank above raised", "io.tank stale raised", "io.tank stale cleared"])
    #expect(cabinet.field.write([55], at: 0, in: .holding, unit: 1))
    try cabinet.wait("the way back") { try rows(cabinet).last?.says == "io.tank above cleared" }
    try expectBooksToBalance(cabinet)
    #expect(try cabinet.stop() == 0)
  }

  @Test func aCabinetWithoutAlarmsOpensNothingMoreUntilAReloadBringsSome() throws {
    let cabinet = try cabinet(Self.none)
    try cabinet.startAndWait()
    let file = "\(cabinet.statePath)/alarms-v1"
    #expect(access(file, F_OK) != 0)
    let without = try cabinet.control(["alarms"])
    #expect(without.code == 0)
    #expect(without.output == "the configuration has no alarms\n")
    set(cabinet, door: true)
    try writeConfig(cabinet, Self.both)
    #expect(try cabinet.control(["reload"]).code == 0)
    try wait(cabinet, for: ["io.door open raised"])
    #expect(access(file, F_OK) == 0)
    // The alarm goes: at a reload …
    try writeConfig(cabinet, Self.none)
    #expect(try cabinet.control(["reload"]).code == 0)
    try wait(cabinet, for: ["io.door open raised", "io.door open cleared"])
    try writeConfig(cabinet, Self.both)
    #expect(try cabinet.control(["reload"]).code == 0)
    try cabinet.wait("it to be raised again") { try rows(cabinet).count == 3 }
    // … and at a start.
    #expect(try cabinet.stop() == 0)
    try writeConfig(cabinet, Self.none)
    try cabinet.startAndWait()
    try cabinet.wait("it to be cleared again") {
      try rows(cabinet).map(\.state) == ["raised", "cleared", "raised", "cleared"]
    }
    try expectBooksToBalance(cabinet)
    #expect(try cabinet.stop() == 0)
  }

  @Test func eachAlarmIsRaisedAndClearedOnceThroughKillsAtRandomMoments() throws {
    let seed = UInt64.random(in: .min ... .max)
    var dice = SplitMix(seed: seed)
    let cabinet = try cabinet()
    try cabinet.startAndWait()
    var isOpen = false
    var clean = 0
    for _ in 0..<Self.kills {
      if Bool.random(using: &dice) {
        isOpen.toggle()
        set(cabinet, door: isOpen)
      }
      usleep(UInt32.random(in: 0...400_000, using: &dice))
      // What was seen before the kill must not be said again after it.
      if Int.random(in: 0..<5, using: &dice) == 0, cabinet.gateway != nil {
        clean += 1
        // Early in its life SIGTERM ends it like any kill.
        _ = try cabinet.stop()
      } else {
        cabinet.killHard()
        // As after a start of the machine: the stores go on under other streams.
        if Int.random(in: 0..<6, using: &dice) == 0 {
          for suffix in ["stored", "alarms-stored"] { unlink("\(cabinet.socketPath).\(suffix)") }
        }
      }
      if Int.random(in: 0..<4, using: &dice) == 0 {
        cabinet.platform.set(.closeAfter, for: FaultTerm(count: 2))
      }
      try cabinet.start()
    }
    cabinet.platform.clearFaults()
    try cabinet.wait("the daemon to answer") { cabinet.status() != nil }
    set(cabinet, door: !isOpen)
    try cabinet.wait("the last change") {
      try rows(cabinet).last { $0.point == "io.door" }?.state == (isOpen ? "cleared" : "raised")
    }
    let found = try rows(cabinet)
    for name in ["io.door open", "io.tank above", "io.tank stale"] {
      let states = found.filter { $0.says.hasPrefix(name) }.map(\.state)
      let wanted = states.indices.map { $0 % 2 == 0 ? "raised" : "cleared" }
      #expect(states == wanted, "seed \(seed): \(name) \(found)")
    }
    #expect(found.count > 2, "seed \(seed)")
    try expectBooksToBalance(cabinet)
    print(
      "\(Self.kills - clean) kills and \(clean) stops, seed \(seed): \(found.count) alarm rows,"
        + " \(cabinet.platform.stats.duplicates) duplicates removed")
    #expect(try cabinet.stop() == 0)
  }

  /// Rows of an earlier life in the store of what is measured.
  private func fill(_ cabinet: Cabinet, commits: Int, rows: Int) throws -> DeliveryBooks {
    try makeDirectory(cabinet.statePath)
    let store = try DurableStore.open(
      directory: cabinet.statePath, capacity: 16 << 20, destinations: ["platform"],
      boot: BootID(high: 1, low: 1), mark: StoredMark())
    let catalogue = Catalogue(points: [
      PointDescription(name: "io.old", unit: nil, kind: .gauge, window: .raw, functions: .standard)
    ])
    var dice = SplitMix(seed: 7)
    var time: Int64 = 1_700_000_000_000_000
    for _ in 0..<commits {
      var encoder = RowEncoder()
      for _ in 0..<rows {
        time += 100_003
        let moment = Moment(
          time: Timestamp(microseconds: time), boot: BootTime(microseconds: time - 1_000_000))
        encoder.append(
          Reading(point: 0, at: moment, value: .double(Double.random(in: 0...1, using: &dice))))
      }
      try encoder.bytes.withBytes { bytes throws(StoreError) in
        try store.append(
          payload: bytes, rowCount: rows, catalogue: catalogue, time: Timestamp(microseconds: time))
      }
    }
    let books = store.overallBooks
    try store.close()
    return books
  }

  @Test func anAlarmOvertakesABacklogOfMoreThanAHundredThousandRows() throws {
    let cabinet = try cabinet()
    try writeConfig(cabinet, Self.both, batch: "{linger: 20ms, max-readings: 500}")
    #expect(try fill(cabinet, commits: 60, rows: 2000).queued == 120_000)
    // 500 rows each 300 ms, and both lanes wait as long for each answer.
    cabinet.platform.set(.delay(.milliseconds(300)))
    try cabinet.startAndWait()
    try cabinet.wait("the backlog to drain") { cabinet.platform.stats.unique > 1000 }
    for round in 1...5 {
      let before = cabinet.platform.stats.unique
      set(cabinet, door: round % 2 == 1)
      try cabinet.wait("alarm \(round)") { try rows(cabinet).count == round }
      let sent = cabinet.platform.stats.unique - before
      let books = books(cabinet)
      #expect(books.queued > 100_000)
      #expect(books.stored == books.sum)
      #expect(sent < 20_000, "it went before what was queued")
    }
    #expect(try cabinet.control(["alarms"]).code == 1)
    #expect(try cabinet.stop() == 0)
  }

  @Test func aFullStoreCostsNoAlarm() throws {
    let cabinet = try cabinet()
    try cabinet.platform.goDown()
    try cabinet.startAndWait()
    for round in 1...6 {
      set(cabinet, door: round % 2 == 1)
      try cabinet.wait("alarm \(round)") {
        cabinet.status()?["alarms"]?.array?[0]["state"]?.string == (round % 2 == 1 ? "raised" : "cleared")
      }
    }
    #expect(try cabinet.stop() == 0)
    let filled = try fill(cabinet, commits: 50, rows: 80_000)
    #expect(filled.evicted > 0)
    try cabinet.startAndWait()
    let status = try #require(cabinet.status())
    #expect(status["accounting"]?["evicted"]?.unsignedInteger == filled.evicted)
    let last = books(cabinet)
    #expect(last.stored == last.sum)
    try cabinet.platform.comeUp()
    try cabinet.wait("the alarms") { try rows(cabinet).count == 6 }
    #expect(
      try rows(cabinet).map(\.state) == ["raised", "cleared", "raised", "cleared", "raised", "cleared"])
    #expect(try cabinet.stop() == 0)
  }

  @Test func alarmsAreExportedAndMarkedLikeAnyRow() throws {
    let cabinet = try cabinet()
    try cabinet.platform.goDown()
    try cabinet.startAndWait()
    set(cabinet, door: true)
    try cabinet.wait("the alarm") { try cabinet.control(["alarms"]).code == 1 }
    let path = "\(cabinet.directory)/export.gz"
    let result = try cabinet.control(["export", path, "--mark-delivered"])
    #expect(result.code == 0, "\(result.output)")
    let lines = try text(ofGzip: path)
    #expect(lines.contains(#""point":"io.door","time":""#))
    #expect(lines.contains(#","alarm":"open","state":"raised","value":1,"quality":"good""#))
    // Nothing of what the file has comes again.
    set(cabinet, door: false)
    try cabinet.platform.comeUp()
    try cabinet.wait("the next one") { try rows(cabinet).last?.state == "cleared" }
    try cabinet.wait("the queue to be empty") { books(cabinet).queued == 0 }
    let last = books(cabinet)
    #expect(last.stored == last.sum)
    #expect(try cabinet.stop() == 0)
  }

  @Test func anAlarmThatAPlatformRefusesWaitsInTheQuarantineForAPerson() throws {
    let cabinet = try cabinet()
    cabinet.platform.set(.poison(1...1, status: 422))
    try cabinet.startAndWait()
    set(cabinet, door: true)
    func quarantined() throws -> [JSONValue] {
      let json = try JSONValue(parsing: try cabinet.control(["quarantine", "--json"]).output)
      return json["rows"]?.array ?? []
    }
    try cabinet.wait("the refusals") { try quarantined().count == 2 }
    #expect(try quarantined().compactMap { $0["alarm"]?.string } == ["open"])
    let last = books(cabinet)
    #expect(last.stored == last.sum)
    cabinet.platform.clearFaults()
    #expect(try cabinet.control(["quarantine", "retry", "all"]).code == 0)
    try wait(cabinet, for: ["io.door open raised"])
    try expectBooksToBalance(cabinet)
    #expect(try quarantined().isEmpty)
    #expect(try cabinet.stop() == 0)
  }

  @Test func withoutADiskAlarmsGoByMemoryAndADiskThatAppearsKnowsWhatIsRaised() throws {
    let cabinet = try cabinet()
    cabinet.place = "mount/state"
    try cabinet.startAndWait()
    set(cabinet, door: true)
    try wait(cabinet, for: ["io.door open raised"])
    try makeDirectory("\(cabinet.directory)/mount")
    try cabinet.wait("the disk") {
      _ = try cabinet.control(["flush"])
      let reasons = cabinet.status()?["gateway"]?["reasons"]?.array?.compactMap(\.string) ?? []
      return reasons.allSatisfy { $0.hasPrefix("alarm ") }
    }
    try cabinet.wait("the store's first commit") {
      let store = try JSONValue(parsing: try cabinet.control(["store", "--json"]).output)
      return store["alarms"]?["capacity"]?.unsignedInteger == 4 << 20
    }
    usleep(500_000)
    cabinet.killHard()
    try cabinet.startAndWait()
    #expect(try cabinet.control(["alarms"]).code == 1)
    set(cabinet, door: false)
    try cabinet.wait("the end of it") {
      try rows(cabinet).contains { $0.says == "io.door open cleared" }
    }
    #expect(try rows(cabinet).filter { $0.alarm == "open" }.count == 2)
    set(cabinet, door: true)
    try cabinet.wait("the next one") { try rows(cabinet).filter { $0.alarm == "open" }.count == 3 }
    #expect(cabinet.platform.stats.rejected == 0)
    #expect(try cabinet.stop() == 0)
  }

  private func text(ofGzip path: String) throws -> String {
    let process = try ChildProcess("/usr/bin/zcat", [path])
    return process.readAll(timeout: .seconds(10))
  }
}
