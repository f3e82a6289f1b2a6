internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// Whether timestamps may be trusted just now: asked of the kernel once a second, read for every poll.
final class ClockState: Sendable {
  private let isSynchronized: Atomic<Bool>

  init() { isSynchronized = Atomic(SystemClock.isSynchronized) }

  func refresh() { isSynchronized.store(SystemClock.isSynchronized, ordering: .relaxed) }

  var quality: TimeQuality { isSynchronized.load(ordering: .relaxed) ? .synced : .unsynced }
}
