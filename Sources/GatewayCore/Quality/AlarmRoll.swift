/// An alarm that is raised, under its own description, so that it survives a change of the configuration.
package struct RaisedAlarm: Equatable, Sendable {
  package var alarm: PointDescription
  package var since: Timestamp
  /// What raised it.
  package var value: Value?

  package init(alarm: PointDescription, since: Timestamp, value: Value?) {
    (self.alarm, self.since, self.value) = (alarm, since, value)
  }
}

/// All alarms of one configuration: readings and ticks go in, rows come out for what was raised or cleared. Pure; owned
/// by one thread.
package struct AlarmRoll: ~Copyable {
  private struct Entry {
    var alarm: ConfiguredAlarm
    var state: AlarmState
    var since: Timestamp?
    var value: Value?
    var raisings: UInt64 = 0
  }

  package let catalogue: Catalogue
  private var entries: [Entry]
  /// The place of each point's first alarm, and one behind its last: those of a point stand together.
  private var places: [Range<Int>]
  /// What was raised and cleared since `takeRows`.
  package private(set) var rows = RowEncoder()

  /// `raised`: what an earlier run or configuration left. What of it is not in `alarms` is not this one's to clear.
  /// `before`: what this run has said of alarms so far.
  package init(
    _ alarms: [ConfiguredAlarm], raised: [RaisedAlarm], before reports: [AlarmReport] = [], at now: BootTime
  ) {
    catalogue = Catalogue(points: alarms.map(\.description))
    let known = Dictionary(raised.map { (AlarmName($0.alarm), $0) }, uniquingKeysWith: { first, _ in first })
    let told = Dictionary(reports.map { (AlarmName($0), $0) }, uniquingKeysWith: { first, _ in first })
    entries = alarms.map { alarm in
      let report = told[AlarmName(alarm.description)]
      let before = known[AlarmName(alarm.description)]
      return Entry(
        alarm: alarm, state: AlarmState(startedAt: now, isRaised: before != nil),
        since: before?.since ?? report?.since, value: before?.value ?? report?.value,
        raisings: report?.raisings ?? 0)
    }
    places = Array(repeating: 0..<0, count: alarms.last.map { Int($0.point) + 1 } ?? 0)
    for (place, alarm) in alarms.enumerated() {
      let before = places[Int(alarm.point)]
      places[Int(alarm.point)] = (before.isEmpty ? place : before.lowerBound)..<place + 1
    }
  }

  @inline(__always)
  package mutating func take(_ reading: borrowing Reading) {
    guard Int(reading.point) < places.count, !places[Int(reading.point)].isEmpty else { return }
    judge(copy reading)
  }

  private mutating func judge(_ reading: Reading) {
    for place in places[Int(reading.point)] {
      if let change = entries[place].state.take(reading, by: entries[place].alarm.config) {
        note(change, at: place)
      }
    }
  }

  package mutating func tick(at now: Moment, _ timeQuality: TimeQuality) {
    for place in entries.indices {
      if let change = entries[place].state.tick(at: now, timeQuality, by: entries[place].alarm.config) {
        note(change, at: place)
      }
    }
  }

  private mutating func note(_ change: AlarmChange, at place: Int) {
    let value = entries[place].alarm.hidesValue ? nil : change.value
    entries[place].since = change.moment.time
    entries[place].value = value
    if change.isRaised { entries[place].raisings += 1 }
    rows.append(
      Row(
        point: PointIndex(place), time: change.moment.time, boot: change.moment.boot, quality: change.quality,
        reason: change.reason, timeQuality: change.timeQuality,
        body: .alarm(AlarmEvent(isRaised: change.isRaised, value: value))))
  }

  /// What an earlier run had raised, where that was not known at the start: no row, as there is one already.
  package mutating func takeUp(_ raised: [RaisedAlarm]) {
    let known = Dictionary(raised.map { (AlarmName($0.alarm), $0) }, uniquingKeysWith: { first, _ in first })
    for place in entries.indices where !entries[place].state.isRaised {
      guard let before = known[AlarmName(entries[place].alarm.description)] else { continue }
      entries[place].state.takeUpRaised()
      (entries[place].since, entries[place].value) = (before.since, before.value)
    }
  }

  /// The rows so far, to be followed by the state; the roll goes on without them.
  package mutating func takeRows() -> ByteBuffer { rows.takeBytes(reserving: 4096) }

  package var raised: [RaisedAlarm] {
    entries.filter(\.state.isRaised).map {
      RaisedAlarm(
        alarm: $0.alarm.description, since: $0.since ?? Timestamp(microseconds: 0), value: $0.value)
    }
  }

  package var reports: [AlarmReport] {
    entries.map {
      AlarmReport(
        name: $0.alarm.config.name, point: $0.alarm.description.name, unit: $0.alarm.description.unit,
        isRaised: $0.state.isRaised, since: $0.since, value: $0.value, raisings: $0.raisings)
    }
  }
}

/// What an alarm is known by in any configuration.
package struct AlarmName: Hashable, Sendable {
  package var point: String
  package var alarm: String

  package init(_ description: PointDescription) {
    (point, alarm) = (description.name, description.alarm ?? "")
  }

  fileprivate init(_ report: AlarmReport) { (point, alarm) = (report.point, report.name) }
}

extension [RaisedAlarm] {
  /// Those that a configuration does not have any more.
  package func gone(from alarms: [ConfiguredAlarm]) -> [RaisedAlarm] {
    let names = Set(alarms.map { AlarmName($0.description) })
    return filter { !names.contains(AlarmName($0.alarm)) }
  }

  package mutating func remove(_ gone: [RaisedAlarm]) {
    let names = Set(gone.map { AlarmName($0.alarm) })
    removeAll { names.contains(AlarmName($0.alarm)) }
  }
}
