/// An alarm was raised or cleared.
package struct AlarmChange: Equatable, Sendable {
  package var isRaised: Bool
  package var moment: Moment
  /// What did it; nil where silence did.
  package var value: Value?
  package var quality: Quality
  package var reason: QualityReason
  package var timeQuality: TimeQuality
}

/// Where one alarm stands. Raised when its condition holds, or has held for as long as its `delay` by boot time;
/// cleared when the value is back inside by its `hysteresis`.
///
/// A bad reading neither raises nor clears. What is raised stays so; a delay ends, as nobody knows whether the condition
/// still holds, and begins anew with the next reading that fulfils it. `stale` is the alarm of silence; only a reading that is not bad ends that. A new state knows of no earlier
/// reading: delays and silence count from its start.
package struct AlarmState: Equatable, BitwiseCopyable, Sendable {
  package private(set) var isRaised: Bool
  /// Since when it holds without a break; nil: it does not.
  private var holdsSince: BootTime?
  /// The last reading that was not bad, or the start.
  private var latest: BootTime
  private var hasReading = false
  private var value = 0.0
  private var source: Value?
  private var quality = Quality.good
  private var reason = QualityReason.none

  /// `isRaised`: what an earlier run or configuration left.
  package init(startedAt start: BootTime, isRaised: Bool = false) {
    self.isRaised = isRaised
    latest = start
  }

  /// An earlier run had raised it, as is known now.
  package mutating func takeUpRaised() {
    isRaised = true
    holdsSince = nil
  }

  /// What a reading of the alarm's point changes; readings come in their order.
  package mutating func take(_ reading: Reading, by config: AlarmConfig) -> AlarmChange? {
    guard reading.quality != .bad, let given = reading.value, !given.asDouble.isNaN else {
      holdsSince = nil
      return nil
    }
    guard let state = state(of: given.asDouble, at: reading.boot, by: config) else { return nil }
    (value, latest, hasReading) = (given.asDouble, reading.boot, true)
    (source, quality, reason) = (given, reading.quality, reading.reason)
    var change: Bool?
    if isRaised {
      if state == .inside { change = false }
    } else if state == .outside {
      let since = holdsSince ?? reading.boot
      holdsSince = since
      if reading.boot.microseconds - since.microseconds >= config.delay { change = true }
    } else {
      holdsSince = nil
    }
    return change.map { become($0, at: reading.moment, reading.timeQuality) }
  }

  /// What the time alone changes.
  package mutating func tick(
    at now: Moment, _ timeQuality: TimeQuality, by config: AlarmConfig
  ) -> AlarmChange? {
    if isRaised { return nil }
    if case .stale(let period) = config.condition {
      guard now.boot.microseconds - latest.microseconds >= period + config.delay else { return nil }
      (source, quality, reason) = (nil, .good, .none)
    } else {
      guard let since = holdsSince, now.boot.microseconds - since.microseconds >= config.delay else {
        return nil
      }
    }
    return become(true, at: now, timeQuality)
  }

  private mutating func become(
    _ isRaised: Bool, at moment: Moment, _ timeQuality: TimeQuality
  ) -> AlarmChange {
    self.isRaised = isRaised
    holdsSince = nil
    return AlarmChange(
      isRaised: isRaised, moment: moment, value: source, quality: quality, reason: reason,
      timeQuality: timeQuality)
  }

  private enum Side { case outside, between, inside }

  /// nil where nothing can be said: of a rate, before the second reading.
  private func state(of value: Double, at boot: BootTime, by config: AlarmConfig) -> Side? {
    func side(_ isOutside: Bool, _ isInside: Bool) -> Side {
      isOutside ? .outside : isInside ? .inside : .between
    }
    let slack = config.hysteresis
    switch config.condition {
    case .above(let limit): return side(value > limit, value <= limit - slack)
    case .below(let limit): return side(value < limit, value >= limit + slack)
    case .equals(let wanted): return side(value == wanted, value != wanted)
    case .stale: return .inside
    case .rate(let limit):
      let passed = Double(boot.microseconds - latest.microseconds) / 1e6
      guard hasReading else { return .between }
      // Two readings of one instant say nothing of a rate.
      guard passed > 0 else { return nil }
      let rate = ((value - self.value) / passed).magnitude
      return side(rate > limit, rate <= limit - slack)
    }
  }
}
