import GatewayCore
import Testing

/// When an alarm is raised and cleared, against a reference that looks at the whole past each time.
@Suite struct AlarmStateTests {
  private static let second: Int64 = 1_000_000

  private enum Event {
    case reading(Reading)
    case tick(Moment)

    var isBad: Bool {
      if case .reading(let reading) = self { reading.quality == .bad } else { false }
    }

    var moment: Moment {
      switch self {
      case .reading(let reading): reading.moment
      case .tick(let moment): moment
      }
    }
  }

  private static func moment(_ boot: Int64) -> Moment {
    Moment(time: Timestamp(microseconds: boot + 5), boot: BootTime(microseconds: boot))
  }

  private static func reading(_ boot: Int64, _ value: Double, _ quality: Quality = .good) -> Reading {
    Reading(
      point: 0, at: moment(boot), value: .double(value), quality: quality,
      reason: quality == .good ? .none : .suspectRange)
  }

  private static func bad(_ boot: Int64) -> Reading {
    Reading(point: 0, at: moment(boot), failed: .timeout, timeQuality: .synced)
  }

  /// What was raised (true) and cleared, each with the event that did it.
  private static func changes(_ events: [Event], _ config: AlarmConfig) -> [(Int, Bool)] {
    var state = AlarmState(startedAt: BootTime(microseconds: 0))
    var changes: [(Int, Bool)] = []
    for (place, event) in events.enumerated() {
      let change =
        switch event {
        case .reading(let reading): state.take(reading, by: config)
        case .tick(let moment): state.tick(at: moment, .synced, by: config)
        }
      guard let change else { continue }
      #expect(change.isRaised == state.isRaised)
      #expect(change.moment == event.moment)
      changes.append((place, change.isRaised))
    }
    return changes
  }

  // MARK: - The reference

  /// Readings that say something, up to event `end`: not bad, and for a rate each against the one before.
  private static func numbers(
    _ events: ArraySlice<Event>, _ config: AlarmConfig
  ) -> [(place: Int, boot: Int64, number: Double)] {
    let readings = events.enumerated().compactMap { place, event -> (Int, Int64, Double)? in
      guard case .reading(let reading) = event, reading.quality != .bad, let value = reading.value else {
        return nil
      }
      return (place, reading.boot.microseconds, value.asDouble)
    }
    guard case .rate = config.condition else { return readings.map { ($0.0, $0.1, $0.2) } }
    var kept: [(Int, Int64, Double)] = []
    var rates: [(place: Int, boot: Int64, number: Double)] = []
    for reading in readings {
      if let last = kept.last {
        guard reading.1 > last.1 else { continue }
        rates.append(
          (reading.0, reading.1, abs(reading.2 - last.2) / (Double(reading.1 - last.1) / 1e6)))
      }
      kept.append(reading)
    }
    return rates
  }

  private static func isOutside(_ number: Double, _ config: AlarmConfig) -> Bool {
    switch config.condition {
    case .above(let limit), .rate(let limit): number > limit
    case .below(let limit): number < limit
    case .equals(let wanted): number == wanted
    case .stale: false
    }
  }

  private static func isInside(_ number: Double, _ config: AlarmConfig) -> Bool {
    switch config.condition {
    case .above(let limit), .rate(let limit): number <= limit - config.hysteresis
    case .below(let limit): number >= limit + config.hysteresis
    case .equals(let wanted): number != wanted
    case .stale: true
    }
  }

  private static func reference(_ events: [Event], _ config: AlarmConfig) -> [(Int, Bool)] {
    var changes: [(Int, Bool)] = []
    for (place, event) in events.enumerated() {
      let numbers = numbers(events[...place], config)
      let isNew = numbers.last?.place == place
      if changes.last?.1 == true {
        if isNew, let last = numbers.last, isInside(last.number, config) { changes.append((place, false)) }
        continue
      }
      let now = event.moment.boot.microseconds
      if case .stale(let period) = config.condition {
        guard case .tick = event else { continue }
        if now - (numbers.last?.boot ?? 0) >= period { changes.append((place, true)) }
        continue
      }
      if case .reading = event, !isNew { continue }
      // The readings at the end that are all outside, since the alarm was cleared and behind the last bad one.
      let start = max(changes.last?.0 ?? -1, events[...place].lastIndex(where: \.isBad) ?? -1)
      let run = numbers.filter { $0.place > start }.reversed()
        .prefix { isOutside($0.number, config) }
      guard let first = run.last, now - first.boot >= config.delay else { continue }
      changes.append((place, true))
    }
    return changes
  }

  private static func events(_ dice: inout SplitMix) -> [Event] {
    var boot: Int64 = 0
    return (0..<120).map { _ in
      boot += Int64.random(in: 0...4, using: &dice) * second / 2
      switch Int.random(in: 0..<10, using: &dice) {
      case 0..<4: return .tick(moment(boot))
      case 4: return .reading(bad(boot))
      case 5: return .reading(reading(boot, 1e9, .bad))
      default:
        return .reading(
          reading(
            boot, Double(Int.random(in: 0...6, using: &dice)),
            Bool.random(using: &dice) ? .good : .uncertain))
      }
    }
  }

  @Test func alarmsAreRaisedAndClearedWhenThePastSaysSo() {
    let seed = UInt64.random(in: .min ... .max)
    var dice = SplitMix(seed: seed)
    var raised = 0
    for round in 0..<2000 {
      let conditions: [AlarmConfig.Condition] = [
        .above(3), .below(3), .equals(2), .stale(4 * Self.second), .rate(2),
      ]
      let condition = conditions[round % conditions.count]
      var config = AlarmConfig(name: "a", condition: condition)
      if case .stale = condition {
      } else {
        config.delay = Int64.random(in: 0...3, using: &dice) * Self.second
        config.hysteresis = Double(Int.random(in: 0...2, using: &dice))
      }
      if case .equals = condition { config.hysteresis = 0 }
      let events = Self.events(&dice)
      let (found, wanted) = (Self.changes(events, config), Self.reference(events, config))
      #expect(found.map(\.0) == wanted.map(\.0), "seed \(seed), round \(round), \(config)")
      #expect(found.map(\.1) == wanted.map(\.1), "seed \(seed), round \(round), \(config)")
      raised += found.count
    }
    #expect(raised > 2000)
  }

  @Test func aBadReadingEndsADelayWhichBeginsAnewWithTheNextGoodOne() {
    let config = AlarmConfig(name: "high", condition: .above(60), delay: 3 * Self.second)
    var events: [Event] = [.reading(Self.reading(0, 70)), .reading(Self.reading(250_000, 70))]
    for boot in stride(from: Int64(500_000), through: 5 * Self.second, by: 250_000) {
      events += [.reading(Self.bad(boot)), .tick(Self.moment(boot))]
    }
    #expect(Self.changes(events, config).isEmpty)
    events += [
      .reading(Self.reading(6 * Self.second, 70)), .tick(Self.moment(8_900_000)),
      .tick(Self.moment(9 * Self.second)),
    ]
    #expect(Self.changes(events, config).map(\.0) == [events.count - 1])
  }

  @Test func aRaisedAlarmStaysRaisedWhileReadingsAreBad() {
    let config = AlarmConfig(name: "high", condition: .above(60), delay: 3 * Self.second)
    let events: [Event] = [
      .reading(Self.reading(0, 61)), .tick(Self.moment(3 * Self.second)),
      .reading(Self.bad(4 * Self.second)), .reading(Self.reading(5 * Self.second, 1, .bad)),
      .tick(Self.moment(60 * Self.second)), .reading(Self.reading(61 * Self.second, 1)),
    ]
    #expect(Self.changes(events, config).map(\.0) == [1, 5])
  }

  @Test func anAlarmLeftByAnEarlierRunIsClearedAndNotRaisedAgain() {
    let config = AlarmConfig(name: "open", condition: .equals(1))
    var state = AlarmState(startedAt: BootTime(microseconds: 0), isRaised: true)
    #expect(state.take(Self.reading(1, 1), by: config) == nil)
    #expect(state.tick(at: Self.moment(2), .synced, by: config) == nil)
    let change = state.take(Self.reading(3, 0), by: config)
    #expect(change?.isRaised == false)
    #expect(change?.value == .double(0))
  }

  @Test func silenceRaisesAStaleAlarmWithoutAValueAndAReadingClearsIt() {
    let config = AlarmConfig(name: "stale", condition: .stale(10 * Self.second))
    var state = AlarmState(startedAt: BootTime(microseconds: 0))
    #expect(state.take(Self.reading(Self.second, 7), by: config) == nil)
    #expect(state.take(Self.bad(8 * Self.second), by: config) == nil)
    let raised = state.tick(at: Self.moment(11 * Self.second), .unsynced, by: config)
    #expect(raised?.isRaised == true)
    #expect(raised?.value == nil)
    #expect(raised?.timeQuality == .unsynced)
    #expect(state.take(Self.bad(12 * Self.second), by: config) == nil)
    let cleared = state.take(Self.reading(13 * Self.second, 8), by: config)
    #expect(cleared?.isRaised == false)
    #expect(cleared?.value == .double(8))
  }
}
