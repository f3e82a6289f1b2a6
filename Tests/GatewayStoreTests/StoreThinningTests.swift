import GatewayCore
import Synchronization
import Testing

@testable import GatewayStore

/// What a destination gets when the oldest rows have to make room and the policy is to thin them. Each
/// reading has a number of its own as its weight, so that rows that are there twice, or not at all, show in
/// the sums.
@Suite struct StoreThinningTests {
  private static let start: Int64 = 1_790_000_000_000_000
  private static let catalogue = Catalogue(points: [
    PointDescription(name: "a.level", unit: "MTR", kind: .gauge, window: .raw, functions: .standard),
    PointDescription(name: "a.pulses", unit: nil, kind: .counter, window: .raw, functions: .standard),
  ])

  /// What rows say together.
  private struct Content: Equatable {
    var count: UInt64 = 0
    var sum = 0.0

    mutating func add(_ row: Row, of catalogue: Catalogue, _ name: String) {
      guard catalogue.points[Int(row.point)].name == name else { return }
      switch row.body {
      case .reading(let value):
        count += 1
        sum += value?.asDouble ?? 0
      case .window(let window):
        count += window.count
        sum += window.sum
      case .alarm: break
      }
    }
  }

  private struct Named {
    var row: Row
    var point: PointDescription
    var stream: StreamID
    var seq: UInt64
  }

  /// Every row that `name` still needs.
  private static func pending(_ store: DurableStore, _ name: String = "p") throws -> [Named] {
    let queue = store.queue(for: name)
    var rows: [Named] = []
    var seq: UInt64 = 1
    while let run = queue.pending(from: seq) {
      seq = run.lowerBound
      guard case .commit(let commit) = queue.read(at: seq) else {
        Issue.record("row \(seq) cannot be read")
        return rows
      }
      // Of a commit that a cut let through, the descriptions may be missing.
      let known = commit.catalogueID == Self.catalogue.id ? Self.catalogue : nil
      let catalogue = try #require(queue.catalogue(commit.catalogueID) ?? known)
      try commit.payload.withUnsafeBytes { payload in
        var decoder = RowDecoder(payload, rowCount: commit.rowCount)
        for number in commit.firstSeq...commit.lastSeq {
          let row = try #require(try decoder.next())
          guard number >= run.lowerBound, number <= run.upperBound else { continue }
          rows.append(
            Named(row: row, point: catalogue.points[Int(row.point)], stream: commit.stream, seq: number))
        }
      }
      seq = min(commit.lastSeq, run.upperBound) + 1
    }
    return rows
  }

  private static func content(_ rows: [Named], _ name: String = "a.level") -> Content {
    var content = Content()
    for row in rows where row.point.name == name {
      var one = row.row
      one.point = 0
      content.add(one, of: Catalogue(points: [row.point]), name)
    }
    return content
  }

  /// Readings of both points, ten seconds apart.
  private static func append(
    _ readings: Int, from number: inout Int, to store: DurableStore, padding: Int = 0
  ) throws -> Content {
    var rows = RowEncoder()
    var content = Content()
    for place in number..<number + readings {
      let time = start + Int64(place) * 10_000_000
      let moment = Moment(time: Timestamp(microseconds: time), boot: BootTime(microseconds: time - start))
      let level = Row(Reading(point: 0, at: moment, value: .double(Double(place % 1000 + 1))))
      rows.append(level)
      rows.append(Row(Reading(point: 1, at: moment, value: .unsigned(UInt64(place) * 3))))
      content.add(level, of: catalogue, "a.level")
    }
    let count = rows.rowCount
    var payload = rows.takeBytes(reserving: padding)
    payload.append(zeros: padding)
    try payload.withBytes {
      try store.append(
        payload: $0, rowCount: count, catalogue: catalogue,
        time: Timestamp(microseconds: start + Int64(number + readings) * 10_000_000))
    }
    number += readings
    return content
  }

  private static func open(
    _ device: MemoryDevice, slots: Int, slotSize: Int = smallSlot, _ destinations: [String] = ["p"],
    boot: BootID = bootA
  ) throws -> DurableStore {
    let store = try DurableStore(
      device: device, slotSize: slotSize, capacity: (slots + 1) * slotSize, destinations: destinations,
      boot: boot, mark: device.mark)
    store.evict(by: .thin)
    return store
  }

  @Test func aMonthWithoutAnUplinkKeepsItsShapeInAQuarterOfAMebibyte() throws {
    let device = MemoryDevice()
    let store = try Self.open(device, slots: 7, slotSize: 32 << 10)
    var (number, level) = (0, Content())
    let readings = 30 * 8640
    while number < readings {
      let more = try Self.append(180, from: &number, to: store)
      level.count += more.count
      level.sum += more.sum
      store.packOldSegments()
      store.thinOldRows()
    }
    #expect(device.size <= 256 << 10)
    let books = store.overallBooks
    #expect(books.thinned == books.evicted && books.damaged == 0 && books.delivered == 0)
    expectBalance(store)
    let rows = try Self.pending(store).sorted { $0.row.time < $1.row.time }
    // Nothing is missing, nothing is there twice.
    let found = Self.content(rows)
    #expect(found.count == level.count && found.sum == level.sum)
    let counter = rows.filter { $0.point.name == "a.pulses" }
    #expect(counter.reduce(0.0) { max($0, Self.last($1.row)) } == Double(readings - 1) * 3)
    #expect(counter.reduce(Double.infinity) { min($0, Self.least($1.row)) } == 0)
    // The whole of it, and the newest finest.
    for name in ["a.level", "a.pulses"] {
      var uncovered = Set(0..<30 * 24)
      for row in rows where row.point.name == name {
        let end = Int((row.row.time.microseconds - Self.start) / 1_000_000)
        let begin = end - Self.seconds(row.row)
        for hour in begin / 3600...max(end - 1, begin) / 3600 { uncovered.remove(hour) }
      }
      #expect(uncovered.isEmpty, "\(name): hours \(uncovered.sorted())")
    }
    let widths = rows.map { Self.seconds($0.row) }
    let lastHour = Self.start + 30 * 86_400_000_000 - 3_600_000_000
    #expect(
      rows.allSatisfy {
        Self.seconds($0.row) == 0
          || $0.row.time.microseconds - Int64(Self.seconds($0.row)) * 1_000_000 < lastHour
      })
    let (old, new) = (widths.prefix(100), widths.suffix(1000))
    #expect(old.reduce(0, +) / old.count > 20 * (new.reduce(0, +) / new.count))
    print(
      "thinning: \(rows.count) rows stand for \(2 * readings): \(Dictionary(grouping: widths) { $0 }.mapValues(\.count))"
    )
  }

  private static func seconds(_ row: Row) -> Int {
    if case .window(let window) = row.body { Int(window.seconds) } else { 0 }
  }

  private static func last(_ row: Row) -> Double {
    switch row.body {
    case .reading(let value): value?.asDouble ?? 0
    case .window(let window): window.last.asDouble
    case .alarm: 0
    }
  }

  private static func least(_ row: Row) -> Double {
    switch row.body {
    case .reading(let value): value?.asDouble ?? 0
    case .window(let window): window.min
    case .alarm: 0
    }
  }

  /// Until no slot is left for the next segment.
  private static func fill(_ store: DurableStore, _ slots: Int, from number: inout Int) throws -> Content {
    var content = Content()
    while store.shared.withLock({ $0.map.segments.count < slots }) {
      let more = try append(40, from: &number, to: store)
      content.count += more.count
      content.sum += more.sum
    }
    return content
  }

  @Test func whoHasTheRowsHasTheirSummaryAndWhoHasNotGetsIt() throws {
    let device = MemoryDevice()
    var store = try Self.open(device, slots: 4, ["all", "none", "some"])
    var number = 0
    let content = try Self.fill(store, 4, from: &number)
    let last = store.storedThrough
    store.queue(for: "all").acknowledge(1...last, as: .delivered)
    store.queue(for: "some").acknowledge(21...250, as: .delivered)
    #expect(store.thinOldRows())
    let summaries = store.storedThrough - last
    #expect(summaries > 0)
    for reopened in [false, true] {
      if reopened {
        store = try Self.open(MemoryDevice(device.medium), slots: 4, ["all", "none", "some"], boot: bootB)
      }
      #expect(try Self.pending(store, "all").isEmpty)
      #expect(store.books(of: "all")!.delivered == last + summaries && store.books(of: "all")!.evicted == 0)
      #expect(try Self.content(Self.pending(store, "none")) == content)
      // Rows 21...250: 115 readings of each point.
      #expect(try Self.content(Self.pending(store, "some")).count == content.count - 115)
      expectBalance(store, ["all", "none", "some"])
      #expect(store.books(of: "none")!.thinned == store.books(of: "none")!.evicted)
    }
  }

  @Test func aDestinationThatComesLaterGetsNoRowBesideItsSummary() throws {
    let device = MemoryDevice()
    var store = try Self.open(device, slots: 4)
    var number = 0
    let content = try Self.fill(store, 4, from: &number)
    #expect(store.thinOldRows())
    try store.setDestinations(["p", "late"])
    #expect(try Self.content(Self.pending(store, "late")) == content)
    store = try Self.open(MemoryDevice(device.medium), slots: 4, ["p", "later"], boot: bootB)
    #expect(try Self.content(Self.pending(store, "later")) == content)
  }

  /// Its bytes may be there and be found at a start: then no other rows may have got its numbers meanwhile.
  @Test(arguments: [false, true]) func aSummaryThatWasRefusedGivesItsNumbersToNobody(hasLanded: Bool) throws {
    let device = MemoryDevice()
    var store = try Self.open(device, slots: 4)
    var number = 0
    var content = try Self.fill(store, 4, from: &number)
    let last = store.storedThrough
    // The ledger goes first.
    var synchronizations = 0
    device.fault = { call in
      if call == .synchronize { synchronizations += 1 }
      return call == .synchronize && synchronizations == 2 ? 5 : nil
    }
    store.thinOldRows()
    let lost = store.storedThrough - last
    #expect(lost > 0 && store.overallBooks.damaged == lost && store.overallBooks.thinned == 0)
    #expect(try Self.content(Self.pending(store)) == content)
    for isLater in [false, true] {
      // Without a summary there is no room: the oldest rows go.
      if isLater { _ = try Self.append(40, from: &number, to: store) }
      content = try Self.content(Self.pending(store))
      let found = try Self.open(
        MemoryDevice(hasLanded ? device.cache : device.medium), slots: 4, boot: bootB)
      #expect(found.storedThrough == store.storedThrough)
      #expect(try Self.content(Self.pending(found)) == content)
      expectBalance(found)
    }
    // Who comes later gets the summary or what it stands for.
    if hasLanded {
      let found = try Self.open(MemoryDevice(device.cache), slots: 4, ["p", "late"], boot: bootB)
      #expect(try Self.content(Self.pending(found, "late")).count <= UInt64(number))
    }
    expectBalance(store)
    device.fault = { _ in nil }
    store.thinOldRows()
    #expect(store.overallBooks.thinned > 0)
    #expect(try Self.content(Self.pending(store)) == content)
    store = try Self.open(MemoryDevice(device.medium), slots: 4, boot: bootB)
    #expect(try Self.content(Self.pending(store)) == content)
  }

  @Test func aReplayPassesSummariesBy() throws {
    let device = MemoryDevice()
    var store = try Self.open(device, slots: 4)
    var number = 0
    _ = try Self.fill(store, 4, from: &number)
    let first = store.storedThrough - 79
    #expect(store.thinOldRows())
    let next = store.storedThrough + 1
    _ = try Self.append(40, from: &number, to: store)
    store = try Self.open(device, slots: 4)
    var commits: [UInt64] = []
    store.replayNewest { commit, catalogue in
      #expect(catalogue == Self.catalogue)
      commits.append(commit.firstSeq)
    }
    #expect(commits == [first, next])
  }

  @Test func whatCannotBeMadeSmallerGoesAsTheOldestDoes() throws {
    let device = MemoryDevice()
    let store = try Self.open(device, slots: 4)
    // A point for each row: nothing to combine.
    for round in 0..<120 {
      let points = (0..<20).map {
        PointDescription(
          name: "d.\(round)x\($0)", unit: nil, kind: .gauge, window: .raw, functions: .standard)
      }
      var rows = RowEncoder()
      let time = Self.start + Int64(round) * 10_000_000
      for point in points.indices {
        let moment = Moment(time: Timestamp(microseconds: time), boot: BootTime(microseconds: 0))
        rows.append(Reading(point: PointIndex(point), at: moment, value: .double(1.25)))
      }
      try rows.bytes.withBytes {
        try store.append(
          payload: $0, rowCount: 20, catalogue: Catalogue(points: points), time: Timestamp(microseconds: time)
        )
      }
      store.thinOldRows()
    }
    expectBalance(store)
    #expect(store.overallBooks.stored >= 2400)
    #expect(try Self.pending(store).contains { $0.point.name == "d.119x19" })
  }

  /// Somebody else filled the disk: what the capacity would still allow is no room.
  @Test func aDiskThatIsFullBeforeTheCapacityIsThinnedTooUntilThereIsRoomAgain() throws {
    let device = MemoryDevice()
    device.room = 7 * smallSlot + 5000
    let store = try Self.open(device, slots: 40)
    var (number, content) = (0, Content())
    func append(until isEnough: () -> Bool) throws {
      while !isEnough() {
        let more = try Self.append(40, from: &number, to: store)
        content.count += more.count
        content.sum += more.sum
        store.packOldSegments()
        store.thinOldRows()
      }
    }
    try append { store.overallBooks.thinned > 2000 }
    let books = store.overallBooks
    #expect(books.damaged == 0)
    expectBalance(store)
    // Nothing was begun that the next start would have to finish.
    let kept = Self.content(try Self.pending(store))
    #expect(Self.content(try Self.pending(try Self.open(device, slots: 40))) == kept)
    device.room = nil
    try append { store.shared.withLock { $0.map.slotCount } > 10 }
    #expect(store.overallBooks.evicted == books.evicted)
  }

  @Test func whatIsTooOldIsNotKeptInSummariesEither() throws {
    let store = try Self.open(MemoryDevice(), slots: 4)
    var number = 0
    let content = try Self.fill(store, 4, from: &number)
    let cutoff = Self.start + 100 * 10_000_000
    try store.evict(storedBefore: Timestamp(microseconds: cutoff))
    #expect(store.overallBooks.evicted == 0)
    #expect(store.thinOldRows())
    let rows = try Self.pending(store)
    #expect(Self.content(rows).count == content.count - 100)
    #expect(rows.allSatisfy { $0.row.time.microseconds >= cutoff })
    #expect(store.overallBooks.evicted == store.overallBooks.thinned + 200)
    expectBalance(store)
  }

  /// Everything that can happen, at random; what a platform has got and what is still to come must be every
  /// reading once. Acknowledgements are put on record before a cut: one that is not may bring rows again.
  @Test(arguments: 0..<UInt64(6))
  func whateverHappensEveryReadingCountsOnce(round: UInt64) throws {
    let seed = UInt64.random(in: 0...UInt64(UInt32.max)) << 4 | round
    var random = SplitMix(seed: seed)
    let device = MemoryDevice()
    let slots = Int.random(in: 8...12, using: &random)
    var store = try Self.open(device, slots: slots, ["p", "q"])
    var (number, boot, thinned) = (0, UInt64(1), UInt64(0))
    var promised: UInt64 = 0
    var received = ["p": [UInt64](), "q": [UInt64]()]
    for _ in 0..<600 {
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<75:
        let readings = Int.random(in: 1...60, using: &random)
        promised += try Self.append(readings, from: &number, to: store).count
        store.packOldSegments()
        store.thinOldRows()
      case 75..<85:
        let name = Bool.random(using: &random) ? "p" : "q"
        let rows = try Self.pending(store, name)
        guard !rows.isEmpty else { continue }
        let first = Int.random(in: 0..<rows.count, using: &random)
        let some = rows[first..<min(rows.count, first + Int.random(in: 1...300, using: &random))]
        for row in some { store.queue(for: name).acknowledge(row.seq...row.seq, as: .delivered) }
        received[name]!.append(Self.content(Array(some)).count)
      case 85..<97:
        store.packOldSegments()
        store.thinOldRows()
      default:
        boot += 1
        store.writeLedgerIfDue(at: Timestamp(microseconds: Int64(boot) << 50))
        device.callsToLive = Int.random(in: 0...9, using: &random)
        store.thinOldRows()
        if Bool.random(using: &random) { device.cutPower(&random) } else { device.kill() }
        store = try Self.open(device, slots: slots, ["p", "q"], boot: BootID(high: 9, low: boot))
      }
      thinned = max(thinned, store.overallBooks.thinned)
      expectBalance(store, ["p", "q"])
    }
    for name in ["p", "q"] {
      let books = store.books(of: name)!
      let count = Self.content(try Self.pending(store, name)).count + received[name]!.reduce(0, +)
      let gone = books.evicted - books.thinned
      #expect(
        gone == 0 ? count == promised : count < promised,
        "seed \(seed), \(name): \(count) of \(promised), \(books)")
    }
    // Whether a round comes to thinning is its dice's; what a round that did must hold is checked above.
    print("thinning model: seed \(seed), \(promised) readings, \(thinned) thinned, \(store.books(of: "p")!)")
  }

  @Test func aCutWhileThinningLeavesTheRowsOrTheirSummary() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix(seed: seed)
    var wasThinned = (yes: 0, no: 0)
    for round in 0..<150 {
      let device = MemoryDevice()
      var store = try Self.open(device, slots: 4, ["p", "q"])
      var number = 0
      var content = try Self.fill(store, 4, from: &number)
      let acknowledged = UInt64.random(in: 0...200, using: &random) * 2
      if acknowledged > 0 { store.queue(for: "q").acknowledge(1...acknowledged, as: .delivered) }
      store.writeLedgerIfDue(at: Timestamp(microseconds: .max / 2))
      device.callsToLive = Int.random(in: 0...7, using: &random)
      store.thinOldRows()
      var later = Content()
      if Bool.random(using: &random) { later = (try? Self.append(40, from: &number, to: store)) ?? Content() }
      if Bool.random(using: &random) { device.cutPower(&random) } else { device.kill() }
      store = try Self.open(device, slots: 4, ["p", "q"], boot: bootB)
      if store.books(of: "p")!.thinned > 0 { wasThinned.yes += 1 } else { wasThinned.no += 1 }
      content.count += later.count
      content.sum += later.sum
      for (name, delivered) in [("p", 0), ("q", acknowledged / 2)] {
        let found = Self.content(try Self.pending(store, name))
        // A commit that failed may have come through all the same.
        #expect(
          found.count + delivered == content.count || found.count + delivered == content.count + 40,
          "seed \(seed), round \(round), \(name): \(found) of \(content)")
        let books = store.books(of: name)!
        #expect(books.evicted == books.thinned + books.damaged, "seed \(seed), round \(round)")
      }
      expectBalance(store, ["p", "q"])
    }
    #expect(wasThinned.yes > 10 && wasThinned.no > 10)
  }
}
