import GatewayCore
import Testing

@testable import GatewayDaemon

@Suite struct LoadTextTests {
  private static let rtu = BusConfig.Link.modbusRTU(SerialLine(device: "/dev/ttyS1", baud: 9600))
  private static let behindServer = BusConfig.Link.modbusRTUOverTCP(
    host: "192.0.2.11", port: 4001, baud: 19_200)

  @Test(
    arguments: [
      (1300, rtu, "asks for 130 % of what 9600 baud allow: periods are 1.3 times as long"),
      (2040, behindServer, "asks for 204 % of what 19200 baud allow: periods are 2.0 times as long"),
      // Hardly too much is still too much.
      (1001, rtu, "asks for 101 % of what 9600 baud allow: periods are 1.1 times as long"),
      (
        10_000, .modbusTCP(host: "192.0.2.10", port: 502),
        "asks for 1000 % of what the line allows: periods are 10.0 times as long"
      ),
      (1000, rtu, nil), (0, rtu, nil),
    ] as [(UInt32, BusConfig.Link, String?)])
  func anOverloadIsToldInPercentAndInPeriods(_ permille: UInt32, _ link: BusConfig.Link, _ sentence: String?)
  {
    #expect(LoadText.overload(permille: permille, of: link) == sentence)
  }
}
