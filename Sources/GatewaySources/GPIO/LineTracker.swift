internal import GatewayCore

/// From a line's events and levels to its point's readings. No descriptor, no clock: what time it is, the room
/// says.
///
/// Promises: the readings never go back in time; each event is taken once, with the kernel's time; lost events
/// show in the next reading's quality; in a storm the readings are bad, and counts go on.
struct LineTracker {
  /// What somebody should be told.
  enum Alert { case storm, loss }

  /// The same point may have another place in the next configuration.
  var point: GPIOPlan.Point
  private let counter: PulseCounter?
  private var filter: EdgeFilter
  private var storm: StormGauge
  private var lastNumber: UInt64 = 0
  private var hasLost = false
  /// Nothing is seen, and nothing is said, at an earlier time.
  private var lastSeen = MonotonicTime(nanoseconds: .min)
  private var lastSaid = MonotonicTime(nanoseconds: .min)

  /// `counter` is there for a pulse point.
  init(_ point: GPIOPlan.Point, counter: PulseCounter?) {
    precondition((counter != nil) == (point.line.mode == .pulse), "BUG: a counter for \(point.name)")
    self.point = point
    self.counter = counter
    filter = EdgeFilter(point.line, isActive: false, at: lastSeen)
    storm = StormGauge(point.line.mode)
  }

  /// The line was requested, and had that level.
  mutating func begin(isActive: Bool, at now: MonotonicTime) {
    lastSeen = max(lastSeen, now)
    filter = EdgeFilter(point.line, isActive: isActive, at: lastSeen)
    storm = StormGauge(point.line.mode)
    lastNumber = 0
  }

  /// The line is to be left alone until then.
  var silentUntil: MonotonicTime? { storm.silentUntil }

  /// When `settle` has something to say; a count can wait for the next look.
  var deadline: MonotonicTime? { point.line.mode == .pulse ? nil : filter.deadline }

  /// Events in the kernel's order. `mayHaveLost`: the kernel had no room for more, and does not number them.
  mutating func take(
    _ events: UnsafeBufferPointer<LineEvent>, mayHaveLost: Bool, into output: inout ReadingRoom
  ) -> Alert? {
    let hadLost = hasLost
    if mayHaveLost { hasLost = true }
    let isStormNew = storm.take(events.count, at: output.now)
    if isStormNew, counter == nil { fail(.eventStorm, into: &output) }
    for event in events { take(event, into: &output) }
    if isStormNew { return .storm }
    return hasLost && !hadLost ? .loss : nil
  }

  private mutating func take(_ event: LineEvent, into output: inout ReadingRoom) {
    if event.number > lastNumber + 1 { hasLost = true }
    lastNumber = event.number
    // Never later than now: before Linux 5.7 it was another clock.
    lastSeen = max(lastSeen, min(event.at, output.now))
    let seen = LineEvent(at: lastSeen, isRising: event.isRising, number: event.number)
    if let change = filter.take(seen) { report(change, into: &output) }
  }

  /// What has held until now.
  mutating func settle(into output: inout ReadingRoom) {
    guard let deadline, deadline <= output.now else { return }
    lastSeen = max(lastSeen, output.now)
    if let change = filter.settle(at: lastSeen) { report(change, into: &output) }
  }

  /// The periodic look: the level as it was read, unless older events wait, which it must not overtake. Says
  /// the point's reading; the reason where that is a bad one, which is the caller's to say.
  mutating func look(at level: Bool, isNewest: Bool, into output: inout ReadingRoom) -> QualityReason {
    storm.advance(to: output.now)
    if isNewest {
      lastSeen = max(lastSeen, output.now)
      if let change = filter.sample(level, at: lastSeen) { report(change, into: &output) }
    }
    if storm.isStorm, counter == nil { return .eventStorm }
    switch point.line.mode {
    case .level: say(.unsigned(filter.isActive ? 1 : 0), at: output.now, into: &output)
    case .pulse: sayTotal(into: &output)
    case .edge: break
    }
    return .none
  }

  mutating func fail(_ reason: QualityReason, into output: inout ReadingRoom) {
    lastSaid = max(lastSaid, output.now)
    output.append(point.index, at: lastSaid, value: nil, quality: .bad, reason: reason)
  }

  private mutating func report(_ change: Debouncer.Change, into output: inout ReadingRoom) {
    if let counter { return counter.add(1) }
    // In a storm nobody knows which of the changes are true.
    if storm.isStorm { return }
    let time = point.line.mode == .level ? change.settled : change.began
    say(.unsigned(change.isActive ? 1 : 0), at: time, into: &output)
  }

  private mutating func sayTotal(into output: inout ReadingRoom) {
    guard let counter else { return }
    let scale = point.line.scale
    // Asked first: what is added to it meanwhile is missing in no total that is called good.
    let isComplete = counter.isComplete
    let total = counter.total
    say(
      scale.isIdentity ? .unsigned(total) : .double(scale.apply(total)), at: output.now,
      isComplete: isComplete,
      into: &output)
  }

  private mutating func say(
    _ value: Value, at time: MonotonicTime, isComplete: Bool = true, into output: inout ReadingRoom
  ) {
    lastSaid = max(lastSaid, time)
    // A level is right again as soon as it was looked at.
    let hasLost = hasLost && point.line.mode != .level
    self.hasLost = false
    output.append(
      point.index, at: lastSaid, value: value, quality: hasLost || !isComplete ? .uncertain : .good,
      reason: hasLost ? .edgesLost : isComplete ? .none : .totalIncomplete)
  }
}
