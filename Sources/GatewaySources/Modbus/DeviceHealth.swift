internal import GatewayCore

/// How one device fares: its breaker, and the state that its meter shows, which is made of the last outcome
/// of each of its requests. Owned by the bus's thread.
struct DeviceHealth {
  enum Outcome {
    case good
    /// The device answered, with an exception or with something that is not a number.
    case troubled
    /// No answer that could be used.
    case failed
  }

  var breaker = Breaker()
  private let meter: DeviceMeter
  /// The place in the plan of the device's first request; the others follow it.
  private let firstRequest: Int
  private var outcomes: [Outcome?]

  init(meter: DeviceMeter, requests: Range<Int>) {
    self.meter = meter
    firstRequest = requests.lowerBound
    outcomes = Array(repeating: nil, count: requests.count)
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
