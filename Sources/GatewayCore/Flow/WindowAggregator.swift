/// The windows of all points of one configuration: readings in, rows out.
///
/// Promises: each reading counts in exactly one window (in each that slides over it); a window's row comes once, when a
/// later reading of its point arrives or when its end is `grace` past; failed and bad readings are counted, never
/// averaged. Pure: what time it is, the caller says. Relies on: one point's readings arrive in the order in which they
/// were taken, so a time that goes back means that the clock stepped; then the open window closes early, as partial.
///
/// A sliding window is made of panes, tumbling windows as long as it slides: each that ends gives a row with those
/// before it.
package struct WindowAggregator: Sendable {
  package enum Role: UInt8, Sendable {
    case open = 0
    /// Of a sliding window: it gave its row already.
    case closed = 1
    /// No window is open: this is what the next one takes over.
    case idle = 2
  }

  /// What one pane has seen; `extras` and `sketch` where the point's functions ask for them.
  package struct Pane: Equatable, Sendable {
    package var base: Accumulator
    package var extras: Extras?
    package var sketch: QuantileSketch?
    package var role = Role.open

    package init(_ base: Accumulator, extras: Extras? = nil, sketch: QuantileSketch? = nil) {
      (self.base, self.extras, self.sketch) = (base, extras, sketch)
    }
  }

  struct Plan: Sendable {
    var window: Window
    var functions: WindowFunctions
    /// Microseconds of a pane; 0 for raw points.
    var length: Int64
    /// Places in `extras`, `sketches` and `closed`; -1: none.
    var extras = -1
    var sketch = -1
    var closed = -1
    var kind: PointKind
    var treatment: PointTreatment

  }

  /// How long after its end a window waits for readings that are still on their way through the ring.
  package static let grace = Duration.seconds(2)

  var plans: [Plan]
  var open: [Accumulator?]
  var extras: [Extras] = []
  var sketches: [QuantileSketch] = []
  /// Of each sliding window the panes that may be needed again, by time.
  var closed: [[Pane]] = []
  /// Windows that began before this are partial.
  private var startedAt: Timestamp
  /// No open window ends earlier.
  var earliestEnd = Int64.max
  /// time - boot of the latest reading, microseconds; nil before the first.
  private var offset: Int64?
  /// When windows were last looked at.
  private var latest = Int64.min / 2
  /// What the clock moves by at once is a step, microseconds.
  private static let leastStep: UInt64 = 1_000_000
  /// Windows that gave no row, because they had fewer readings than `min-count`.
  package private(set) var suppressed: UInt64 = 0

  /// `treatments`: of the points, in their order; none: nothing is kept back.
  package init(points: [PointDescription], treatments: [PointTreatment] = [], startedAt: Timestamp) {
    plans = points.enumerated().map { place, point in
      Plan(
        window: point.window, functions: point.functions, length: point.window.step, kind: point.kind,
        treatment: place < treatments.count ? treatments[place] : PointTreatment())
    }
    open = Array(repeating: nil, count: points.count)
    self.startedAt = startedAt
    for place in plans.indices where plans[place].length > 0 { makeRoom(place) }
  }

  private mutating func makeRoom(_ place: Int) {
    let functions = plans[place].functions
    // What a counter counted, and how often a state changed, are its events.
    let countsEvents =
      plans[place].treatment.minimumCount > 0 && [.counter, .state].contains(plans[place].kind)
    if countsEvents
      || !functions.isDisjoint(with: WindowFunctions.extras.subtracting(.percentiles).subtracting(.good))
    {
      plans[place].extras = extras.count
      extras.append(Extras())
    }
    if !functions.isDisjoint(with: .percentiles) {
      plans[place].sketch = sketches.count
      sketches.append(QuantileSketch())
    }
    if case .sliding = plans[place].window {
      plans[place].closed = closed.count
      closed.append([])
    }
  }

  package func isWindowed(_ point: PointIndex) -> Bool { plans[Int(point)].length != 0 }

  /// Adds a reading of a windowed point; hands the row of the window that it ends to `emit`.
  package mutating func add(_ reading: Reading, _ emit: (Row) -> Void) {
    let place = Int(reading.point)
    let start = Self.start(of: reading.time.microseconds, length: plans[place].length)
    noteClock(of: reading)
    // A window in which the clock was set covers more or less than it says.
    if let current = open[place], Self.isStep(from: current.offset, to: reading.moment.offset) {
      open[place]!.isPartial = true
    }
    if let current = open[place], current.start.microseconds != start {
      let isBack = start < current.start.microseconds
      if isBack { open[place]!.isPartial = true }
      close(place, emit)
      // The rest of a window that a step of the clock entered again is not the whole of it either.
      if isBack { begin(reading.point, start, isPartial: true) }
    }
    if open[place] == nil { begin(reading.point, start, isPartial: start < startedAt.microseconds) }
    open[place]!.add(reading)
    if plans[place].extras >= 0 {
      extras[plans[place].extras].add(reading, from: start, plans[place].functions)
    }
    if plans[place].sketch >= 0, let value = reading.value, reading.quality != .bad {
      sketches[plans[place].sketch].add(value.asDouble)
    }
  }

  /// Windows that begin behind a step lack what the clock left out, or entered again.
  @inline(__always)
  private mutating func noteClock(of reading: Reading) {
    let before = offset ?? reading.moment.offset
    offset = reading.moment.offset
    if Self.isStep(from: before, to: reading.moment.offset) { startedAt = reading.time }
  }

  @inline(__always)
  private static func isStep(from before: Int64, to now: Int64) -> Bool {
    (now &- before).magnitude >= leastStep
  }

  private mutating func begin(_ point: PointIndex, _ start: Int64, isPartial: Bool) {
    open[Int(point)] = Accumulator(
      point: point, start: Timestamp(microseconds: start), isPartial: isPartial)
    earliestEnd = Swift.min(earliestEnd, start + plans[Int(point)].length)
  }

  /// Closes the windows whose end is `grace` past, in the order of their points. `boot`: by it a step is seen before the
  /// next reading comes.
  /// `isAwaited`: whether a reading of a window that ends at the given time is still to come.
  package mutating func closeDue(
    at now: Timestamp, boot: BootTime? = nil,
    isAwaited: (_ place: Int, _ end: Int64) -> Bool = { _, _ in false },
    _ emit: (Row) -> Void
  ) {
    let limit = now.microseconds - Self.grace.microseconds
    let isSetBack = now.microseconds < latest - Int64(Self.leastStep) - Self.grace.microseconds
    latest = now.microseconds
    guard earliestEnd <= limit || isSetBack else { return }
    let offset = boot.map { Moment(time: now, boot: $0).offset }
    earliestEnd = .max
    for place in open.indices {
      guard let accumulator = open[place] else { continue }
      let end = accumulator.start.microseconds + plans[place].length
      // The clock was set back to before it: its end may be ten years off.
      let isAhead = accumulator.start.microseconds > now.microseconds + Self.grace.microseconds
      let isCut = offset.map { Self.isStep(from: accumulator.offset, to: $0) } ?? false
      if isAhead || isCut { open[place]!.isPartial = true }
      if isAhead || end <= limit && !isAwaited(place, end) {
        close(place, emit)
      } else {
        earliestEnd = Swift.min(earliestEnd, end)
      }
    }
  }

  /// Ends the open pane of a point, and hands its row to `emit` unless that is kept back.
  mutating func close(_ place: Int, _ emit: (Row) -> Void) {
    guard var pane = endPane(place) else { return }
    let plan = plans[place]
    if plan.closed >= 0 {
      pane = slide(pane, plan)
    }
    let events = plan.treatment.minimumCount > 0 ? Self.events(of: pane, plan.kind) : .infinity
    let isPrivate = plan.treatment.publishesOnlyAggregates
    // One reading alone would be itself.
    guard events >= Double(plan.treatment.minimumCount), !isPrivate || pane.base.count > 1
    else {
      suppressed &+= 1
      return
    }
    emit(
      isPrivate
        ? Self.rowWithoutReadings(pane, length: plan.window.length, plan.functions)
        : Self.row(pane, length: plan.window.length, plan.functions))
  }

  /// What `min-count` is about: what a counter counted, how often a state changed, else the readings.
  private static func events(of pane: Pane, _ kind: PointKind) -> Double {
    switch (kind, pane.extras) {
    case (.counter, let extras?): extras.increase
    case (.state, let extras?): Double(extras.transitions)
    default: Double(pane.base.count)
    }
  }

  private mutating func endPane(_ place: Int) -> Pane? {
    guard let base = open[place] else { return nil }
    var pane = Pane(base)
    let plan = plans[place]
    open[place] = nil
    if plan.extras >= 0 {
      let end = base.start.microseconds &+ plan.length &- base.offset
      extras[plan.extras].hold(
        until: Swift.min(end, extras[plan.extras].front &+ plan.length), plan.functions)
      pane.extras = extras[plan.extras]
      extras[plan.extras].reset()
    }
    if plan.sketch >= 0 {
      pane.sketch = sketches[plan.sketch]
      sketches[plan.sketch].removeAll()
    }
    return pane
  }

  /// The whole of a sliding window that ends with `last`.
  private mutating func slide(_ last: Pane, _ plan: Plan) -> Pane {
    let end = last.base.start.microseconds + plan.length
    let start = end - plan.window.length
    closed[plan.closed].removeAll { $0.base.start.microseconds < start || $0.base.start > last.base.start }
    closed[plan.closed].append(last)
    var whole = closed[plan.closed][0]
    for pane in closed[plan.closed].dropFirst() { whole.add(pane) }
    whole.base.start = Timestamp(microseconds: start)
    if start < startedAt.microseconds { whole.base.isPartial = true }
    // The next one does not need the oldest.
    closed[plan.closed].removeAll { $0.base.start.microseconds == start }
    return whole
  }

  static func start(of time: Int64, length: Int64) -> Int64 {
    let remainder = time % length
    return time - (remainder < 0 ? remainder + length : remainder)
  }
}
