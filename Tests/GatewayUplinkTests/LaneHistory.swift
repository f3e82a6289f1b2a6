import GatewayCore
import GatewayUplink

/// A cabinet, its link and its platform in virtual time: rows are stored, exchanges take as long as their bytes do,
/// the platform is away for a while or fails by chance, rows vanish or are carried away.
struct LaneHistory: ~Copyable {
  struct Hazards: OptionSet {
    var rawValue: Int
    /// 503, refused, a lost answer.
    static let failures = Hazards(rawValue: 1)
    /// Batches above some rows are too large.
    static let limits = Hazards(rawValue: 2)
    /// Evictions anywhere, damage, rows that are carried away.
    static let losses = Hazards(rawValue: 4)
    /// New streams, flushes, restarts of the daemon.
    static let people = Hazards(rawValue: 8)
  }

  /// One batch that was posted.
  struct Post {
    var lane: ForwarderState.Lane
    var rows: ClosedRange<UInt64>
    var bytes: Int
    var time: BootTime
    /// A live row that was due had to wait for this batch of the backlog.
    var overtakes: Bool
  }

  let destination: DestinationConfig
  let hazards: Hazards
  let queue = MemoryQueue()
  var generator: SplitMix
  var outbox: Outbox
  var now = BootTime(microseconds: 0)
  /// Bytes a second.
  var linkSpeed = 100_000.0
  var isAway = false
  var posts: [Post] = []
  /// When each row was stored, and when the platform first had it.
  var storeTimes: [BootTime] = []
  var arrivals: [UInt64: BootTime] = [:]
  var damagedRows = RangeSet<UInt64>()
  var flaws: [String] = []
  private var answerTime: BootTime?
  private var bodies: [String: [UInt8]] = [:]
  private var streams: [StreamID] = []
  private let largest: Int

  init(_ destination: DestinationConfig, seed: UInt64, hazards: Hazards = []) {
    self.destination = destination
    self.hazards = hazards
    generator = SplitMix(seed: seed)
    largest = hazards.contains(.limits) ? Int.random(in: 1...8, using: &generator) : .max
    outbox = Outbox(destination, gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
  }

  private mutating func chance(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &generator) < percent
  }

  // MARK: - Time

  mutating func store(_ count: Int) {
    queue.store(count)
    storeTimes += Array(repeating: now, count: count)
    streams += Array(repeating: queue.now.stream, count: count)
    advance()
  }

  /// Goes on for `duration`, from event to event.
  mutating func run(_ duration: Duration) {
    let end = now.advanced(by: duration)
    while true {
      let next = min(answerTime ?? end, outbox.wakeTime ?? end)
      if next >= end { break }
      now = max(next, now)
      if let answerTime, answerTime <= now { finish() } else { advance() }
    }
    now = end
    advance()
  }

  /// Rows that come at an even rate for so many seconds.
  mutating func live(seconds: Int, rowsPerSecond: Int) {
    for _ in 0..<seconds {
      if chance(30) { disturb() }
      store(rowsPerSecond)
      run(.seconds(1))
    }
  }

  mutating func advance() {
    if outbox.advance(at: now) { post() }
  }

  private mutating func disturb() {
    if hazards.contains(.losses), chance(50) {
      let count = queue.now.commits.count
      let index = Int.random(in: 0..<max(count, 1), using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: queue.evict(commit: 0)
      case 1: queue.evict(commit: index)
      case 2 where index < count:
        let commit = queue.now.commits[index]
        queue.change { $0.damaged.insert(commit.firstSeq) }
        damagedRows.insert(contentsOf: commit.firstSeq..<commit.lastSeq + 1)
      default: carry()
      }
    }
    if hazards.contains(.people) {
      if chance(5) {
        let stream = StreamID(bits: generator.next())
        queue.change(stream: stream)
      }
      advance()
      if chance(5), outbox.flush(at: now) { post() }
      if chance(5) {
        // A batch in flight is dropped, and may have arrived.
        if answerTime != nil, !isAway { arrive() }
        answerTime = nil
        outbox = Outbox(destination, gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
      }
    }
  }

  private func carry() {
    guard let run = queue.pending(from: 1) else { return }
    queue.carry(run.lowerBound...min(run.upperBound, run.lowerBound + 20))
  }

  // MARK: - Batches

  private mutating func post() {
    let lane = outbox.lane ?? .live
    let (rows, body, key, stream) = outbox.withBatch { batch in
      (batch.rows, batch.withBody { Array($0) }, batch.head.headers[0], batch.stream)
    }
    if answerTime != nil { flaws.append("two batches in flight") }
    if let before = bodies.updateValue(body, forKey: key), before != body { flaws.append("\(key) changed") }
    if queue.pending(from: rows.lowerBound).map({
      $0.lowerBound == rows.lowerBound && $0.contains(rows.upperBound)
    })
      != true
    {
      flaws.append("\(rows) were settled before")
    }
    if rows.count > destination.maximumReadings { flaws.append("\(rows) are too many") }
    if !rows.allSatisfy({ streams[Int($0) - 1] == stream }) { flaws.append("\(rows) are of two streams") }
    let bytes = BacklogBudget.wireBytes(body: body.count)
    posts.append(
      Post(lane: lane, rows: rows, bytes: bytes, time: now, overtakes: lane == .backlog && isLiveDue))
    answerTime = now.advanced(by: .seconds(isAway ? 0.1 : 0.02 + Double(bytes) / linkSpeed))
  }

  /// Rows behind everything that the live lane has sent have lingered, from when there was room for them in a draft.
  private var isLiveDue: Bool {
    guard let last = posts.last(where: { $0.lane == .live }), last.rows.upperBound < queue.storedThrough
    else {
      return false
    }
    return max(storeTimes[Int(last.rows.upperBound)], last.time).advanced(by: destination.linger) < now
  }

  private mutating func arrive() {
    let (rows, body) = outbox.withBatch { batch in (batch.rows, batch.withBody { Array($0) }) }
    guard let json = inflate(body), let readings = (try? JSONValue(parsing: json))?["readings"]?.array,
      readings.map({ $0["seq"]?.unsignedInteger }) == Array(rows),
      readings.map({ $0["value"]?.unsignedInteger }) == rows.map({ $0 * 3 })
    else { return flaws.append("\(rows) hold something else") }
    for seq in rows where arrivals[seq] == nil { arrivals[seq] = now }
  }

  private mutating func finish() {
    answerTime = nil
    let outcome = outcome()
    let random = Double.random(in: 0..<1, using: &generator)
    if outbox.finish(outcome, at: now, random: random).mustPost { post() }
    // As the forwarder does in its next turn.
    advance()
  }

  private mutating func outcome() -> DeliveryOutcome {
    if isAway { return .failure(.unreachable, cause: "no route") }
    if outbox.withBatch({ $0.rows.count }) > largest { return .answer(DeliveryAnswer(status: 413)) }
    if hazards.contains(.failures) {
      switch Int.random(in: 0..<12, using: &generator) {
      case 0: return .answer(DeliveryAnswer(status: 503, retryAfter: 3))
      case 1: return .failure(.unreachable, cause: "refused")
      case 2:
        arrive()
        return .failure(.busy, cause: "closed")
      default: break
      }
    }
    arrive()
    return .answer(DeliveryAnswer(status: 200))
  }

  /// Until nothing is pending, for at most so long.
  mutating func drain(within seconds: Int) {
    for _ in 0..<seconds where queue.pending(from: 1) != nil { run(.seconds(1)) }
  }
}
