package import GatewayCore
package import GatewaySystem
internal import Synchronization

/// One bus on one thread of its own: polls when the schedule says so and pushes what came of it into the ring.
///
/// Promises: a bus that blocks delays no other; a tick that the bus could not keep is counted, never made up
/// for; every reading is either in the ring or counted as dropped; the thread sleeps whenever nothing is due.
/// Relies on the source to block for no longer than its timeout.
package final class SourceRunner: Sendable {
  private let loop: SourceLoop
  private let name: String
  private let thread = Mutex<WorkerThread?>(nil)

  /// `share` (0 ..< 1) is this bus's place among the buses, so that they do not all poll at the same instant.
  /// `wake` is called on the bus's thread whenever the ring becomes more than half full.
  /// The source belongs to the runner from now on.
  package init(
    name: String, source: any Source, share: Double, producer: consuming ReadingRing.Producer,
    meter: BusMeter, desk: BusDesk = BusDesk(), heartbeat: Heartbeat, wake: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    self.name = name
    let signal = try EventSignal()
    desk.attend { signal.raise() }
    loop = SourceLoop(
      source: source, share: share, producer: producer, meter: meter, desk: desk, heartbeat: heartbeat,
      wake: wake, signal: signal)
  }

  deinit { stop() }

  /// To be called once.
  package func start() throws(SystemError) {
    let loop = loop
    try thread.withLock { (thread: inout WorkerThread?) throws(SystemError) in
      precondition(thread == nil, "BUG: bus \(name) is started twice")
      thread = try WorkerThread(name: "bus \(name)") { loop.run() }
    }
  }

  /// Asks the thread to end, and cuts short what it waits for. Returns at once; any thread.
  package func requestStop() { loop.requestStop() }

  /// Waits for the thread to end, after `requestStop`.
  package func join() {
    let ending = thread.withLock { $0.take() }
    ending?.join()
  }

  package func stop() {
    requestStop()
    join()
  }

  /// Room for a second's readings and for four of the largest polls: the pipeline drains four times a second.
  package static func ringCapacity(for source: any Source) -> Int {
    let second = Int(source.readingsPerSecond.rounded(.up))
    return min(max(64, second, 4 * source.largestPoll), 1 << 17)
  }
}

/// What the thread runs. Unchecked, because only that thread uses what is not Sendable in here, save for
/// `requestStop`, which touches what is.
private final class SourceLoop: @unchecked Sendable {
  private static let startGrid = Duration.milliseconds(50)
  /// The thread shows a sign of life at least this often.
  private static let longestWait = Duration.seconds(1)
  /// On a bus without free time a technician's question takes the place of a poll after so long.
  private static let longestErrandWait = Duration.seconds(1)

  private let source: any Source
  private let share: Double
  private var producer: ReadingRing.Producer
  private let meter: BusMeter
  private let desk: BusDesk
  /// A technician's question that waits for its time.
  private var errand: BusErrand?
  /// About the longest time that the bus has between two polls.
  private var longestRest = Duration.zero
  private let heartbeat: Heartbeat
  private let wake: @Sendable () -> Void
  private let signal: EventSignal
  private let interruption: Interruption
  private let isStopping = Atomic<Bool>(false)
  private let room: UnsafeMutableBufferPointer<Reading>

  init(
    source: any Source, share: Double, producer: consuming ReadingRing.Producer, meter: BusMeter,
    desk: BusDesk, heartbeat: Heartbeat, wake: @escaping @Sendable () -> Void, signal: EventSignal
  ) {
    self.source = source
    self.share = share
    self.producer = producer
    self.meter = meter
    self.desk = desk
    self.heartbeat = heartbeat
    self.wake = wake
    self.signal = signal
    interruption = source.interruption
    room = .allocate(capacity: source.largestPoll)
  }

  deinit { room.deallocate() }

  func requestStop() {
    isStopping.store(true, ordering: .releasing)
    signal.raise()
    interruption.interrupt()
  }

  func run() {
    WorkerThread.sharpenTimers()
    defer {
      desk.close()
      source.end()
    }
    var now = SystemClock.boot
    // All buses count from the same grid, so that steps that fall together wake the processor once.
    let grid = Self.startGrid.microseconds
    let start = BootTime(microseconds: (now.microseconds / grid + 1) * grid)
    var schedule = BusSchedule(periods: source.periods, start: start, share: share)
    while !isStopping.load(ordering: .acquiring) {
      heartbeat.beat()
      if let tick = schedule.take(at: now) {
        if tick.skipped > 0 { meter.skippedTicks.wrappingAdd(tick.skipped, ordering: .relaxed) }
        let poll = source.poll(tick.request, at: now, into: room)
        publish(poll.count)
        now = poll.moment.boot
        schedule.stretch = source.stretch
        if let due = schedule.nextDue { longestRest = max(longestRest * 0.99, now.duration(to: due)) }
        if attend(before: schedule.nextDue) { now = SystemClock.boot }
      } else if attend(before: schedule.nextDue) {
        now = SystemClock.boot
      } else {
        now = rest(until: schedule.nextDue)
      }
    }
  }

  /// Asks the bus one thing for a technician, if there is time for it before the next poll, or it waited for too
  /// long; whether it did.
  private func attend(before due: BootTime?) -> Bool {
    if errand == nil { errand = desk.next() }
    guard let errand else { return false }
    let now = SystemClock.boot
    let free = due.map { max(now.duration(to: $0), .zero) }
    // A unit that nobody knows may be slow: it is given the longest rest that the bus has.
    let isFree = free.map { $0 >= min(source.time(for: errand.inquiry), longestRest * 0.9) } ?? true
    let isPatient = errand.waitsSince.duration(to: now) < Self.longestErrandWait
    guard isFree || !isPatient || errand.isCancelled else { return false }
    self.errand = nil
    if !errand.isCancelled { errand.finish(source.answer(errand.inquiry, within: free)) }
    return true
  }

  /// Sleeps until then, or for a while if that is far, or until readings come unasked; returns the time.
  private func rest(until due: BootTime?) -> BootTime {
    let now = SystemClock.boot
    var wait = due.map { min(now.duration(to: $0), Self.longestWait) } ?? Self.longestWait
    if let errand {
      // It found no room before the next poll; at the latest it is asked when its patience ends.
      wait = min(wait, now.duration(to: errand.waitsSince.advanced(by: Self.longestErrandWait)))
    }
    guard wait > .zero || source.descriptor != nil else { return now }
    let came = signal.wait(timeout: max(wait, .zero), or: source.descriptor)
    if came.descriptor { publish(source.receive(into: room).count) }
    return SystemClock.boot
  }

  private func publish(_ count: Int) {
    guard count > 0 else { return }
    let before = producer.fillBound
    let accepted = producer.push(UnsafeBufferPointer(rebasing: room[..<count]))
    meter.acquired.wrappingAdd(UInt64(count), ordering: .relaxed)
    if accepted < count { meter.ringDropped.wrappingAdd(UInt64(count - accepted), ordering: .relaxed) }
    // The bound only falls when the producer looks at the consumer again; still half full then, the
    // consumer has fallen behind and is called again.
    let after = producer.fillBound
    let half = producer.capacity / 2
    if after > half, before <= half || after < before + accepted { wake() }
  }
}
