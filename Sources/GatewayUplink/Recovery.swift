internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// What the forwarders of one destination tell each other: that it takes rows again after it did not. Each lane has its own
/// back-off, and none waits that out when another lane's rows arrive. May be used from any thread.
package final class Recovery: Sendable {
  private let count = Atomic<UInt64>(0)
  private let listeners = Mutex<[EventSignal]>([])

  package init() {}

  /// How often it recovered.
  fileprivate var times: UInt64 { count.load(ordering: .acquiring) }

  fileprivate func announce() {
    count.add(1, ordering: .acquiringAndReleasing)
    for listener in listeners.withLock({ $0 }) { listener.raise() }
  }

  /// `listener` is raised at each recovery, until it leaves.
  func join(_ listener: EventSignal) { listeners.withLock { $0.append(listener) } }
  func leave(_ listener: EventSignal) { listeners.withLock { $0.removeAll { $0 === listener } } }
}

/// One forwarder's part in it. Owned by its thread.
struct RecoveryWatch {
  private let recovery: Recovery
  private var heard: UInt64
  private var hasFailed = false

  init(_ recovery: Recovery) {
    self.recovery = recovery
    heard = recovery.times
  }

  /// What became of a batch; the others hear of the first that is taken after a failure.
  mutating func note(_ verdict: DeliveryVerdict, after outcome: DeliveryOutcome) {
    switch verdict {
    case .keep: hasFailed = true
    case .accepted where hasFailed && outcome != .needless:
      hasFailed = false
      heard += 1
      recovery.announce()
    default: break
    }
  }

  /// Whether there was a recovery since this was asked last. News during an attempt wait for its end, which may be a
  /// failure of before.
  mutating func hasNews(in phase: ForwarderState.Phase) -> Bool {
    let times = recovery.times
    if phase == .sending || heard == times { return false }
    heard = times
    return true
  }
}

/// Of all destinations, by their names.
package final class Recoveries: Sendable {
  private let known = Mutex<[String: Recovery]>([:])

  package init() {}

  package func of(_ destination: String) -> Recovery {
    known.withLock { known in
      if let recovery = known[destination] { return recovery }
      let recovery = Recovery()
      known[destination] = recovery
      return recovery
    }
  }
}
