internal import GatewayCore

/// How much of the bus's time each request takes and may take: measured while it is answered, planned before.
/// Owned by the bus's thread.
struct BusLoad {
  /// How much of a new measurement counts: some dozen polls until a change is believed.
  private static let weight = 0.1
  /// A stretched schedule asks for a little more than the bus can do: so the line never rests, whatever the
  /// measurements are off by, and the earliest deadline decides.
  private static let overcommitment = 0.98
  /// What a tenth of a neighbour's period is.
  private static let bearableShare = 10
  /// Where nobody answers, nobody has to be protected but the technician, who waits for the poll that is under way.
  /// A device that needs more than that shows by its late answer that it is there.
  private static let longestInVain = Duration.seconds(2)
  /// What a busy processor may take to notice an answer.
  private static let wakeUp = Duration.milliseconds(10)

  private let requests: [PollRequest]
  private let timing: BusTiming
  private var durations: [Duration]
  private var budget: ProbeBudget
  private var nextSum = BootTime(microseconds: .min)
  /// Of all requests, and of those of devices that answer; parts of the bus's time.
  private(set) var demand = 0.0
  private(set) var liveDemand = 0.0
  /// The shortest period of a request of a device that answers, if there is one.
  private var shortestPeriod: Duration?
  /// What the slowest of those took lately for the first byte of an answer.
  private var slowest: Duration

  init(_ plan: PollPlan, at now: BootTime) {
    requests = plan.requests
    timing = plan.timing
    durations = plan.requests.map { plan.timing.time($0.table, count: Int($0.count)) }
    demand = plan.demand
    slowest = plan.timing.lead
    budget = ProbeBudget(at: now)
  }

  /// By how much all periods have to be longer: 1 or more.
  var stretch: Double { max(1, liveDemand * Self.overcommitment) }

  mutating func record(_ request: Int, took duration: Duration) {
    durations[request] += (duration - durations[request]) * Self.weight
  }

  /// Sums up what the requests take, once a second.
  mutating func refresh(_ healths: [DeviceHealth], at now: BootTime) {
    guard now >= nextSum else { return }
    nextSum = now.advanced(by: .seconds(1))
    (demand, liveDemand, shortestPeriod, slowest) = (0, 0, nil, timing.lead)
    for (place, request) in requests.enumerated() {
      let share = durations[place] / request.period
      demand += share
      guard healths[request.device].breaker.trusts else { continue }
      liveDemand += share
      shortestPeriod = min(shortestPeriod ?? request.period, request.period)
      slowest = max(slowest, healths[request.device].latency ?? .zero)
    }
  }

  /// How long the answer of a device may be waited for: nil when it should not be asked now. A device that does
  /// not answer costs its neighbours what its answer would have cost, and a tenth of their period.
  mutating func patience(
    for request: Int, _ health: DeviceHealth, timeout: Duration, at now: BootTime
  ) -> Duration? {
    let short = min(timeout, (health.latency ?? slowest) * 2 + Self.wakeUp)
    guard shortestPeriod != nil else {
      return health.breaker.permits(at: now) ? min(timeout, max(Self.longestInVain, short)) : short
    }
    let long = min(timeout, bearable(request))
    budget.save(demand: liveDemand / stretch, limit: timing.overhead + long, at: now)
    if health.breaker.trusts { return budget.saved < .zero ? short : timeout }
    if health.breaker.permits(at: now), budget.saved >= timing.overhead + long { return long }
    return budget.saved >= timing.overhead + min(short, long) ? min(short, long) : nil
  }

  /// So long a device was waited for in vain.
  mutating func recordFailure(took duration: Duration) {
    budget.spend(duration, floor: shortestPeriod ?? .zero)
  }

  /// What anybody but the plan's own devices may cost.
  func bearable(_ request: Int? = nil) -> Duration {
    guard let shortestPeriod else { return Self.longestInVain }
    return (request.map { durations[$0] } ?? timing.overhead) + shortestPeriod * stretch / Self.bearableShare
  }
}
