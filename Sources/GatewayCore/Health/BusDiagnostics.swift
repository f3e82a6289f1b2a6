// What a bus tells the technician beside its counters: errors by kind, the last bad frames, response times, and
// how much of the line's time is taken. Written by the bus's thread alone, read by anyone at any time.
//
// Promises: recording allocates nothing and, but for a bad frame, takes no lock; the past is bounded (16 frames
// of 64 bytes, ten seconds). GatewayCore has no clock, so whoever records says when it was.
internal import Synchronization

extension BusMeter {
  /// Counts a failed exchange under its kind; `record(error:)` counts it among the bus's errors.
  package func record(_ kind: BusErrorKind) { diagnostics.count(kind) }

  /// The same, and keeps the start of the frame that was refused.
  package func record(_ kind: BusErrorKind, frame: UnsafeRawBufferPointer, at moment: Moment) {
    diagnostics.count(kind)
    diagnostics.frames.withLock { $0.keep(kind, frame, moment) }
  }

  /// From the end of a request to the end of its answer.
  package func record(response: Duration) { diagnostics.responses.record(response) }

  /// The line was taken (request, waiting for the answer, turnaround) for `busy`, up to `end`.
  package func record(busy: Duration, until end: BootTime) { diagnostics.occupancy.record(busy, until: end) }

  /// What the plan asks of the line, against what its baud and turnaround allow; beyond 1000 all periods become
  /// longer.
  package func record(plannedPermille: UInt32) {
    diagnostics.planned.store(plannedPermille, ordering: .relaxed)
  }

  /// The kinds of error that occurred, with their counts.
  package var errorCounts: [(kind: BusErrorKind, count: UInt64)] {
    BusErrorKind.allCases.map { ($0, diagnostics.counts[Int($0.rawValue)].load(ordering: .relaxed)) }
      .filter { $0.1 > 0 }
  }

  package var responses: ResponseTimes { diagnostics.responses.snapshot }

  /// The oldest first.
  package var badFrames: [BadFrame] { diagnostics.frames.withLock { $0.all } }

  /// The part of the last ten whole seconds in which the line was taken.
  package func utilisationPermille(at now: BootTime) -> UInt32 { diagnostics.occupancy.permille(at: now) }

  /// 0 where nothing is planned, or the line's speed is not known.
  package var plannedPermille: UInt32 { diagnostics.planned.load(ordering: .relaxed) }
}

/// The memory behind it.
final class BusDiagnostics: Sendable {
  // One place for each of BusErrorKind's cases; its initialiser checks that there are as many.
  fileprivate let counts = InlineArray<12, Atomic<UInt64>> { _ in Atomic(0) }
  fileprivate let planned = Atomic<UInt32>(0)
  fileprivate let responses = ResponseHistogram()
  fileprivate let occupancy = LineOccupancy()
  fileprivate let frames = Mutex(BadFrameLog())

  init() {
    precondition(counts.count == BusErrorKind.allCases.count, "BUG: a kind of bus error has no counter")
  }

  fileprivate func count(_ kind: BusErrorKind) {
    counts[Int(kind.rawValue)].wrappingAdd(1, ordering: .relaxed)
  }
}

/// The seconds of the recent past with the microseconds of each in which a line was taken. One writer.
final class LineOccupancy: Sendable {
  private static let window: Int64 = 10
  /// A second in the upper half, its busy microseconds in the lower, so that a reader sees both or neither. More
  /// places than the window has seconds: the one that is being written is never one that is read.
  private let seconds = InlineArray<16, Atomic<UInt64>> { _ in Atomic(0) }

  /// Each second gets the part that fell into it.
  func record(_ busy: Duration, until end: BootTime) {
    var end = end.microseconds
    // What is older than the window would fall out of it anyway.
    let start = max(end - max(busy.microseconds, 0), end - Self.window * 1_000_000, 0)
    while end > start {
      let second = (end - 1) / 1_000_000
      let begin = max(start, second * 1_000_000)
      add(UInt64(end - begin), second)
      end = begin
    }
  }

  private func add(_ microseconds: UInt64, _ second: Int64) {
    let place = Int(second & 15)
    let tag = UInt64(truncatingIfNeeded: second) << 32
    let current = seconds[place].load(ordering: .relaxed)
    let before = current & 0xFFFF_FFFF_0000_0000 == tag ? current & 0xFFFF_FFFF : 0
    seconds[place].store(tag | min(before + microseconds, 1_000_000), ordering: .relaxed)
  }

  func permille(at now: BootTime) -> UInt32 {
    let present = now.microseconds / 1_000_000
    var sum: UInt64 = 0
    for second in max(present - Self.window, 0)..<max(present, 0) {
      let entry = seconds[Int(second & 15)].load(ordering: .relaxed)
      if entry >> 32 == UInt64(truncatingIfNeeded: second) & 0xFFFF_FFFF { sum += entry & 0xFFFF_FFFF }
    }
    return UInt32(sum / UInt64(Self.window * 1000))
  }
}
