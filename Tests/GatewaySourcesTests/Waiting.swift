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

/// SplitMix64: the seed gives the run.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
