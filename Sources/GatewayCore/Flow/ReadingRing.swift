import Synchronization

/// A lock-free ring of readings between one producer thread and one consumer thread.
///
/// Promises: readings arrive in order, once, whole; neither side ever waits for the other; what does not fit
/// is refused, and the producer counts it. The two ends cannot be copied, so a second producer or consumer
/// does not compile. Relies on: each end being used by one thread at a time.
///
/// The indices count elements for ever (64 bits); each lies on its own cache line beside the other side's
/// last seen value, so that the lines move between the cores once a burst and not once a reading.
package final class ReadingRing: Sendable {
  // Two lines of 64 bytes: neighbouring-line prefetch on x86-64, and 128-byte lines on some arm64.
  private typealias Padding = (
    UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
    UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
  )
  private static let padding: Padding = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

  private let before = ReadingRing.padding
  /// Elements ever written; only the producer stores it.
  private let head = Atomic<UInt64>(0)
  private let between = ReadingRing.padding
  /// Elements ever taken; only the consumer stores it.
  private let tail = Atomic<UInt64>(0)
  private let after = ReadingRing.padding

  private nonisolated(unsafe) let slots: UnsafeMutablePointer<Reading>
  /// A power of two.
  package let capacity: Int

  /// Makes a ring with room for at least `minimum` readings and hands its two ends to `body`.
  package static func make<Result>(
    minimum: Int, _ body: (consuming Producer, consuming Consumer) throws -> Result
  ) rethrows -> Result {
    let ring = ReadingRing(minimum: minimum)
    return try body(Producer(ring), Consumer(ring))
  }

  private init(minimum: Int) {
    precondition(minimum > 0 && minimum <= 1 << 24, "BUG: ring of \(minimum) readings")
    capacity = 1 << (Int.bitWidth - (minimum - 1).leadingZeroBitCount)
    slots = .allocate(capacity: capacity)
  }

  deinit { slots.deallocate() }

  /// The writing end; owned by the source's thread.
  package struct Producer: ~Copyable, Sendable {
    private let ring: ReadingRing
    private var head: UInt64 = 0
    private var seenTail: UInt64 = 0

    fileprivate init(_ ring: ReadingRing) { self.ring = ring }

    package var capacity: Int { ring.capacity }

    /// How full the ring was when the consumer was last looked at; never too low.
    package var fillBound: Int { Int(head &- seenTail) }

    /// Publishes as many of `readings` as fit, the first ones, all at once; returns how many.
    package mutating func push(_ readings: UnsafeBufferPointer<Reading>) -> Int {
      let free = room(for: readings.count)
      let accepted = min(free, readings.count)
      guard accepted > 0, let source = readings.baseAddress else { return 0 }
      let start = Int(truncatingIfNeeded: head) & (ring.capacity - 1)
      let first = min(accepted, ring.capacity - start)
      (ring.slots + start).update(from: source, count: first)
      if accepted > first { ring.slots.update(from: source + first, count: accepted - first) }
      head &+= UInt64(truncatingIfNeeded: accepted)
      ring.head.store(head, ordering: .releasing)
      return accepted
    }

    /// Publishes one reading; false when the ring is full.
    package mutating func push(_ reading: Reading) -> Bool {
      guard room(for: 1) > 0 else { return false }
      ring.slots[Int(truncatingIfNeeded: head) & (ring.capacity - 1)] = reading
      head &+= 1
      ring.head.store(head, ordering: .releasing)
      return true
    }

    private mutating func room(for wanted: Int) -> Int {
      var free = ring.capacity - Int(head &- seenTail)
      if free < wanted {
        seenTail = ring.tail.load(ordering: .acquiring)
        free = ring.capacity - Int(head &- seenTail)
      }
      return free
    }
  }

  /// The reading end; owned by the pipeline's thread.
  package struct Consumer: ~Copyable, Sendable {
    private let ring: ReadingRing
    private var tail: UInt64 = 0
    private var seenHead: UInt64 = 0

    fileprivate init(_ ring: ReadingRing) { self.ring = ring }

    package var capacity: Int { ring.capacity }

    /// Hands over, in place, up to `limit` of the readings that are there, in at most two runs, then frees
    /// their slots; returns how many.
    package mutating func drain(
      limit: Int = .max, _ body: (UnsafeBufferPointer<Reading>) -> Void
    ) -> Int {
      // The producer's line is only touched when what was last seen there is used up.
      if seenHead == tail { seenHead = ring.head.load(ordering: .acquiring) }
      let available = min(Int(seenHead &- tail), limit)
      guard available > 0 else { return 0 }
      let start = Int(truncatingIfNeeded: tail) & (ring.capacity - 1)
      let first = min(available, ring.capacity - start)
      body(UnsafeBufferPointer(start: ring.slots + start, count: first))
      if available > first { body(UnsafeBufferPointer(start: ring.slots, count: available - first)) }
      tail &+= UInt64(truncatingIfNeeded: available)
      ring.tail.store(tail, ordering: .releasing)
      return available
    }

    /// Takes one reading; nil when the ring is empty.
    package mutating func pop() -> Reading? {
      if seenHead == tail {
        seenHead = ring.head.load(ordering: .acquiring)
        if seenHead == tail { return nil }
      }
      let reading = ring.slots[Int(truncatingIfNeeded: tail) & (ring.capacity - 1)]
      tail &+= 1
      ring.tail.store(tail, ordering: .releasing)
      return reading
    }
  }
}
