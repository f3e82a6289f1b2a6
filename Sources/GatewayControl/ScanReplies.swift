// `Scan`: one reply for each unit that answers, as it is found; one each second that says how far it is; and a
// last one. A unit that does not say what it is is asked which tables it has, so that a technician sees at
// least the kind of device.
internal import GatewayCore

final class ScanReplies: PendingReplies {
  private static let progressInterval = Duration.seconds(1)

  /// A unit that answered.
  private struct Found {
    var unit: UInt8
    var identity: [String] = []
    var exception: UInt8?
    /// Something came that is no answer: two units with one number sound like that.
    var isGarbled = false
  }

  let interval = Duration.milliseconds(20)
  private(set) var isFinished = false
  private let probes: any BusAnswers
  private let total: Int
  private let devices: [UInt8: String]
  private let ask: ([BusInquiry]) -> (any BusAnswers)?
  private var asked = 0
  private var answering = 0
  /// The last failure that is more than silence.
  private var trouble: String?
  /// Found, and to be asked for their tables one after the other.
  private var nameless: [Found] = []
  private var tables: (any BusAnswers)?
  private var knownTables: [RegisterTable] = []
  private var ready: [JSONValue] = []
  private var isAway = false
  /// Why the bus cannot be asked at all.
  private var obstacle: String?
  private var nextProgress: BootTime?

  /// `answers` are those to `probes` inquiries; `ask` gives nil while the bus takes no more.
  init(
    _ answers: any BusAnswers, probes: Int, devices: [UInt8: String],
    ask: @escaping ([BusInquiry]) -> (any BusAnswers)?
  ) {
    self.probes = answers
    total = probes
    self.devices = devices
    self.ask = ask
  }

  func next(at now: BootTime) -> [UInt8]? {
    for (inquiry, finding) in probes.take() { judge(inquiry.unit, finding) }
    if let obstacle {
      cancel()
      isFinished = true
      return ControlMessage.error("\(ControlInterface.name).BusFailed", ["cause": .string(obstacle)])
    }
    lookAtTables()
    if !ready.isEmpty { return message(ready.removeFirst(), now) }
    if probes.isFinished, nameless.isEmpty {
      isFinished = true
      return ControlMessage.reply(progress(found: nil))
    }
    guard let nextProgress, now < nextProgress else { return message(progress(found: nil), now) }
    return nil
  }

  func cancel() {
    probes.cancel()
    tables?.cancel()
  }

  private func message(_ parameters: JSONValue, _ now: BootTime) -> [UInt8] {
    nextProgress = now.advanced(by: Self.progressInterval)
    return ControlMessage.reply(parameters, continues: true)
  }

  private func judge(_ unit: UInt8, _ finding: BusFinding) {
    asked += 1
    defer { if case .failed(.disconnected, _) = finding { isAway = true } else { isAway = false } }
    switch finding {
    case .identity(let texts): take(Found(unit: unit, identity: texts))
    // A gateway between says that the unit behind it is not there (Modbus Application Protocol 1.1b3, 7).
    case .exception(10), .exception(11): break
    case .exception(let code): take(Found(unit: unit, exception: code))
    case .words, .bits: take(Found(unit: unit))
    case .failed(.badAnswer, let cause):
      trouble = cause
      take(Found(unit: unit, isGarbled: true))
    case .failed(.timeout, _): break
    case .failed(.illegalFunction, let cause): obstacle = cause
    case .failed(.disconnected, let cause):
      trouble = cause
      // From the start, or still: no other unit can be asked either.
      if asked == 1 || isAway { obstacle = cause }
    case .failed(_, let cause): trouble = cause
    }
  }

  private func take(_ found: Found) {
    answering += 1
    let saysNothing = found.identity.isEmpty && !found.isGarbled
    if saysNothing { nameless.append(found) } else { ready.append(progress(found: found)) }
  }

  private func lookAtTables() {
    guard let found = nameless.first else { return }
    guard let tables else {
      tables = ask(
        RegisterTable.allCases.map { .read(unit: found.unit, table: $0, address: 0, count: 1) })
      return
    }
    for (inquiry, finding) in tables.take() {
      if case .read(_, let table, _, _) = inquiry, knows(finding) { knownTables.append(table) }
    }
    guard tables.isFinished else { return }
    ready.append(progress(found: found))
    nameless.removeFirst()
    knownTables = []
    self.tables = nil
  }

  /// Whether a unit that answers so has the table: an address that it lacks is no missing function.
  private func knows(_ finding: BusFinding) -> Bool {
    switch finding {
    case .words, .bits, .exception(2), .exception(3): true
    default: false
    }
  }

  private func progress(found: Found?) -> JSONValue {
    var members: [String: JSONValue] = [
      "asked": .signed(Int64(asked)), "total": .signed(Int64(total)), "answering": .signed(Int64(answering)),
    ]
    if let trouble { members["trouble"] = .string(trouble) }
    if let found { members["found"] = parameters(of: found) }
    return .object(members)
  }

  private func parameters(of found: Found) -> JSONValue {
    var members: [String: JSONValue] = [
      "unit": .signed(Int64(found.unit)), "identity": .array(found.identity.map(JSONValue.string)),
      "tables": .array(knownTables.map { .string("\($0.word)") }), "garbled": .bool(found.isGarbled),
    ]
    if let device = devices[found.unit] { members["device"] = .string(device) }
    if let code = found.exception { members["exception"] = .signed(Int64(code)) }
    return .object(members)
  }
}
