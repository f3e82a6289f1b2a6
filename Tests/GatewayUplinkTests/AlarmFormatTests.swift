import GatewayCore
import GatewayUplink
import Testing

/// How each format says that an alarm was raised or cleared, to the byte.
@Suite struct AlarmFormatTests {
  private static let points = [
    PointDescription(
      name: "aq.no2", unit: "GQ", kind: .alarm, window: .raw, functions: [], alarm: "high"),
    PointDescription(name: "io.door", unit: nil, kind: .alarm, window: .raw, functions: [], alarm: "open"),
  ]

  private static func row(
    _ point: PointIndex, _ isRaised: Bool, _ value: Value?, _ timeQuality: TimeQuality = .synced
  ) -> Row {
    Row(
      point: point, time: Timestamp(microseconds: 1_795_381_200_000_000), boot: BootTime(microseconds: 0),
      quality: .good, reason: .none, timeQuality: timeQuality,
      body: .alarm(AlarmEvent(isRaised: isRaised, value: value)))
  }

  private static let rows = [row(0, true, .double(61.5)), row(1, false, nil, .unsynced)]

  private static let ngsi = NGSIConfig(entities: [
    EntityConfig(
      id: "urn:ngsi-ld:AirQualityObserved:c:aq", type: "AirQualityObserved",
      attributes: [EntityAttribute(point: "aq.no2", name: "no2")])
  ])

  /// The body, and what is in it.
  private func write(
    _ format: DestinationConfig.Format, lane: ForwarderState.Lane = .live, _ rows: [Row] = rows,
    fates: [RowFate]? = nil
  ) -> (text: String, request: FinishedRequest) {
    let format = DestinationConfig(name: "p", url: "", format: format).makeFormat(for: lane, gateway: "c")
    format.stream = StreamID(bits: 0x6b22_b4c8_d715_5218)
    format.use(Catalogue(points: Self.points))
    var buffer = ByteBuffer()
    format.begin(&buffer)
    for (index, row) in rows.enumerated() {
      let before = buffer.count
      #expect(format.append(row, seq: UInt64(index + 1), to: &buffer) == fates?[index] ?? .written)
      #expect(buffer.count - before <= format.longestRow)
    }
    let request = format.finish(&buffer, rows: 1...UInt64(rows.count))
    return (buffer.withBytes { String(decoding: $0[request.start...], as: UTF8.self) }, request)
  }

  @Test func theNativeBatchNamesTheAlarmAndItsState() {
    #expect(
      write(.json).text
        == #"{"gateway":"c","stream":"6b22b4c8d7155218","first":1,"last":2,"readings":["#
        + #"{"seq":1,"point":"aq.no2","time":"2026-11-22T21:00:00.000Z","alarm":"high","state":"raised","#
        + #""value":61.5,"unit":"GQ","quality":"good"},"#
        + #"{"seq":2,"point":"io.door","time":"2026-11-22T21:00:00.000Z","alarm":"open","state":"cleared","#
        + #""quality":"good","timeQuality":"unsynced"}]}"#)
  }

  @Test func lineProtocolHasATagForTheAlarm() {
    let config = InfluxConfig(place: .database("city", retentionPolicy: nil))
    let stream = #"stream="6b22b4c8d7155218" 1795381200000000"#
    #expect(
      write(.influx(config)).text
        == #"aq,alarm=high,device=aq,gateway=c,point=no2,unit=GQ raised=true,value=61.5,quality="good",seq=1i,"#
        + stream + "\n"
        + #"io,alarm=open,device=io,gateway=c,point=door raised=false,quality="good","#
        + #"timeQuality="unsynced",seq=2i,"# + stream + "\n")
  }

  @Test func thingsBoardGetsAKeyForEachAlarm() {
    #expect(
      write(.thingsboard(ThingsBoardConfig(tokenFile: "t"))).text
        == #"[{"ts":1795381200000,"values":{"aq.no2_alarm_high":true,"aq.no2_alarm_high_value":61.5,"#
        + #""aq.no2_alarm_high_quality":"good"}},"#
        + #"{"ts":1795381200000,"values":{"io.door_alarm_open":false,"io.door_alarm_open_quality":"good"}}]"#)
  }

  @Test func anAlertIsIssuedWhenItIsRaisedAndValidUntilItIsCleared() {
    let (text, request) = write(.ngsi(Self.ngsi))
    let context =
      #","@context":["https://raw.githubusercontent.com/smart-data-models/dataModel.Alert/master/context.jsonld"]}"#
    let time = #"{"type":"Property","value":{"@type":"DateTime","@value":"2026-11-22T21:00:00.000Z"}}"#
    #expect(
      text == #"[{"id":"urn:ngsi-ld:Alert:c:aq.no2.high","type":"Alert","#
        + #""alertSource":{"type":"Property","value":"urn:ngsi-ld:AirQualityObserved:c:aq"},"#
        + #""description":{"type":"Property","value":"alarm \"high\" of aq.no2"},"dateIssued":\#(time),"#
        + #""severity":{"type":"Property","value":"medium"},"#
        + #""data":{"type":"Property","value":{"alarm":"aq.no2.high","state":"raised","value":61.5},"#
        + #""observedAt":"2026-11-22T21:00:00.000Z"}"# + context
        + #",{"id":"urn:ngsi-ld:Alert:c:io.door.open","type":"Alert","#
        + #""alertSource":{"type":"Property","value":"urn:ngsi-ld:Device:c:io"},"#
        + #""description":{"type":"Property","value":"alarm \"open\" of io.door"},"validTo":\#(time),"#
        + #""severity":{"type":"Property","value":"informational"},"#
        + #""data":{"type":"Property","value":{"alarm":"io.door.open","state":"cleared"},"#
        + #""observedAt":"2026-11-22T21:00:00.000Z","timeQuality":{"type":"Property","value":"unsynced"}}"#
        + context + "]")
    #expect(
      request.items == [
        BatchItem(name: "urn:ngsi-ld:Alert:c:aq.no2.high", rows: [1]),
        BatchItem(name: "urn:ngsi-ld:Alert:c:io.door.open", rows: [2]),
      ])
  }

  @Test func anEntityStandsOnceInARequestSoTheSameAlarmBeginsTheNext() {
    let rows = [Self.row(0, true, nil), Self.row(1, true, nil), Self.row(0, false, nil)]
    #expect(write(.ngsi(Self.ngsi), rows, fates: [.written, .written, .next]).request.items.count == 2)
  }

  @Test func theTemporalInterfaceHasNoPlaceForAlarms() {
    var config = Self.ngsi
    config.history = .temporal
    _ = write(.ngsi(config), lane: .backlog, fates: [.left, .left])
  }

  @Test func sensorThingsObservesWhetherAnAlarmIsRaised() throws {
    func id(_ number: Int64) throws -> ThingsID { try #require(ThingsID(.signed(number))) }
    let keys = Self.points.map(DatastreamBook.key(of:))
    #expect(keys == ["aq.no2.high C62", "io.door.open C62"])
    let book = DatastreamBook(
      url: "", gateway: "c", thing: try id(1), datastreams: [keys[0]: try id(42), keys[1]: try id(43)])
    let format = SensorThings(
      destination: "frost", options: SensorThingsOptions(), book: .success(book))
    format.stream = StreamID(bits: 0x6b22_b4c8_d715_5218)
    format.use(Catalogue(points: Self.points))
    var buffer = ByteBuffer()
    format.begin(&buffer)
    #expect(format.append(Self.rows[0], seq: 1, to: &buffer) == .written)
    let start = format.finish(&buffer, rows: 1...1).start
    #expect(
      buffer.withBytes { String(decoding: $0[start...], as: UTF8.self) }
        == #"[{"Datastream":{"@iot.id":42},"components":["phenomenonTime","resultTime","result","parameters"],"#
        + #""dataArray@iot.count":1,"dataArray":[["2026-11-22T21:00:00.000Z","2026-11-22T21:00:00.000Z",true,"#
        + #"{"recordId":"6b22b4c8d7155218-1","state":"raised","value":61.5}]]}]"#)
  }
}
