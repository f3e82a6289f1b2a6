import GatewayCore
import GatewaySimulator
import Glibc
import Testing
import gateway_bench

/// The benchmark's 30 days without an uplink, made hours: the real store and outbox must close their books exactly.
@Suite struct OutageSimulationTests {
  private func outage(
    hours: Int, capacity: Int, _ eviction: EvictionPolicy, seed: UInt64
  ) throws -> OutageSimulation.Result {
    let place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    let directory = try TemporaryDirectory.make(prefix: "gateway-outage", in: place)
    defer { TemporaryDirectory.remove(directory) }
    var plan = OutageSimulation.Plan()
    (plan.outage, plan.capacity, plan.eviction) = (hours * 3600, capacity, eviction)
    plan.lostAnswers = 5
    var simulation = try OutageSimulation(plan, in: directory, seed: seed)
    return try simulation.run()
  }

  @Test("fault 33: an outage that fits the store arrives in full and once")
  func anOutageThatFitsArrivesInFullAndOnce() throws {
    let seed = UInt64.random(in: .min ... .max)
    let result = try outage(hours: 4, capacity: 48 << 20, .oldest, seed: seed)
    #expect(result.flaws == [], "seed \(seed)")
    #expect(result.books.evicted == 0 && result.books.delivered == result.books.stored, "seed \(seed)")
    #expect(result.platform.unique == result.books.stored && result.platform.holes == 0, "seed \(seed)")
    #expect(result.queuedAtReturn > 30_000, "seed \(seed)")
  }

  @Test("fault 33: what does not fit is evicted and counted", arguments: EvictionPolicy.allCases)
  func whatDoesNotFitIsEvictedAndCounted(_ eviction: EvictionPolicy) throws {
    let seed = UInt64.random(in: .min ... .max)
    let result = try outage(hours: 4, capacity: 16 << 20, eviction, seed: seed)
    #expect(result.flaws == [], "seed \(seed)")
    #expect(result.books.evicted > 1000, "seed \(seed)")
    #expect((result.books.thinned > 0) == (eviction == .thin), "seed \(seed)")
  }
}
