internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// The platform behind its HTTP server: intake, books, faults and control.
final class PlatformService: HTTPService {
  private struct Faults: Sendable {
    var schedule = FaultSchedule<PlatformFault>()
    var dice = SplitMix(seed: 1)
    weak var server: HTTPServer?
  }

  private struct Desk: @unchecked Sendable {
    // Sendable: only the server's one thread comes here, under the lock.
    let intake: BatchIntake
    let file: RowFile?
  }

  private let books: Mutex<PlatformBooks>
  private let faults = Mutex(Faults())
  private let desk: Mutex<Desk>
  private let keepsRows: Bool
  /// Whether a client has to show a certificate.
  private let wantsClients: Atomic<Bool>

  init(_ options: PlatformSimulator.Options) throws(SystemError) {
    keepsRows = options.keptRows > 0 || options.record != nil
    wantsClients = Atomic(options.tls?.clients != nil)
    books = Mutex(PlatformBooks(keptRows: options.keptRows))
    let file: RowFile? = if let path = options.record { try RowFile(path) } else { nil }
    desk = Mutex(Desk(intake: BatchIntake(isStrict: options.isStrict, keepsRows: keepsRows), file: file))
  }

  /// The server that control requests act upon.
  func attach(_ server: HTTPServer) { faults.withLock { $0.server = server } }

  func set(_ tls: ServerTLS) { wantsClients.store(tls.clients != nil, ordering: .relaxed) }

  var stats: PlatformStats { books.withLock { $0.stats } }

  func rows(of stream: String) -> [PlatformRow] { books.withLock { $0.rows(of: stream) } }

  func add(_ fault: PlatformFault, _ term: FaultTerm) {
    faults.withLock { $0.schedule.add(fault, term, now: SystemClock.boot) }
  }

  func clearFaults() {
    let server = faults.withLock { faults in
      faults.schedule.removeAll()
      return faults.server
    }
    server?.letGo()
  }

  func goDown(for duration: Duration) { faults.withLock { $0.server }?.scheduleDown(for: duration) }

  // MARK: - Requests

  func respond(to request: HTTPRequest) -> HTTPOutcome {
    if request.path.hasPrefix("/control/") { return .answer(PlatformControl.respond(to: request, self)) }
    books.withLock { $0.countRequest() }
    if wantsClients.load(ordering: .relaxed) {
      guard let client = request.client else {
        return .answer(HTTPAnswer(status: 403, error: "a client certificate is required"))
      }
      books.withLock { $0.greet(client) }
    }
    let fault = strike { !$0.dependsOnBatch }
    switch fault {
    case .status(let status, let retryAfter, let contentType, let body):
      return .answer(
        HTTPAnswer(
          status: status, contentType: contentType, retryAfter: retryAfter, body: .bytes(Array(body.utf8))))
    case .hang: return .hang
    case .closeBefore: return .close
    default: break
    }
    let answer = store(request)
    guard (200...299).contains(answer.status), let fault else { return .answer(answer) }
    return Self.spoil(answer, fault)
  }

  private static func spoil(_ answer: HTTPAnswer, _ fault: PlatformFault) -> HTTPOutcome {
    guard case .bytes(let bytes) = answer.body else { return .answer(answer) }
    // Of nothing there is no half.
    if bytes.isEmpty, fault == .slow || fault == .truncate { return .close }
    var spoilt = answer
    switch fault {
    case .delay(let delay): return .answer(answer, after: delay)
    case .closeAfter: return .close
    case .slow: spoilt.body = .slow(bytes, every: .seconds(1))
    case .huge: spoilt.body = .spaces(1 << 30)
    case .truncate: spoilt.body = .truncated(bytes)
    default: break
    }
    return .answer(spoilt)
  }

  private func strike(where matches: (PlatformFault) -> Bool) -> PlatformFault? {
    let fault = faults.withLock { faults in
      faults.schedule.strike(now: SystemClock.boot, dice: &faults.dice, where: matches)
    }
    if fault != nil { books.withLock { $0.countFault() } }
    return fault
  }

  private func store(_ request: HTTPRequest) -> HTTPAnswer {
    desk.withLock { desk in
      do throws(BatchIntake.Refusal) {
        switch try PlatformDialect(request) {
        case .native:
          let batch = try desk.intake.read(request)
          if let refusal = refusal(of: batch.summary.first...batch.summary.last) { return refusal }
          return try enter(batch, desk.file)
        case .lines(let unit): return write(try desk.intake.lines(of: request, unit: unit))
        case .telemetry(let token):
          let telemetry = try desk.intake.telemetry(of: request, token: token)
          _ = books.withLock { $0.take(telemetry.points, bytes: telemetry.size) }
          return HTTPAnswer(status: 200, body: .bytes([]))
        }
      } catch {
        switch error {
        case .status(let status, let reason):
          books.withLock { $0.countRejected(reason) }
          return HTTPAnswer(status: status, error: reason)
        }
      }
    }
  }

  /// As InfluxDB 1 does: the good lines are stored beside bad ones.
  private func write(_ lines: (points: [SeriesPoint], problem: String?, size: Int)) -> HTTPAnswer {
    let numbers = lines.points.compactMap(\.seq)
    if let first = numbers.min(), let last = numbers.max(), let refusal = refusal(of: first...last) {
      return refusal
    }
    let (refused, reason) = books.withLock { $0.take(lines.points, bytes: lines.size) }
    guard let problem = lines.problem ?? reason.map({ "field type conflict: \($0)" }) else {
      return HTTPAnswer(status: 204, body: .bytes([]))
    }
    books.withLock { $0.countRejected(problem) }
    return HTTPAnswer(status: 400, error: "partial write: \(problem) dropped=\(refused)")
  }

  /// The faults that look at the batch.
  private func refusal(of batch: ClosedRange<UInt64>) -> HTTPAnswer? {
    let fault = strike { fault in
      switch fault {
      case .poison(let rows, _): rows.overlaps(batch)
      case .rowLimit(let limit): batch.upperBound - batch.lowerBound >= UInt64(limit)
      default: false
      }
    }
    switch fault {
    case .poison(_, let status): return HTTPAnswer(status: status, error: "a row that is refused")
    case .rowLimit(let limit): return HTTPAnswer(status: 413, error: "more than \(limit) rows")
    default: return nil
    }
  }

  private func enter(_ batch: BatchIntake.Batch, _ file: RowFile?) throws(BatchIntake.Refusal) -> HTTPAnswer {
    let summary = batch.summary
    let rows = summary.last - summary.first + 1
    // In one: who sees a row counted finds it.
    let (accepted, new) = books.withLock { [keepsRows] books in
      let added = books.take(summary, bytes: batch.size)
      let new = keepsRows ? Self.rows(added, of: batch) : []
      books.keep(new, of: summary.stream)
      return (added.reduce(0) { $0 + ($1.upperBound - $1.lowerBound + 1) }, new)
    }
    if let file { try write(new, of: summary, to: file) }
    return HTTPAnswer(
      json: .object([
        "stream": .string(summary.stream), "first": .count(summary.first), "last": .count(summary.last),
        "accepted": .count(accepted), "duplicates": .count(rows - accepted),
      ]))
  }

  private static func rows(_ numbers: [ClosedRange<UInt64>], of batch: BatchIntake.Batch) -> [PlatformRow] {
    numbers.flatMap { range in
      range.map { PlatformRow(seq: $0, text: batch.rows[Int($0 - batch.summary.first)]) }
    }
  }

  private func write(
    _ rows: [PlatformRow], of batch: BatchSummary, to file: RowFile
  ) throws(BatchIntake.Refusal) {
    for row in rows { file.append(row.text, of: batch) }
    do throws(SystemError) { try file.flush() } catch { throw .status(500, error.description) }
  }
}
