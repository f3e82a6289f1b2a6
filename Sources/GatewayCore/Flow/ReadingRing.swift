internal import Synchronization

/// A lock-free ring of readings between one producer thread and one consumer thread.
///
/// Promises: readings arrive in order, once, whole; neither side ever waits for the other; what does not fit
/// is refused, and the producer counts it. The two ends cannot be copied, so a second producer or consumer
/// does not compile. Relies on: each end being used by one thread at a time.
///
/// The indices count elements for ever (64 bits); each lies on cache lines of its own, and each end remembers
/// what it last saw of the other's, so that the lines move between the cores once a burst and not once a
/// reading. The ends reach the memory through pointers: a reference count that both threads touch would cost
/// more than the ring itself (measured: 54 ns a reading instead of a tenth of it).
package enum ReadingRing {
  fileprivate typealias Index = Atomic<UInt64>

  /// Two lines of 64 bytes: neighbouring-line prefetch on x86-64, and 128-byte lines on some arm64.
  private static let lineSize = 128

  /// The memory, freed with the later of the two ends: head, tail, slots.
  fileprivate final class Memory: @unchecked Sendable {
    // Sendable: the ends share it by the rules of the ring; this object only frees it.
    let base: UnsafeMutableRawPointer
    let head: UnsafeMutablePointer<Index>
    let tail: UnsafeMutablePointer<Index>
    let slots: UnsafeMutablePointer<Reading>
    /// A power of two.
    let capacity: Int

    init(minimum: Int) {
      precondition(minimum > 0 && minimum <= 1 << 24, "BUG: ring of \(minimum) readings")
      capacity = 1 << (Int.bitWidth - (minimum - 1).leadingZeroBitCount)
      base = .allocate(
        byteCount: 2 * lineSize + capacity * MemoryLayout<Reading>.stride, alignment: lineSize)
      head = base.bindMemory(to: Index.self, capacity: 1)
      tail = (base + lineSize).bindMemory(to: Index.self, capacity: 1)
      slots = (base + 2 * lineSize).bindMemory(to: Reading.self, capacity: capacity)
      head.initialize(to: Index(0))
      tail.initialize(to: Index(0))
    }

    deinit {
      head.deinitialize(count: 1)
      tail.deinitialize(count: 1)
      base.deallocate()
    }
  }

  /// Makes a ring with room for at least `minimum` readings and hands its two ends to `body`.
  package static func make<Result>(
    minimum: Int, _ body: (consuming Producer, consuming Consumer) throws -> Result
  ) rethrows -> Result {
    let memory = Memory(minimum: minimum)
    return try body(Producer(memory), Consumer(memory))
  }

  /// The writing end; owned by the source's thread.
  package struct Producer: ~Copyable, @unchecked Sendable {
    // Sendable: it may move to another thread, and only one has it.
    private let memory: Memory
    private let sharedHead: UnsafeMutablePointer<Index>
    private let sharedTail: UnsafeMutablePointer<Index>
    private let slots: UnsafeMutablePointer<Reading>
    package let capacity: Int
    private var head: UInt64 = 0
    private var seenTail: UInt64 = 0

    fileprivate init(_ memory: Memory) {
      self.memory = memory
      sharedHead = memory.head
      sharedTail = memory.tail
      slots = memory.slots
      capacity = memory.capacity
    }

    /// How full the ring was when the consumer was last looked at; never too low.
    package var fillBound: Int { Int(head &- seenTail) }

    /// Publishes as many of `readings` as fit, the first ones, all at once; returns how many.
    package mutating func push(_ readings: UnsafeBufferPointer<Reading>) -> Int {
      let accepted = min(room(for: readings.count), readings.count)
      guard accepted > 0, let source = readings.baseAddress else { return 0 }
      let start = Int(truncatingIfNeeded: head) & (capacity - 1)
      let first = min(accepted, capacity - start)
      (slots + start).update(from: source, count: first)
      if accepted > first { slots.update(from: source + first, count: accepted - first) }
      head &+= UInt64(truncatingIfNeeded: accepted)
      sharedHead.pointee.store(head, ordering: .releasing)
      return accepted
    }

    /// Publishes one reading; false when the ring is full.
    package mutating func push(_ reading: Reading) -> Bool {
      guard room(for: 1) > 0 else { return false }
      slots[Int(truncatingIfNeeded: head) & (capacity - 1)] = reading
      head &+= 1
      sharedHead.pointee.store(head, ordering: .releasing)
      return true
    }

    @inline(__always)
    private mutating func room(for wanted: Int) -> Int {
      var free = capacity &- Int(truncatingIfNeeded: head &- seenTail)
      if free < wanted {
        seenTail = sharedTail.pointee.load(ordering: .acquiring)
        free = capacity &- Int(truncatingIfNeeded: head &- seenTail)
      }
      return free
    }
  }

  /// The reading end; owned by the pipeline's thread.
  package struct Consumer: ~Copyable, @unchecked Sendable {
    // Sendable: it may move to another thread, and only one has it.
    private let memory: Memory
    private let sharedHead: UnsafeMutablePointer<Index>
    private let sharedTail: UnsafeMutablePointer<Index>
    private let slots: UnsafeMutablePointer<Reading>
    package let capacity: Int
    private var tail: UInt64 = 0
    private var seenHead: UInt64 = 0

    fileprivate init(_ memory: Memory) {
      self.memory = memory
      sharedHead = memory.head
      sharedTail = memory.tail
      slots = memory.slots
      capacity = memory.capacity
    }

    /// Hands over, in place, up to `limit` of the readings that are there, in at most two runs, then frees
    /// their slots; returns how many.
    package mutating func drain(
      limit: Int = .max, _ body: (UnsafeBufferPointer<Reading>) -> Void
    ) -> Int {
      // The producer's line is only touched when what was last seen there is used up.
      if seenHead == tail { seenHead = sharedHead.pointee.load(ordering: .acquiring) }
      let available = min(Int(truncatingIfNeeded: seenHead &- tail), limit)
      guard available > 0 else { return 0 }
      let start = Int(truncatingIfNeeded: tail) & (capacity - 1)
      let first = min(available, capacity - start)
      body(UnsafeBufferPointer(start: slots + start, count: first))
      if available > first { body(UnsafeBufferPointer(start: slots, count: available - first)) }
      tail &+= UInt64(truncatingIfNeeded: available)
      sharedTail.pointee.store(tail, ordering: .releasing)
      return available
    }

    /// Takes one reading; nil when the ring is empty.
    package mutating func pop() -> Reading? {
      if seenHead == tail {
        seenHead = sharedHead.pointee.load(ordering: .acquiring)
        if seenHead == tail { return nil }
      }
      let reading = slots[Int(truncatingIfNeeded: tail) & (capacity - 1)]
      tail &+= 1
      sharedTail.pointee.store(tail, ordering: .releasing)
      return reading
    }
  }
}
