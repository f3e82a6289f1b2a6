internal import GatewayCore

/// How much of a line's time its questions take when all go well: what they took lately, and before the first answer
/// their own characters. Nothing on a line whose devices talk by themselves. Owned by the bus's thread.
struct SerialLoad {
  /// How much of a new measurement counts: some dozen questions until a change is believed.
  private static let weight = 0.1

  private let periods: [Duration]
  /// One for each of the plan's works; zero for what asks nothing.
  private var durations: [Duration]
  private var wasAnswered: [Bool]

  init(_ plan: SerialPlan, on line: SerialLine) {
    periods = plan.works.map(\.period)
    durations = plan.works.map { work, _ in
      if case .ask(let ask) = work { line.time(ofCharacters: Double(ask.bytes.count)) } else { .zero }
    }
    wasAnswered = Array(repeating: false, count: plan.works.count)
  }

  mutating func record(_ work: Int, took duration: Duration) {
    durations[work] += (duration - durations[work]) * (wasAnswered[work] ? Self.weight : 1)
    wasAnswered[work] = true
  }

  /// The part of the line's time, for the bus's meter.
  var permille: UInt32 {
    let demand = zip(durations, periods).reduce(0) { $0 + $1.0 / $1.1 }
    return UInt32(clamping: Int64(demand * 1000))
  }
}
