import GatewayCore
import Synchronization
import Testing

@testable import GatewayStore

/// A store beside a model of what it must hold, driven at random.
private struct Model {
  struct Row: Hashable {
    var stream: StreamID
    var seq: UInt64
  }

  var random: SplitMix
  let device = MemoryDevice()
  let slots: Int
  let withDamage: Bool
  var store: DurableStore
  var boot: UInt64 = 1
  /// What each stored row says, by its number.
  var contents: [UInt64: UInt64] = [:]
  /// What was ever read as a row; it must never be read otherwise.
  var given: [Row: UInt64] = [:]
  /// Rows whose commit was damaged.
  var hit: Set<UInt64> = []
  var isDamaged = false
  var stored: UInt64 = 0
  var settled: [String: UInt64] = ["p": 0, "q": 0]
  /// A commit that could not be written and will be tried again.
  var waiting: [UInt64] = []
  var counts = (appends: 0, reopens: 0, evicted: UInt64(0), gaps: 0, streams: 1)
  var seed: UInt64

  init(seed: UInt64, withDamage: Bool) throws {
    self.seed = seed
    self.withDamage = withDamage
    random = SplitMix(seed: seed)
    slots = Int.random(in: 2...5, using: &random)
    store = try openSmall(device, slots: slots, destinations: ["p", "q"], boot: BootID(high: 9, low: 1))
  }

  mutating func step() throws {
    switch Int.random(in: 0..<1000, using: &random) {
    case 0..<480: append()
    case 480..<680: peek(settled.keys.sorted().randomElement(using: &random)!)
    case 680..<955:
      let name = settled.keys.sorted().randomElement(using: &random)!
      for _ in 0..<Int.random(in: 1...8, using: &random) { acknowledge(name) }
    case 955..<960: store.extendOneSlot()
    case 960..<965: store.writeLedgerIfDue(at: Timestamp(microseconds: Int64(stored) * 100_000))
    case 965..<975: appendWhileFailing()
    case 975..<980: try reopen { $0.closeInOrder() }
    case 980..<988: try reopen { $0.kill() }
    case 988..<994: try reopen { $0.cutPower() }
    default:
      if withDamage { try reopen { $0.damage() } } else { try reopen { $0.cutPower() } }
    }
    checkBooks()
  }

  // MARK: Appending

  mutating func append() {
    if waiting.isEmpty {
      for _ in 0..<Int.random(in: 0...12, using: &random) { waiting.append(random.next()) }
    }
    let filler = Bool.random(using: &random) ? 0 : Int.random(in: 0..<9000, using: &random)
    var payload = waiting.flatMap { row in (0..<8).map { UInt8(truncatingIfNeeded: row >> (8 * $0)) } }
    payload += [UInt8](repeating: 0x5A, count: filler)
    let first = stored + 1
    let point = PointDescription(
      name: "p\(random.next() % 50 / 49)", unit: nil, kind: .gauge, window: .raw, functions: .standard)
    do {
      try payload.withUnsafeBytes {
        try store.append(
          payload: $0, rowCount: waiting.count, catalogue: Catalogue(points: [point]),
          time: Timestamp(microseconds: Int64(first) * 100_000))
      }
    } catch {
      noteEvictions()
      return
    }
    counts.appends += 1
    adopt(waiting)
    noteEvictions()
    waiting = []
  }

  /// Rows of commits that failed, but came through.
  private var unpromised: Set<UInt64> = []

  mutating func adopt(_ rows: [UInt64]) {
    for row in rows {
      stored += 1
      contents[stored] = row
      hit.remove(stored)
    }
  }

  mutating func appendWhileFailing() {
    var draws = SplitMix(seed: random.next())
    let errors: [Int32] = [5, 28, 30]
    let share = Int.random(in: 2...4, using: &random)
    device.fault = { _ in
      Int.random(in: 0..<4, using: &draws) < share ? errors.randomElement(using: &draws) : nil
    }
    append()
    device.fault = { _ in nil }
  }

  /// Rows that went for room: the settled mark moved without an acknowledgement.
  mutating func noteEvictions() {
    for (name, mark) in settled {
      let now = store.queue(for: name).settledThrough
      #expect(now >= mark && now <= stored, "seed \(seed)")
      counts.evicted += now - mark
      settled[name] = now
    }
  }

  // MARK: Reading

  mutating func peek(_ name: String) {
    let mark = settled[name]!
    guard mark < stored else { return }
    let seq = UInt64.random(in: mark + 1...stored, using: &random)
    check(seq, store.queue(for: name).read(at: seq))
  }

  mutating func check(_ seq: UInt64, _ read: DeliveryRead) {
    switch read {
    case .commit(let commit):
      #expect(commit.firstSeq <= seq && seq <= commit.lastSeq && commit.payload.count >= 8 * commit.rowCount)
      for index in 0..<commit.rowCount {
        let number = commit.firstSeq + UInt64(index)
        let value = (0..<8).reduce(UInt64(0)) { $0 | UInt64(commit.payload[8 * index + $1]) << (8 * $1) }
        let row = Row(stream: commit.stream, seq: number)
        if let before = given[row], before != value { Issue.record("row \(row) changed, seed \(seed)") }
        given[row] = value
        if contents[number] != value { Issue.record("false row \(number), seed \(seed)") }
      }
      // Of a commit that a cut let through, the descriptions may be missing: nobody was told that it is stored.
      if !isDamaged && !unpromised.contains(commit.firstSeq)
        && store.queue(for: "p").catalogue(commit.catalogueID) == nil
      {
        Issue.record("no catalogue for row \(seq), seed \(seed)")
      }
    case .gap(let through):
      counts.gaps += 1
      if through < seq || through > stored { Issue.record("gap \(seq)...\(through), seed \(seed)") }
      for number in seq...max(seq, through) where !hit.contains(number) {
        Issue.record("row \(number) was lost without damage, seed \(seed)")
      }
    case .end: Issue.record("row \(seq) of \(stored) is behind the end, seed \(seed)")
    }
  }

  mutating func acknowledge(_ name: String) {
    let mark = settled[name]!
    guard mark < stored else { return }
    let queue = store.queue(for: name)
    let read = queue.read(at: mark + 1)
    check(mark + 1, read)
    switch read {
    case .commit(let commit):
      let last = UInt64.random(in: mark + 1...commit.lastSeq, using: &random)
      let overlap = UInt64.random(in: max(1, mark)...mark + 1, using: &random)
      queue.acknowledge(overlap...last, as: random.next() % 10 == 0 ? .quarantined : .delivered)
      settled[name] = last
    case .gap(let through):
      queue.acknowledge(mark + 1...through, as: .lost)
      settled[name] = through
    case .end: break
    }
    let (told, now) = (settled[name]!, queue.settledThrough)
    #expect(now >= told, "seed \(seed)")
    settled[name] = now
    expectHit(told..<max(told, now))
  }

  /// Rows behind `numbers` that nobody settled: they are gone with the segment that held them.
  private func expectHit(_ numbers: Range<UInt64>) {
    for number in numbers where !hit.contains(number + 1) {
      Issue.record("row \(number + 1) was settled by nobody, seed \(seed)")
    }
  }

  /// How many rows behind the mark are gone: where both ledgers were hit too, a start settles them.
  private func gone(_ name: String, behind mark: UInt64) -> UInt64 {
    let queue = store.queue(for: name)
    var (count, seq) = (UInt64(0), mark + 1)
    while seq <= stored {
      let run = queue.pending(from: seq)
      let end = run?.lowerBound ?? stored + 1
      expectHit(seq - 1..<end - 1)
      count += end - seq
      seq = (run?.upperBound ?? stored) + 1
    }
    return count
  }

  func checkBooks() {
    for (name, mark) in settled {
      let books = store.books(of: name)!
      let sum = books.delivered + books.queued + books.evicted + books.quarantined
      if books.stored != sum || books.stored != stored
        || books.queued != stored - mark - gone(name, behind: mark)
        || books.damaged > books.evicted
      {
        Issue.record("the books of \(name) do not balance: \(books), stored \(stored), seed \(seed)")
      }
    }
  }

  // MARK: Stopping and starting

  mutating func reopen(_ stop: (inout Model) throws -> Bool) throws {
    let isInOrder = try stop(&self)
    let before = store.stream
    // An eviction that was on its way to the medium may have come through.
    let oldest = store.shared.withLock { shared in
      shared.map.segments.count < 2
        ? 0 : shared.map.place(at: 0, storedThrough: shared.ledger.storedThrough).lastSeq
    }
    store = try openSmall(
      device, slots: slots, destinations: ["p", "q"], boot: BootID(high: 9, low: boot))
    counts.reopens += 1
    if store.stream != before { counts.streams += 1 }
    checkEnd()
    for (name, mark) in settled {
      let now = store.queue(for: name).settledThrough
      if isInOrder && now != mark { Issue.record("a settled mark moved in order, seed \(seed)") }
      for number in mark..<max(mark, now) where !hit.contains(number + 1) && (isInOrder || number >= oldest) {
        Issue.record("row \(number + 1) was settled by nobody, seed \(seed)")
      }
      settled[name] = now
    }
    if random.next() % 4 == 0 { checkEverything() }
  }

  /// The last row must be the one that was appended last, unless it was damaged or was on its way.
  private mutating func checkEnd() {
    let now = store.storedThrough
    if now > stored {
      // A commit that failed was on its way; it may have come through all the same.
      #expect(now == stored + UInt64(waiting.count), "seed \(seed)")
      for number in stored + 1...now { unpromised.insert(number) }
      adopt(waiting)
      waiting = []
    }
    for number in now..<stored {
      if !hit.contains(number + 1) { Issue.record("row \(number + 1) was lost at the end, seed \(seed)") }
      contents[number + 1] = nil
      hit.remove(number + 1)
    }
    if now < stored {
      stored = now
      for (name, mark) in settled { settled[name] = min(mark, now) }
    }
  }

  mutating func checkEverything() {
    let queue = store.queue(for: "q")
    var seq = settled["q"]! + 1
    while seq <= stored {
      let read = queue.read(at: seq)
      check(seq, read)
      switch read {
      case .commit(let commit): seq = commit.lastSeq + 1
      case .gap(let through): seq = through + 1
      case .end: return
      }
    }
  }

  mutating func closeInOrder() -> Bool {
    guard (try? store.close()) != nil else { return false }
    return true
  }

  /// The same boot, and the page cache with it: allowed only while nothing was damaged since the start.
  mutating func kill() -> Bool {
    if Bool.random(using: &random) {
      device.callsToLive = Int.random(in: 0...3, using: &random)
      append()
    }
    device.kill()
    return false
  }

  mutating func cutPower() -> Bool {
    boot += 1
    device.callsToLive = Int.random(in: 0...4, using: &random)
    append()
    device.cutPower(&random)
    return false
  }

  mutating func damage() -> Bool {
    boot += 1
    device.cutPower(&random)
    isDamaged = true
    for _ in 0..<Int.random(in: 1...3, using: &random) { damageOnce() }
    return false
  }

  mutating func damageOnce() {
    let block = Int.random(in: 0..<device.size / 4096, using: &random)
    let many = block * 4096..<min(device.size, (block + Int.random(in: 1...3, using: &random)) * 4096)
    switch Int.random(in: 0..<8, using: &random) {
    case 0...3:
      let place = Int.random(in: 0..<device.size, using: &random)
      note(place..<place + 1)
      let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
      device.damage(place..<place + 1) { $0 ^ bit }
    case 4, 5:
      note(many)
      device.damage(many) { _ in 0 }
    case 6:
      note(many)
      var draws = random
      device.damage(many) { _ in UInt8.random(in: 0...255, using: &draws) }
      random = draws
    default:
      // The head alone tells the slots' size: a store that loses it and all rows is another store.
      let length = Int.random(in: smallSlot + smallSlot / 2..<device.size + 1, using: &random)
      note(length..<device.size)
      device.truncate(to: length)
    }
  }

  /// Rows whose commit lies in `range`.
  mutating func note(_ range: Range<Int>) {
    let layout = store.layout
    for segment in store.shared.withLock({ $0.map.segments }) {
      var scan = SegmentScan(device: device, layout: layout, slot: segment.slot)
      for commit in scan.index(ofSegment: segment.id).commits where commit.rowCount > 0 {
        let start = layout.offset(ofSlot: segment.slot) + Int(commit.offset)
        guard range.overlaps(start..<start + RecordHeader.size + Int(commit.length)) else { continue }
        hit.formUnion(commit.firstSeq...commit.lastSeq)
      }
    }
  }
}

@Suite struct StoreModelTests {
  /// Runs that once found something.
  @Test(
    arguments: [16_778_721_396, 43_119_217_890, 3_481_690_017, 25_338_374_499] as [UInt64], [false, true])
  func seedsThatFoundMistakes(seed: UInt64, withDamage: Bool) throws {
    try run(seed, withDamage: withDamage, operations: 4000)
  }

  private func run(_ seed: UInt64, withDamage: Bool, operations: Int) throws {
    var model = try Model(seed: seed, withDamage: withDamage)
    for _ in 0..<operations { try model.step() }
    model.checkEverything()
    print(
      "store model: seed \(seed), damage \(withDamage), \(operations) operations, \(model.counts)")
  }

  @Test(arguments: 0..<UInt64(14))
  func withoutDamageNothingDurableIsLostWhateverStopsIt(round: UInt64) throws {
    try run(UInt64.random(in: 0...UInt64(UInt32.max)) << 4 | round, withDamage: false, operations: 3000)
  }

  @Test(arguments: 0..<UInt64(14))
  func damageCostsTheCommitsThatItHitsAndNeverMakesAFalseRow(round: UInt64) throws {
    // Once both ledgers and a segment in the middle were hit.
    let seed = round == 0 ? 49_117_709_800 : UInt64.random(in: 0...UInt64(UInt32.max)) << 4 | round
    try run(seed, withDamage: true, operations: 3000)
  }
}
