// What the tests of the control socket share: a cabinet to show, a daemon to ask, a place for sockets.
import GatewayControl
import GatewayCore
import GatewaySystem
import Glibc
import Synchronization

extension Timestamp {
  /// 2026-11-22T21:01:00Z
  static let nine = Timestamp(microseconds: 1_795_381_260_000_000)
}

extension StatusSnapshot.Point {
  init(_ name: String, _ value: Value?, _ unit: String?, ago seconds: Int, _ reason: QualityReason = .none) {
    self.init(
      name: name, value: value, unit: unit, time: Timestamp.nine.advanced(by: .seconds(-seconds)),
      quality: reason == .none ? .good : .bad, reason: reason)
  }
}

extension StatusSnapshot {
  /// A cabinet in which all is well.
  static var calm: StatusSnapshot {
    var books = Accounting()
    books.acquired = 7200
    books.stored = 3720
    books.delivered = 3700
    books.queued = 20
    return StatusSnapshot(
      id: "cabinet-0417", version: "0.1.0", state: .ok, reasons: [], uptime: 3605.2, pid: 811,
      clockIsSynchronized: true, now: .nine,
      buses: [
        Bus(
          name: "lan", type: "modbus-tcp", state: .ok, requests: 3600, errors: 2, lastError: nil,
          utilisation: 0.423, planned: 0.4)
      ],
      devices: [Device(name: "canopy", state: "ok")],
      points: [Point("canopy.temperature", .double(17.3), "CEL", ago: 3)], accounting: books,
      store: Store(
        capacity: 268_435_456, used: 8192, oldest: .nine.advanced(by: .seconds(-60)), commits: 60,
        bytesWritten: 245_760, fault: nil),
      destinations: [
        Destination(
          name: "platform", state: .ok, stored: 3720, delivered: 3700, queued: 20, evicted: 0, quarantined: 0,
          lastSuccess: .nine.advanced(by: .seconds(-2)), lastError: nil, retryIn: nil)
      ],
      alarms: [
        AlarmReport(
          name: "open", point: "io.door", unit: nil, isRaised: false, since: nil, value: nil, raisings: 0)
      ])
  }

  /// A cabinet with much to say.
  static var troubled: StatusSnapshot {
    var snapshot = calm
    snapshot.state = .critical
    snapshot.reasons = [
      "device \"old-weather-station\" does not answer since 21:00",
      "destination \"platform\" cannot be reached",
    ]
    snapshot.clockIsSynchronized = false
    snapshot.buses.append(
      Bus(
        name: "old", type: "modbus-rtu-tcp", state: .critical, requests: 1_234_567, errors: 98_765,
        lastError: "cannot connect to \"192.0.2.11:4001\": Connection refused", utilisation: 0.97,
        planned: 1.3))
    snapshot.devices += (1...9).map { Device(name: "meter-\($0)", state: "ok") }
    snapshot.devices.append(Device(name: "old-weather-station", state: "failed"))
    snapshot.points += [
      Point("canopy.energy", .signed(123_456_789), "KWH", ago: 125),
      Point("canopy.no2", .double(21.399999618530273), "GQ", ago: 4000),
      Point("old-weather-station.wind-speed-gusts", nil, "MTS", ago: 300_000, .timeout),
      Point(name: "mains.state", value: nil, unit: nil, time: nil, quality: .bad, reason: .none),
    ]
    snapshot.accounting.ringDropped = 3
    snapshot.accounting.evicted = 1_000_000
    snapshot.accounting.damaged = 17
    snapshot.accounting.thinned = 123_456
    snapshot.accounting.stored += 1_000_000
    snapshot.store.fault = "cannot write to the store: No space left on device"
    snapshot.destinations[0].state = .critical
    snapshot.destinations[0].lastSuccess = nil
    snapshot.destinations[0].lastError = "HTTP 503"
    snapshot.destinations[0].retryIn = 42.5
    snapshot.destinations[0].certificateExpires = .nine.advanced(by: .seconds(86_400))
    snapshot.destinations[0].certificateNotice = "the platform's certificate expires soon"
    return snapshot
  }
}

/// A daemon that says what it is told to say.
final class Cabinet: ControlDelegate {
  struct State {
    var snapshot = StatusSnapshot.calm
    var problems: [String] = []
    var report = StoreReport.calm
    var export: ScriptedExport?
    var marked: [ExportedRun] = []
    var quarantine: [QuarantineEntry] = []
    var alarms: [AlarmReport] = []
    var reloads = 0
    var flushes = 0
    var chip = ChipAnswer.unknown(known: ["cabinet", "/dev/gpiochip0"])
    var devices: [UInt8: String] = [:]
    /// What a bus says at once; nil leaves the question open.
    var answering: @Sendable (BusInquiry) -> BusFinding? = { _ in nil }
    /// What was asked of the buses.
    var questions: [Question] = []
    var mostQuestions = 4
  }

  let state = Mutex(State())

  func status() -> StatusSnapshot { state.withLock { $0.snapshot } }
  func lastValues() -> [StatusSnapshot.Point] { state.withLock { $0.snapshot.points } }

  func reload() -> [String] {
    state.withLock {
      $0.reloads += 1
      return $0.problems
    }
  }

  func flush() -> UInt64 {
    state.withLock {
      $0.flushes += 1
      return $0.snapshot.accounting.queued
    }
  }
}

extension Cabinet {
  func alarms() -> [AlarmReport] { state.withLock { $0.alarms } }
  var quarantine: [QuarantineEntry] { state.withLock { $0.quarantine } }
  func retry(_ entries: [QuarantineEntry]) -> [String] { entries.map { "row \($0.row.seq) stays" } }

  func drop(_ entries: [QuarantineEntry]) -> [String] {
    state.withLock { $0.quarantine.removeAll(where: entries.contains) }
    return []
  }
}

extension Cabinet {
  func storeReport() -> StoreReport { state.withLock { $0.report } }

  func export(of destination: String?) -> CarryAnswer<any ExportedBatches> {
    state.withLock { state in
      if let destination, destination != "platform" { return .unknown(known: ["platform"]) }
      return state.export.map { .begun($0) } ?? .busy("another export goes on")
    }
  }

  func provision(_ destination: String) -> CarryAnswer<any Provisioned> {
    destination == "frost" ? .begun(AtOnce(destination)) : .unknown(known: ["frost"])
  }

  func markDelivered(_ runs: [ExportedRun], at destination: String?) -> CarryAnswer<any MarkedRows> {
    state.withLock { state in
      state.marked += runs
      return .begun(AllMarked(runs))
    }
  }
}

extension Cabinet {
  func preview(of destination: String, points: WatchedPoints) -> CarryAnswer<any PreviewedRows> {
    if destination != "platform" { return .unknown(known: ["platform"]) }
    let body = points.covers("canopy.temperature") ? "temperature 17.3\n" : ""
    let headers = ["Content-Type: text/plain", "Authorization: Bearer ***, from token"]
    return .begun(
      PreviewMade(
        Preview(
          source: .pending,
          requests: [PreviewedRequest(line: "POST https://city.example/x", headers: headers, body: body)])))
  }
}

final class PreviewMade: PreviewedRows {
  let preview: Preview?
  init(_ preview: Preview) { self.preview = preview }
  func cancel() {}
}

/// A platform that takes nothing until it is asked a second time.
final class AtOnce: Provisioned {
  private let looks = Mutex(0)

  init(_ destination: String) {}

  var result: ProvisionResult? {
    looks.withLock { looks in
      looks += 1
      return looks == 1 ? nil : .done(created: 7, datastreams: 2)
    }
  }

  func cancel() {}
}

/// An export of which the test says what comes.
final class ScriptedExport: ExportedBatches {
  struct State {
    var batches: [ExportedBatch]
    var lost: UInt64?
    var isCancelled = false
  }

  let state: Mutex<State>

  init(_ batches: [ExportedBatch], lost: UInt64? = 0) { state = Mutex(State(batches: batches, lost: lost)) }

  func take() -> ExportedBatch? {
    state.withLock { $0.batches.isEmpty ? nil : $0.batches.removeFirst() }
  }

  var lostRows: UInt64? { state.withLock { $0.batches.isEmpty ? $0.lost : nil } }

  func cancel() { state.withLock { $0.isCancelled = true } }
}

final class AllMarked: MarkedRows {
  let result: MarkResult?

  init(_ runs: [ExportedRun]) {
    var result = MarkResult()
    result.marked = runs.reduce(0) { $0 + UInt64($1.rows.count) }
    self.result = result
  }

  func cancel() {}
}

extension StoreReport {
  static let calm = StoreReport(
    capacity: 256 << 20, used: 8192, oldest: .nine.advanced(by: .seconds(-60)), now: .nine, commits: 60,
    bytesWritten: 245_760, fault: nil,
    segments: Segments(slotBytes: 4 << 20, total: 63, used: 1, free: 62, failed: 0),
    destinations: [
      Destination(
        name: "platform", queued: 20, oldest: .nine.advanced(by: .seconds(-60)), runs: [3701...3720])
    ],
    rate: Rate(measured: 3605.2, writtenPerDay: 350e6, rowsPerDay: 300e6, growthPerDay: 0),
    budget: FlashConfig(capacity: 8_000_000_000, cycles: 3000),
    life: FlashLife(device: "mmcblk0", usedTenths: 2, preEndOfLife: 1), commitInterval: 1)
}

extension Cabinet {
  var busNames: [String] { state.withLock { $0.snapshot.buses.map(\.name) } }

  func report(onBus name: String) -> BusReport? {
    state.withLock { $0.snapshot.buses.first { $0.name == name } }.map { bus in
      bus.name == "lan" ? .quiet(bus) : .noisy(bus)
    }
  }

  func ask(_ inquiries: [BusInquiry], ofBus name: String) -> (any BusAnswers)? {
    state.withLock { state in
      guard state.questions.count < state.mostQuestions else { return nil }
      let question = Question(inquiries, of: name)
      for inquiry in inquiries {
        if let finding = state.answering(inquiry) { question.answer(finding) }
      }
      state.questions.append(question)
      return question
    }
  }

  func devices(onBus name: String) -> [UInt8: String] { state.withLock { $0.devices } }

  func report(onChip chip: String) -> ChipAnswer { state.withLock { $0.chip } }
}

/// What was asked of a bus, and what it is made to say.
final class Question: BusAnswers {
  private struct State {
    var findings: [BusFinding] = []
    var answered = 0
    var taken = 0
    var isCancelled = false
  }

  let bus: String
  let inquiries: [BusInquiry]
  private let state = Mutex(State())

  init(_ inquiries: [BusInquiry], of bus: String) {
    self.inquiries = inquiries
    self.bus = bus
  }

  func answer(_ finding: BusFinding) { state.withLock { $0.findings.append(finding) } }

  var isCancelled: Bool { state.withLock { $0.isCancelled } }

  func take() -> [(inquiry: BusInquiry, finding: BusFinding)] {
    state.withLock { state in
      defer { state.taken = state.findings.count }
      return (state.taken..<state.findings.count).map { (inquiries[$0], state.findings[$0]) }
    }
  }

  var isFinished: Bool { state.withLock { $0.taken == inquiries.count } }

  func cancel() { state.withLock { $0.isCancelled = true } }
}

extension BusReport {
  /// A bus on which nothing ever happened but polls.
  static func quiet(_ bus: StatusSnapshot.Bus) -> BusReport {
    BusReport(
      bus: bus, errorKinds: [], responses: ResponseTimes(counts: [0, 0, 0, 0, 3598]), badFrames: [])
  }

  static func noisy(_ bus: StatusSnapshot.Bus) -> BusReport {
    BusReport(
      bus: bus,
      errorKinds: [ErrorCount(kind: "timeout", count: 98_700), ErrorCount(kind: "checksum", count: 65)],
      responses: ResponseTimes(counts: [0, 0, 0, 0, 0, 120, 34_000, 999_999, 17, 0, 0, 1]),
      badFrames: [
        Frame(
          kind: "checksum", time: .nine.advanced(by: .seconds(-3)), length: 9,
          start: [1, 3, 4, 0x41, 0xC8, 0, 0, 0x6F, 0xF5]),
        Frame(kind: "noise", time: .nine, length: 80, start: Array(repeating: 0xFF, count: 64)),
      ])
  }
}

/// A directory of its own for one test, removed with what is in it.
final class Scratch {
  let path: String

  init() {
    var template = Array("/tmp/gateway-control-XXXXXX".utf8CString)
    path = mkdtemp(&template).map { String(cString: $0) } ?? ""
    precondition(!path.isEmpty, "cannot make a directory in /tmp")
  }

  var socket: String { "\(path)/control.sock" }

  deinit {
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { unlink("\(path)/\(name)") }
      }
      closedir(directory)
    }
    rmdir(path)
  }
}

/// A client without manners: sends and takes bytes.
final class RawClient {
  let socket: FileDescriptor

  init(_ path: String) throws { socket = try FileDescriptor.connect(unixSocket: path) }

  func send(_ text: String) { send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) { _ = bytes.withUnsafeBytes { socket.send($0) } }

  /// Up to the next NUL, which is left out; nil when the server closed before. Waits at most 10 s.
  func message() -> String? {
    var bytes: [UInt8] = []
    while let byte = byte() {
      if byte == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
    return nil
  }

  /// Whether the server closes within 10 s; what it still sends is thrown away.
  func isClosedByServer() -> Bool {
    while true {
      guard waitForInput() else { return false }
      if byte() == nil { return true }
    }
  }

  private func waitForInput() -> Bool {
    var entry = pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 10_000) > 0
  }

  private func byte() -> UInt8? {
    guard waitForInput() else { return nil }
    var byte: UInt8 = 0
    let result = withUnsafeMutableBytes(of: &byte) { socket.read(into: $0) }
    return result == .success(1) ? byte : nil
  }
}

/// Runs `body` with a server on a socket of its own.
func withServer(
  _ cabinet: Cabinet = Cabinet(), limits: VarlinkServer.Limits = VarlinkServer.Limits(),
  _ body: (String, Cabinet) throws -> Void
) throws {
  let scratch = Scratch()
  let server = try VarlinkServer(path: scratch.socket, delegate: cabinet, limits: limits)
  defer { server.stop() }
  try body(scratch.socket, cabinet)
}

/// Tries for ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
  for _ in 0..<1000 {
    if condition() { return true }
    usleep(10_000)
  }
  return false
}
