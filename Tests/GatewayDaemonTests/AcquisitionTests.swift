import GatewayCore
import GatewaySources
import GatewaySystem
import Testing

@testable import GatewayDaemon

@Suite struct AcquisitionTests {
  @Test func aBusIsNotTakenForDeadWhileItsTimeoutRuns() throws {
    let link = BusConfig.Link.modbusTCP(host: "192.0.2.1", port: 502)
    let config = GatewayConfig(
      id: "x", buses: [BusConfig(name: "slow", link: link, timeout: .seconds(60))], devices: [],
      destinations: [])
    let acquisition = try Acquisition(
      config: config, wake: EventSignal(), clock: ClockState(), totals: PulseTotals(),
      parking: GPIOParking())
    let heartbeat = try #require(acquisition.heartbeats.first { $0.name == "bus slow" })
    #expect(heartbeat.patience > .seconds(60))
  }
}
