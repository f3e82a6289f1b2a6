internal import GatewayCore
internal import GatewaySystem
internal import Glibc

/// One point's line: its request, and what was made of its events. Owned by the bus's thread. An `Errno` that is
/// thrown means that the line, or its chip, is not there.
final class GPIOChannel {
  /// Most readings that one call makes: each event one, what has settled meanwhile, a storm's beginning, the
  /// periodic one, and that the chip is gone.
  static let mostReadings = GPIORequest.mostEvents + 4

  /// Its descriptor is taken off the poll until the storm's slice is over.
  var isSilenced = false
  /// Why the line could not be had, of a chip that is there.
  var refusal: QualityReason?
  private var tracker: LineTracker
  private let meter: BusMeter
  private var request: GPIORequest?

  /// `counter` is there for a pulse point.
  init(_ point: GPIOPlan.Point, counter: PulseCounter?, meter: BusMeter) {
    tracker = LineTracker(point, counter: counter)
    self.meter = meter
  }

  var point: GPIOPlan.Point { tracker.point }
  var isOpen: Bool { request != nil }

  /// Readable while events wait; nil where the line is closed, or its chip has no interrupts.
  var descriptor: Int32? { request?.descriptor }

  /// To be left alone until then.
  var silentUntil: MonotonicTime? { tracker.silentUntil }

  /// When `settle` has something to say.
  var deadline: MonotonicTime? { isOpen ? tracker.deadline : nil }

  func open(on chip: GPIOChip, at now: MonotonicTime) throws(Errno) {
    let line = point.line
    var settings = GPIOChip.Settings(
      edges: line.reportedEdges, bias: line.bias, isActiveLow: line.isActiveLow)
    do throws(Errno) {
      request = try chip.request(line.offset, settings)
    } catch {
      // Some chips have no interrupts; a level can be looked at all the same.
      guard line.mode == .level, error.code != EBUSY else { throw error }
      settings.edges = nil
      request = try chip.request(line.offset, settings)
    }
    tracker.begin(isActive: try level(), at: now)
    refusal = nil
  }

  /// Goes on with the line of the same point of the configuration before; whether it is the same, and was open.
  func takeOver(_ other: GPIOChannel) -> Bool {
    guard other.isOpen, other.point.name == point.name, other.point.line == point.line else { return false }
    let point = point
    tracker = other.tracker
    tracker.point = point
    request = other.request.take()
    return true
  }

  func close() {
    request = nil
    refusal = nil
    isSilenced = false
  }

  func level() throws(Errno) -> Bool {
    guard let level = try request?.level() else { preconditionFailure("BUG: a closed line has no level") }
    return level
  }

  /// Takes what waits, up to `GPIORequest.mostEvents`; returns how many those were.
  func takeEvents(into output: inout ReadingRoom) throws(Errno) -> Int {
    try withUnsafeTemporaryAllocation(of: LineEvent.self, capacity: GPIORequest.mostEvents) {
      events throws(Errno) in
      guard let count = try request?.read(into: events), count > 0 else { return 0 }
      // Behind the read: no event that is taken is later than now.
      output.clocks = SystemClock.reading
      let alert = tracker.take(
        UnsafeBufferPointer(rebasing: events[..<count]),
        mayHaveLost: !GPIORequest.numbersEvents && count == GPIORequest.mostEvents, into: &output)
      if let alert { note(alert) }
      return count
    }
  }

  func settle(into output: inout ReadingRoom) { tracker.settle(into: &output) }

  /// The periodic look; `.none` where the point's reading is good, and was made.
  func look(into output: inout ReadingRoom) throws(Errno) -> QualityReason {
    var isNewest = false
    if !isSilenced { isNewest = try takeEvents(into: &output) < GPIORequest.mostEvents }
    let level = try level()
    output.clocks = SystemClock.reading
    return tracker.look(at: level, isNewest: isNewest, into: &output)
  }

  func fail(_ reason: QualityReason, into output: inout ReadingRoom) { tracker.fail(reason, into: &output) }

  private func note(_ alert: LineTracker.Alert) {
    meter.record(.overflow)
    let line = "line \(point.line.offset) of point \"\(point.name)\""
    switch alert {
    case .storm: meter.record(error: "\(line) changes faster than anything that is meant to be read")
    case .loss: meter.record(error: "\(line) changed more often than was read: edges may be lost")
    }
  }
}
