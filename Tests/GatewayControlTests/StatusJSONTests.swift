import GatewayControl
import GatewayCore
import Testing

@Suite struct StatusJSONTests {
  @Test func statusHasTheContractsKeysInTheContractsOrder() {
    let text = String(decoding: StatusSnapshot.calm.json, as: UTF8.self)
    #expect(
      text == """
        {"gateway":{"id":"cabinet-0417","version":"0.1.0","state":"ok","reasons":[],"uptime":3605.2,"pid":811},\
        "clock":{"synchronized":true,"now":"2026-11-22T21:01:00.000Z","steps":0,"lastStep":null,"lastStepAt":null},\
        "buses":[{"name":"lan","type":"modbus-tcp","state":"ok","requests":3600,"errors":2,"lastError":null,\
        "utilisation":0.423,"planned":0.4}],\
        "devices":[{"name":"canopy","state":"ok"}],\
        "points":[{"name":"canopy.temperature","value":17.3,"unit":"CEL","time":"2026-11-22T21:00:57.000Z",\
        "quality":"good"}],\
        "accounting":{"acquired":7200,"ringDropped":0,"stored":3720,"delivered":3700,"queued":20,"evicted":0,\
        "quarantined":0,"damaged":0,"thinned":0,"pending":0,"unchanged":0,"suppressed":0},\
        "store":{"capacity":268435456,"used":8192,"oldest":"2026-11-22T21:00:00.000Z","commits":60,\
        "bytesWritten":245760,"fault":null,"slotsSetAside":0},\
        "destinations":[{"name":"platform","state":"ok","delivered":3700,"queued":20,"quarantined":0,\
        "lastSuccess":"2026-11-22T21:00:58.000Z","lastError":null,"stored":3720,"evicted":0,"retryIn":null,\
        "certificateExpires":null,"certificateNotice":null}],\
        "alarms":[{"name":"open","point":"io.door","state":"cleared","since":null,"value":null,"unit":null,\
        "raised":0}]}
        """)
  }

  @Test(arguments: [StatusSnapshot.calm, .troubled])
  func whatWasWrittenIsReadBack(_ snapshot: StatusSnapshot) throws {
    let value = try JSONValue(parsing: snapshot.json)
    #expect(StatusSnapshot(json: value, now: Timestamp(microseconds: 0)) == snapshot)
  }

  @Test func unknownAndMissingMembersAreTolerated() throws {
    let value = try JSONValue(
      parsing: """
        {"gateway":{"state":"on-fire","new":[1]},"points":[{"name":"a.b","quality":"odd","value":"x"},{}],
         "buses":7,"weather":{"sun":true},"store":{"oldest":"yesterday"}}
        """)
    let snapshot = try #require(StatusSnapshot(json: value, now: .nine))
    #expect(snapshot.state == .warning)
    #expect(snapshot.now == .nine)
    #expect(snapshot.points.map(\.name) == ["a.b"])
    #expect(snapshot.points[0].quality == .uncertain)
    #expect(snapshot.points[0].value == nil)
    #expect(snapshot.store.oldest == nil)
    #expect(snapshot.buses.isEmpty)
  }

  @Test func whatIsNoStatusIsRefused() throws {
    for text in ["{}", "[]", "null", "{\"gateway\":{}}", "{\"gateway\":{\"state\":1}}"] {
      #expect(StatusSnapshot(json: try JSONValue(parsing: text), now: .nine) == nil)
    }
  }

  @Test func timesAreReadBackInAllYears() throws {
    var generator = SystemRandomNumberGenerator()
    let earliest: Int64 = -62_167_219_200_000
    for _ in 0..<2000 {
      let milliseconds = Int64.random(in: earliest...253_402_300_799_999, using: &generator)
      var snapshot = StatusSnapshot.calm
      snapshot.now = Timestamp(microseconds: milliseconds * 1000)
      let value = try JSONValue(parsing: snapshot.json)
      #expect(StatusSnapshot(json: value, now: .nine)?.now == snapshot.now, "milliseconds \(milliseconds)")
    }
  }
}
