import GatewayCore
import GatewaySystem
import Glibc
import Synchronization

func nap(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }

/// Waits for another thread to have done something; gives up after a long time, and the test then fails.
func waitUntil(_ isTrue: () -> Bool) {
  let start = SystemClock.boot
  while !isTrue(), start.duration(to: SystemClock.boot) < .seconds(20) { nap(milliseconds: 2) }
}

final class SharedFlag: Sendable {
  private let flag: Atomic<Bool>
  init(_ isSet: Bool) { flag = Atomic(isSet) }
  var isSet: Bool { flag.load(ordering: .acquiring) }
  func set(_ isSet: Bool) { flag.store(isSet, ordering: .releasing) }
}
