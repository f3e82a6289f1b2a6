internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySources
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// Whose answer is it? On lines where of a hundred answers one is late, one foreign and one corrupt, each value says which
/// unit and register it is from, and one counts the requests, so that a value of another question shows.
enum AttributionBench {
  /// A word has four bits for the line.
  private static let lines = 15
  private static let units = 4
  /// Two reads of the same shape, which on a serial line only their order tells apart.
  private static let blocks = [0, 200]
  private static let baud = 921_600
  private static let timeout = Duration.milliseconds(40)
  /// Some come during the next question, some long after it.
  private static let lateness = [Duration.milliseconds(60), .milliseconds(130)]

  private struct Books {
    var polls = 0
    /// Values that were handed over as good, and those of them that were another question's.
    var values = 0
    var misattributed = 0

    static func += (sum: inout Books, other: Books) {
      sum.polls += other.polls
      sum.values += other.values
      sum.misattributed += other.misattributed
    }
  }

  static func run(polls: Int) throws {
    Report.head("attribution: \(polls) polls on \(lines) lines, 1 % late, 1 % foreign, 1 % corrupt answers")
    let ours = try measure(polls) { line, field, link, quota in ask(line, field, link, quota) }
    report("gateway", ours, goal: "0")
    for recovers in [false, true] {
      let theirs = try measure(polls) { line, field, link, quota in
        loop(line, field, link, quota, recovers: recovers)
      }
      report(recovers ? "libmodbus, recovery on" : "plain libmodbus loop", theirs)
    }
  }

  private static func report(
    _ name: String, _ result: (books: Books, faults: UInt64, seconds: Double), goal: String = ""
  ) {
    let books = result.books
    Report.line("  \(name): misattributed values", value: Double(books.misattributed), unit: "", goal: goal)
    Report.line(
      "    of good values", value: Double(books.values), unit: "",
      limit: Double(books.polls * 5), limitName: "asked for")
    Report.line("    answers that a fault struck", value: Double(result.faults), unit: "")
    Report.line("    polls", value: Double(books.polls) / result.seconds, unit: "/s")
  }

  // MARK: - The load

  private static func word(_ line: Int, _ unit: Int, _ address: Int) -> UInt16 {
    UInt16(line << 12 | unit << 8 | address)
  }

  private static func devices(_ line: Int) -> [FieldDevice] {
    (1...units).map { unit in
      FieldDevice(
        units: [UInt8(unit)],
        registers: blocks.flatMap { block in
          [
            FieldRegister(.holding, UInt16(block), words: (block..<block + 4).map { word(line, unit, $0) }),
            FieldRegister(.holding, requestsAt: UInt16(block + 4)),
          ]
        })
    }
  }

  /// Runs `work` on a thread for each line, under the faults, until each had its part of the polls.
  private static func measure(
    _ polls: Int, _ work: @escaping @Sendable (Int, FieldSimulator, String, Int) -> Books
  ) throws -> (books: Books, faults: UInt64, seconds: Double) {
    let lines = try BenchLines(Self.lines, devices: devices)
    for late in lateness { try lines.field.set(FieldFault(.late(late)), for: FaultTerm(share: 0.005)) }
    for kind in [FieldFault.Kind.foreign, .corrupt] {
      try lines.field.set(FieldFault(kind), for: FaultTerm(share: 0.01))
    }
    let books = Mutex(Books())
    let elapsed = try seconds {
      let (field, links) = (lines.field, lines.links)
      try onThreads { line in
        let part = work(line, field, links[line], polls / Self.lines)
        books.withLock { $0 += part }
      }
    }
    return (books.withLock { $0 }, lines.field.stats.servers.reduce(0) { $0 + $1.faults }, elapsed)
  }

  private static func onThreads(from line: Int = 0, _ body: @escaping @Sendable (Int) -> Void) throws {
    guard line < lines else { return }
    let thread = try WorkerThread(name: "line \(line)") { body(line) }
    try onThreads(from: line + 1, body)
    thread.join()
  }

  // MARK: - The gateway's source

  private static func ask(_ line: Int, _ field: FieldSimulator, _ link: String, _ quota: Int) -> Books {
    let bus = BusConfig(
      name: "line", link: .modbusRTU(SerialLine(device: link, baud: baud)), timeout: timeout)
    let devices = (1...units).map { unit in
      DeviceConfig(
        name: "d\(unit)", bus: "line", unit: UInt8(unit), readsGaps: false,
        points: blocks.flatMap { block in
          (block..<block + 4).map { point("r\($0)", $0, .uint16) } + [point("n\(block)", block + 4, .uint32)]
        })
    }
    let config = GatewayConfig(id: "bench", buses: [bus], devices: devices, destinations: [])
    let setup = SourceSetup(
      bus: bus, config: config, meter: BusMeter(), deviceMeters: devices.map { _ in DeviceMeter() },
      timeQuality: { _ in .synced })
    guard let source = try? ModbusSource(setup) else { preconditionFailure("BUG: no source for \"\(link)\"") }
    let room = UnsafeMutableBufferPointer<Reading>.allocate(capacity: source.largestPoll)
    defer { room.deallocate() }
    let requests = PollPlan(bus: bus, of: config).requests
    precondition(requests.count == units * blocks.count, "BUG: the blocks were merged")
    var books = Books()
    while books.polls < quota {
      let request = books.polls % requests.count
      let unit = requests[request].unit
      let before = field.requests(server: line, unit: unit)!
      let poll = source.poll(request, at: SystemClock.boot, into: room)
      let after = field.requests(server: line, unit: unit)!
      // A device that is left in peace for a while makes no poll.
      if before == after {
        usleep(500)
        continue
      }
      books.polls += 1
      for reading in room[..<poll.count] where reading.quality == .good {
        books.values += 1
        if !isRight(reading, line, before..<after) { books.misattributed += 1 }
      }
    }
    return books
  }

  private static func point(_ name: String, _ address: Int, _ type: RegisterType) -> PointConfig {
    PointConfig(
      name: name, table: .holding, address: UInt16(address), layout: RegisterLayout(type: type),
      every: .seconds(1))
  }

  /// `before ..< after`: the device's requests, before the poll and after it.
  private static func isRight(_ reading: Reading, _ line: Int, _ requests: Range<UInt32>) -> Bool {
    let place = Int(reading.point)
    let (unit, within) = (place / 10 + 1, place % 10)
    let address = blocks[within / 5] + within % 5
    guard case .unsigned(let value) = reading.value else { return false }
    if within % 5 == 4 { return value > requests.lowerBound && value <= requests.upperBound }
    return value == word(line, unit, address)
  }

  // MARK: - libmodbus

  private static func loop(
    _ line: Int, _ field: FieldSimulator, _ link: String, _ quota: Int, recovers: Bool
  ) -> Books {
    guard let master = try? BareModbus(link, baud: baud, timeout: timeout, recovers: recovers) else {
      preconditionFailure("BUG: \"\(link)\" cannot be opened")
    }
    var books = Books()
    var room = [UInt16](repeating: 0, count: 125)
    while books.polls < quota {
      let unit = books.polls / blocks.count % units + 1
      let block = blocks[books.polls % blocks.count]
      let before = field.requests(server: line, unit: UInt8(unit))!
      let isContent = master.read(unit: UInt8(unit), at: block, count: 6, into: &room)
      let after = field.requests(server: line, unit: UInt8(unit))!
      books.polls += 1
      guard isContent else { continue }
      books.values += 5
      for place in 0..<4 where room[place] != word(line, unit, block + place) { books.misattributed += 1 }
      let count = UInt32(room[4]) << 16 | UInt32(room[5])
      if count <= before || count > after { books.misattributed += 1 }
    }
    return books
  }
}
