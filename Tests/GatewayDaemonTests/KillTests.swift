import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// SIGKILL at random moments, with an uplink that fails in every way in between.
@Suite(.serialized) struct KillTests {
  private static var kills: Int { getenv("GATEWAY_KILLS").flatMap { Int(String(cString: $0)) } ?? 200 }

  @Test("fault 45: each stored row arrives exactly once through 200 kills and lost answers")
  func eachStoredRowArrivesExactlyOnceThroughTwoHundredKills() throws {
    let seed = UInt64.random(in: .min ... .max)
    var dice = SplitMix(seed: seed)
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig(store: "{capacity: 16MiB, commit: 100ms}", every: "20ms")
    // A busy machine may not let a single one of the lives to come live long enough to store something.
    try cabinet.startAndWait()
    try cabinet.wait("the first rows") { cabinet.count("stored") ?? 0 > 0 }
    cabinet.killHard()
    var stored: UInt64 = 0
    for _ in 0..<Self.kills {
      try cabinet.start()
      try misbehave(cabinet.platform, &dice)
      usleep(UInt32.random(in: 20_000...500_000, using: &dice))
      // What was said to be stored before the kill must be there after it.
      if Int.random(in: 0..<4, using: &dice) == 0, let seen = cabinet.count("stored") {
        #expect(seen >= stored, "seed \(seed): the books went back")
        stored = seen
      }
      cabinet.killHard()
    }
    cabinet.platform.clearFaults()
    try? cabinet.platform.comeUp()
    try cabinet.startAndWait()
    try cabinet.expectBooksToBalance()
    let end = try #require(cabinet.count("stored"))
    #expect(end >= stored, "seed \(seed)")
    let stats = cabinet.platform.stats
    print(
      "\(Self.kills) kills, seed \(seed): \(end) rows stored, \(stats.unique) at the platform, "
        + "\(stats.duplicates) duplicates removed, \(stats.holes) holes")
    #expect(try cabinet.stop() == 0)
  }

  private func misbehave(_ platform: PlatformSimulator, _ dice: inout SplitMix) throws {
    platform.clearFaults()
    try? platform.comeUp()
    switch Int.random(in: 0..<7, using: &dice) {
    case 0: try platform.goDown()
    case 1: platform.set(.status(503))
    case 2: platform.set(.closeAfter)
    case 3: platform.set(.closeBefore)
    case 4: platform.set(.hang)
    default: break
    }
  }
}
