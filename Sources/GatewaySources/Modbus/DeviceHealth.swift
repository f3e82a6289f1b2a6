internal import GatewayCore

/// How one device fares: its breaker, how long it takes to answer, and the state that its meter shows, which is
/// made of the last outcome of each of its requests. Owned by the bus's thread.
struct DeviceHealth {
  enum Outcome {
    case good
    /// The device answered, with an exception or with something that is not a number.
    case troubled
    /// No answer that could be used.
    case failed
  }

  /// Of a Modbus device.
  let unit: UInt8
  var breaker = Breaker()
  /// The longest that the device lately took for the first byte of an answer; nil while it never answered.
  private(set) var latency: Duration?
  private let meter: DeviceMeter
  /// The place in the plan of the device's first request; the others follow it.
  private let firstRequest: Int
  private var outcomes: [Outcome?]

  init(unit: UInt8 = 0, meter: DeviceMeter, requests: Range<Int>) {
    self.unit = unit
    self.meter = meter
    firstRequest = requests.lowerBound
    outcomes = Array(repeating: nil, count: requests.count)
  }

  mutating func answered(after latency: Duration) {
    breaker.answered()
    // What was slow once may be so again; it is forgotten within some dozen answers.
    self.latency = max(latency, (self.latency ?? .zero) * 9 / 10)
  }

  /// `request` is a place in the plan.
  mutating func record(_ outcome: Outcome, request: Int) {
    let place = request - firstRequest
    guard outcomes[place] != outcome else { return }
    outcomes[place] = outcome
    meter.record(state)
  }

  private var state: DeviceMeter.State {
    if outcomes.allSatisfy({ $0 == nil || $0 == .failed }) { return .failed }
    return outcomes.allSatisfy { $0 == nil || $0 == .good } ? .ok : .degraded
  }
}
