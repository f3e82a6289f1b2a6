import GatewayCore
import Testing
import gateway_bench

/// The benchmark's ten thousand cabinets, with less to catch up on.
@Suite struct FleetSimulationTests {
  @Test("fault 50: ten thousand cabinets come back")
  func aFleetThatComesBackIsNoFlood() {
    var plan = FleetSimulation.Plan()
    (plan.outage, plan.rate) = (60, 20)
    plan.destination.maximumReadings = 400
    var simulation = FleetSimulation(plan)
    let result = simulation.run()
    #expect(result.drained != nil)
    #expect(Double(result.peak) <= 1.2 * plan.capacity * plan.load)
    #expect(result.refused * 10 <= result.taken)
    #expect(result.delivered <= result.stored && result.delivered * 10 >= result.stored * 9)
  }
}
