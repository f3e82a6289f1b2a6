import GatewayCore
import Synchronization
import Testing

@testable import GatewayControl

/// `gatewayctl alarms`, as a person reads it and as the socket gives it.
@Suite struct AlarmsTextTests {
  private static let noon = Timestamp(microseconds: 1_795_381_200_000_000)
  private let alarms = [
    AlarmReport(
      name: "high", point: "canopy.no2", unit: "GQ", isRaised: false, since: nil, value: nil, raisings: 0),
    AlarmReport(
      name: "open", point: "io.door", unit: nil, isRaised: true, since: noon.advanced(by: .seconds(-240)),
      value: .signed(1), raisings: 3),
    AlarmReport(
      name: "low", point: "tank.level", unit: "P1", isRaised: true, since: noon.advanced(by: .seconds(-5)),
      value: .double(4.5), raisings: 1),
  ]

  @Test func whatIsRaisedComesFirstTheLatestAtTheTop() {
    let text = AlarmsText.of(alarms, at: Self.noon, .narrow)
    #expect(
      text == """
        ALARMS  2 of 3 raised
          tank.level low  RAISED  5s 1x
            since 2026-11-22T20:59:55.000Z
            value 4.5 %
          io.door open    RAISED  4m 3x
            since 2026-11-22T20:56:00.000Z
            value 1
          canopy.no2 high cleared  -

        """, "\(text)")
    #expect(
      AlarmsText.of([alarms[0]], at: Self.noon, .narrow).hasPrefix("ALARMS  none of 1 is raised\n"))
    #expect(AlarmsText.of([], at: Self.noon, .narrow) == "the configuration has no alarms\n")
  }

  @Test func theSocketGivesWhatTheReaderTakes() throws {
    let cabinet = Cabinet()
    cabinet.state.withLock { $0.alarms = alarms }
    let call = VarlinkCall(method: "org.citygateway.Alarms", parameters: .object([:]))
    guard case .reply(let bytes) = ControlService(delegate: cabinet).answer(call, mayChange: false) else {
      Issue.record("no reply")
      return
    }
    let json = try JSONValue(parsing: Array(bytes.dropLast()))
    let list = try #require(json["parameters"]?["alarms"]?.array)
    #expect(list.compactMap(AlarmReport.init(json:)) == alarms)
    #expect(alarms[1].sentence == "alarm io.door open: raised since 2026-11-22T20:56:00.000Z")
    #expect(alarms[0].sentence == nil)
  }
}
