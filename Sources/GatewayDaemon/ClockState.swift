internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// Watches the clocks of this boot: whether timestamps may be trusted just now, asked of the kernel once a second and
/// when the clock was set; and what the time is by the boot clock, for rows that were taken before it was known.
final class ClockState: Sendable {
  let boots: BootClocks
  let boot: BootID
  private let watch: Mutex<ClockWatch>
  private let isSynchronized: Atomic<Bool>
  /// Time less boot time, microseconds.
  private let offset: Atomic<Int64>

  /// A clock that is off by this from what it said was set, microseconds: two reads of one clock are closer.
  private static let tolerance: Int64 = 500_000
  /// What rows' times are not made anew for, microseconds.
  private static let worthwhile: Int64 = 10_000

  /// `boots` knows what earlier boots were; this one is added.
  init(boot: BootID = BootID(high: 0, low: 0), boots: BootClocks = BootClocks()) {
    (self.boot, self.boots) = (boot, boots)
    let look = SystemClock.look
    let watch = ClockWatch(look, known: boots.current[boot])
    self.watch = Mutex(watch)
    isSynchronized = Atomic(look.isSynchronized)
    offset = Atomic(watch.offset)
    note(look, watch)
  }

  func refresh() {
    // One look after the other: an older one that comes later would be a step back.
    let events = watch.withLock { watch in
      let look = SystemClock.look
      let events = watch.take(look)
      offset.store(watch.offset, ordering: .relaxed)
      isSynchronized.store(look.isSynchronized, ordering: .relaxed)
      note(look, watch)
      return events
    }
    for event in events { Self.tell(event) }
  }

  private func note(_ look: ClockLook, _ watch: ClockWatch) {
    // Without an id nobody could tell this boot from the next.
    guard boot != BootID(high: 0, low: 0) else { return }
    let now = look.reading.moment.boot
    boots.update { table in
      table.begin(boot, at: now, laterThan: nil)
      guard let right = watch.rightOffset else { return false }
      let before = table[boot]?.offset
      table.know(boot, offset: right, correction: watch.correction)
      return before.map { (right &- $0).magnitude >= Self.worthwhile.magnitude } ?? true
    }
  }

  private static func tell(_ event: ClockWatch.Event) {
    switch event {
    case .stepped(let change):
      let direction = change < .zero ? "back" : "forward"
      JournalLog.write(
        .notice, kind: "clock", "the clock was set \(direction) by \(seconds(change)) s")
    case .slept(let time): JournalLog.write(.notice, kind: "sleep", "slept for \(seconds(time)) s")
    case .synchronized:
      JournalLog.write(
        .notice, kind: "synchronized",
        "the clock is synchronized: rows that were read before it was get their time")
    }
  }

  private static func seconds(_ time: Duration) -> String {
    let tenths = (time.microseconds.magnitude + 50_000) / 100_000
    return "\(tenths / 10).\(tenths % 10)"
  }

  /// Whether a reading that was taken at `moment` has the right time. One that was taken before the clock was set has
  /// not, although the clock is right by now.
  func quality(of moment: Moment) -> TimeQuality {
    if isOff(moment) { refresh() }
    return isSynchronized.load(ordering: .relaxed) && !isOff(moment) ? .synced : .unsynced
  }

  private func isOff(_ moment: Moment) -> Bool {
    (moment.offset &- offset.load(ordering: .relaxed)).magnitude > Self.tolerance.magnitude
  }

  /// For `gatewayctl status`.
  var changes: StatusSnapshot.ClockChanges {
    watch.withLock { watch in
      StatusSnapshot.ClockChanges(
        steps: watch.steps, lastStep: watch.lastStep?.by.seconds, lastStepAt: watch.lastStep?.time)
    }
  }

  /// Whether rows may be thrown away for their age.
  func mayJudgeAges(at now: BootTime) -> Bool { watch.withLock { $0.mayJudgeAges(at: now) } }
}
