package import GatewayCore

/// A city's cabinets and its platform in virtual time: the forwarder's pure core, ten thousand times, and a platform
/// that takes so many requests a second and refuses the others.
package struct FleetSimulation: ~Copyable {
  package enum Trouble: String, CaseIterable, Sendable {
    /// Nobody answers.
    case dead
    /// Somebody answers 503.
    case busy
    /// All cabinets start together, each with a backlog.
    case dark
  }

  package struct Plan: Sendable {
    package var cabinets = 10_000
    package var trouble = Trouble.dead
    /// Seconds of it, after a minute of normal life.
    package var outage = 1800
    package var destination = DestinationConfig(
      name: "platform", url: "https://platform.example/", linger: .seconds(10))
    /// Rows a second that a cabinet stores.
    package var rate = 10
    /// Requests a second that the platform takes, in units of what all cabinets send when nothing is wrong.
    package var capacity = 1.5
    package var retryAfter: Duration? = .seconds(30)

    package init() {}

    /// Requests a second when nothing is wrong.
    package var load: Double { Double(cabinets) / destination.linger.seconds }
  }

  package struct Result: Sendable {
    /// Requests in each second since the trouble ended.
    package var load: [Int] = []
    package var taken = 0
    package var refused = 0
    package var stored: UInt64 = 0
    package var delivered: UInt64 = 0
    /// Seconds until nothing of the outage was left.
    package var drained: Int?

    package var peak: Int { load.max() ?? 0 }
  }

  /// One cabinet; its rows have numbers and nothing else.
  private struct Cabinet {
    var state: ForwarderState
    var dice: SplitMix
    /// Microseconds by which its rows come later than those of others.
    var phase: Int64
    /// The live lane's next row.
    var live: UInt64 = 1
    /// What it left behind.
    var backlog: [Range<UInt64>] = []
    var draft: ClosedRange<UInt64>?
    var delivered: UInt64 = 0
    /// When the answer to the batch in flight comes, and what it is.
    var answer: (time: Int64, verdict: DeliveryVerdict)?
    var wake: Int64 = 0
  }

  private static let tick: Int64 = 10_000
  private static let roundTrip: Int64 = 100_000
  private static let slices: Int64 = 10
  private static let bytesPerRow = 20
  /// Seconds of normal life before the trouble, and at most after it.
  private static let (before, after) = (60, 4 * 3600)

  private let plan: Plan
  private var cabinets: [Cabinet] = []
  /// Who wakes at each tick.
  private var calendar: [[Int32]]
  private var now: Int64 = 0
  /// The slice of a second, and what was taken in it.
  private var slice: (number: Int64, taken: Int) = (0, 0)
  private var result = Result()

  private var troubleStart: Int64 { Int64(Self.before) * 1_000_000 }
  private var troubleEnd: Int64 { troubleStart + Int64(plan.outage) * 1_000_000 }
  private var isTrouble: Bool { now >= troubleStart && now < troubleEnd }

  package init(_ plan: Plan) {
    self.plan = plan
    calendar = Array(
      repeating: [], count: (Self.before + plan.outage + Self.after) * Int(1_000_000 / Self.tick) + 1)
    for number in 0..<plan.cabinets {
      var dice = SplitMix(name: "cabinet-\(number) platform")
      cabinets.append(
        Cabinet(
          state: ForwarderState(plan.destination, startPhase: dice.unit()), dice: dice,
          phase: Int64(SplitMix.mix(UInt64(number)) % UInt64(1_000_000 / plan.rate))))
      schedule(number, at: 0)
    }
  }

  package mutating func run() -> Result {
    let stored = rows(at: troubleEnd, of: 0)
    var left = plan.cabinets
    for tick in calendar.indices {
      now = Int64(tick) * Self.tick
      if now == troubleEnd && plan.trouble == .dark { restartAll() }
      for number in calendar[tick] where cabinets[Int(number)].wake == Int64(tick) {
        let wasBehind = cabinets[Int(number)].delivered < stored
        turn(Int(number))
        if wasBehind, cabinets[Int(number)].delivered >= stored { left -= 1 }
      }
      calendar[tick] = []
      if now >= troubleEnd, left == 0 {
        result.drained = Int((now - troubleEnd) / 1_000_000)
        break
      }
    }
    result.stored = cabinets.indices.reduce(0) { $0 + rows(at: now, of: $1) }
    result.delivered = cabinets.reduce(0) { $0 + $1.delivered }
    return result
  }

  private func rows(at time: Int64, of number: Int) -> UInt64 {
    UInt64(max(time - cabinets[number].phase, 0) * Int64(plan.rate) / 1_000_000)
  }

  private mutating func restartAll() {
    for number in cabinets.indices {
      var dice = SplitMix(name: "cabinet-\(number) platform")
      cabinets[number].state = ForwarderState(plan.destination, startPhase: dice.unit())
      cabinets[number].answer = nil
      cabinets[number].draft = nil
      cabinets[number].live = cabinets[number].delivered + 1
      jump(number)
      schedule(number, at: now)
    }
  }

  private mutating func schedule(_ number: Int, at time: Int64) {
    let tick = max((time + Self.tick - 1) / Self.tick, now / Self.tick)
    guard tick < calendar.count else { return }
    cabinets[number].wake = tick
    calendar[Int(tick)].append(Int32(number))
  }

  // MARK: - A cabinet

  private mutating func turn(_ number: Int) {
    if plan.trouble == .dark, isTrouble { return }
    let time = BootTime(microseconds: now)
    if let answer = cabinets[number].answer, answer.time <= now {
      cabinets[number].answer = nil
      if answer.verdict == .accepted, cabinets[number].state.mayBeBehind { jump(number) }
      let random = cabinets[number].dice.unit()
      perform(cabinets[number].state.handle(.judged(answer.verdict, random: random), at: time), number)
    }
    draftLive(number, at: time)
    draftBacklog(number, at: time)
    perform(cabinets[number].state.handle(.timePassed, at: time), number)
    let wake = min(
      cabinets[number].answer?.time ?? .max, cabinets[number].state.wakeTime?.microseconds ?? .max)
    let nextRow = now + 1_000_000 / Int64(plan.rate)
    schedule(number, at: max(wake == .max ? nextRow : wake, now + Self.tick))
  }

  private mutating func jump(_ number: Int) {
    let stored = rows(at: now, of: number)
    let limit = UInt64(cabinets[number].state.rowLimit)
    if !plan.destination.format.keepsOrder, stored + 1 > cabinets[number].live + limit {
      let newest = stored + 1 - limit
      cabinets[number].backlog.append(cabinets[number].live..<newest)
      cabinets[number].live = newest
      cabinets[number].draft = nil
      cabinets[number].state.caughtUp(byJumping: true)
    } else if stored + 1 <= cabinets[number].live + limit {
      cabinets[number].state.caughtUp(byJumping: false)
    }
  }

  private mutating func draftLive(_ number: Int, at time: BootTime) {
    let (first, stored) = (cabinets[number].live, rows(at: now, of: number))
    guard stored >= first else { return }
    let limit = cabinets[number].state.rowLimit
    let rows = (first...stored).first(limit)
    cabinets[number].draft = rows
    perform(
      cabinets[number].state.handle(.drafted(rows: rows, isComplete: rows.count == limit), at: time), number)
  }

  private mutating func draftBacklog(_ number: Int, at time: BootTime) {
    guard let run = cabinets[number].backlog.first, cabinets[number].state.batch(of: .backlog) == nil
    else { return }
    let rows = ClosedRange(run).first(cabinets[number].state.backlogRowLimit)
    let bytes = BacklogBudget.wireBytes(body: rows.count * Self.bytesPerRow)
    perform(cabinets[number].state.handle(.sealedBacklog(rows: rows, bytes: bytes), at: time), number)
  }

  private mutating func perform(_ actions: [ForwarderState.Action], _ number: Int) {
    for action in actions {
      switch action {
      case .send(.live):
        cabinets[number].live = (cabinets[number].draft?.upperBound ?? 0) + 1
        cabinets[number].draft = nil
        post(number)
      case .send(.backlog), .resend: post(number)
      case .acknowledge(let rows):
        cabinets[number].delivered += UInt64(rows.count)
        if let run = cabinets[number].backlog.first, run.lowerBound == rows.lowerBound {
          cabinets[number].backlog[0] = rows.upperBound + 1..<run.upperBound
          if cabinets[number].backlog[0].isEmpty { cabinets[number].backlog.removeFirst() }
        }
      case .rebuild: break
      }
    }
  }

  // MARK: - The platform

  private mutating func post(_ number: Int) {
    cabinets[number].answer = (now + Self.roundTrip, verdict())
  }

  private mutating func verdict() -> DeliveryVerdict {
    if isTrouble {
      return plan.trouble == .dead
        ? .keep(.unreachable, cause: "refused", retryAfter: nil)
        : .keep(.overloaded, cause: "status 503", retryAfter: nil)
    }
    if now >= troubleEnd {
      let second = Int((now - troubleEnd) / 1_000_000)
      while result.load.count <= second { result.load.append(0) }
      result.load[second] += 1
    }
    let number = now * Self.slices / 1_000_000
    if number != slice.number {
      slice = (number, 0)
    }
    guard Double(slice.taken + 1) <= plan.capacity * plan.load / Double(Self.slices) else {
      result.refused += 1
      return .keep(.overloaded, cause: "status 429", retryAfter: plan.retryAfter)
    }
    slice.taken += 1
    result.taken += 1
    return .accepted
  }
}

extension ClosedRange<UInt64> {
  fileprivate func first(_ count: Int) -> Self {
    lowerBound...Swift.min(upperBound, lowerBound + UInt64(Swift.max(count, 1)) - 1)
  }
}
