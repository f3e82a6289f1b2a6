import GatewayCore
import Testing

/// All alarms of a configuration, their rows, and what is kept of them between two runs.
@Suite struct AlarmRollTests {
  private let door = ConfiguredAlarm(
    point: 1,
    description: PointDescription(
      name: "io.door", unit: nil, kind: .alarm, window: .raw, functions: [], alarm: "open"),
    config: AlarmConfig(name: "open", condition: .equals(1)), hidesValue: false)
  private let high = ConfiguredAlarm(
    point: 4,
    description: PointDescription(
      name: "air.no2", unit: "GQ", kind: .alarm, window: .raw, functions: [], alarm: "high"),
    config: AlarmConfig(name: "high", condition: .above(60)), hidesValue: true)

  private func reading(_ point: PointIndex, _ value: Double, at time: Int64) -> Reading {
    Reading(
      point: point, at: Moment(time: Timestamp(microseconds: time), boot: BootTime(microseconds: time)),
      value: .double(value))
  }

  private func rows(_ roll: inout AlarmRoll) throws -> [Row] {
    let count = roll.rows.rowCount
    let bytes = roll.takeRows()
    return try bytes.withBytes { bytes in
      var decoder = RowDecoder(bytes, rowCount: count)
      var rows: [Row] = []
      while let row = try decoder.next() { rows.append(row) }
      return rows
    }
  }

  @Test func eachChangeIsOneRowOfTheAlarmsOwnCatalogueAndAHiddenValueStaysHome() throws {
    var roll = AlarmRoll([door, high], raised: [], at: BootTime(microseconds: 0))
    for (point, value) in [(0, 1), (1, 0), (1, 1), (1, 1), (4, 99), (5, 1), (1, 0)] {
      roll.take(reading(PointIndex(point), Double(value), at: 10))
    }
    let found = try rows(&roll)
    #expect(found.map(\.point) == [0, 1, 0])
    #expect(
      found.map(\.body) == [
        .alarm(AlarmEvent(isRaised: true, value: .double(1))),
        .alarm(AlarmEvent(isRaised: true, value: nil)),
        .alarm(AlarmEvent(isRaised: false, value: .double(0))),
      ])
    #expect(roll.raised.map(\.alarm.name) == ["air.no2"])
    #expect(roll.raised[0].value == nil)
    #expect(roll.reports.map(\.raisings) == [1, 1])
    #expect(roll.rows.rowCount == 0)
  }

  @Test func whatIsRaisedIsReadBackFromTheBytesBehindTheRows() throws {
    let seed = UInt64.random(in: .min ... .max)
    var dice = SplitMix(seed: seed)
    let catalogue = Catalogue(points: [door.description, high.description])
    for _ in 0..<200 {
      var raised: [RaisedAlarm] = []
      for point in catalogue.points where Bool.random(using: &dice) {
        let values: [Value?] = [nil, .double(21.5), .signed(-3), .unsigned(.max), .double(0.1)]
        raised.append(
          RaisedAlarm(
            alarm: point, since: Timestamp(microseconds: .random(in: -9...1 << 60, using: &dice)),
            value: values.randomElement(using: &dice)!))
      }
      var buffer = ByteBuffer()
      AlarmStateCodec.append(raised, of: catalogue, to: &buffer)
      #expect(buffer.count <= 10 + raised.count * AlarmStateCodec.bytesPerAlarm)
      let bytes = buffer.copyBytes()
      #expect(bytes.withUnsafeBytes { AlarmStateCodec.read($0, of: catalogue) } == raised, "seed \(seed)")
      for cut in 0..<bytes.count {
        #expect(bytes[..<cut].withUnsafeBytes { AlarmStateCodec.read($0, of: catalogue) } == nil)
      }
    }
  }

  @Test func anAlarmWithoutItsPointIsClearedUnderTheNameThatItWasRaisedWith() throws {
    let raised = [
      RaisedAlarm(alarm: door.description, since: Timestamp(microseconds: 7), value: .double(1)),
      RaisedAlarm(alarm: high.description, since: Timestamp(microseconds: 8), value: nil),
    ]
    let gone = raised.gone(from: [high])
    #expect(gone == [raised[0]])
    let now = Moment(time: Timestamp(microseconds: 20), boot: BootTime(microseconds: 3))
    let clearing = AlarmClearing(gone, others: [raised[1]], at: now, .synced)
    #expect(clearing.catalogue.points == [door.description, high.description])
    let row = try clearing.rows.bytes.withBytes { bytes in
      var decoder = RowDecoder(bytes, rowCount: 1)
      return try decoder.next()
    }
    #expect(row?.point == 0)
    #expect(row?.body == .alarm(AlarmEvent(isRaised: false, value: nil)))
    // The rest goes on raised: nothing is said again.
    var roll = AlarmRoll([high], raised: [raised[1]], at: now.boot)
    roll.take(reading(4, 99, at: 30))
    #expect(roll.rows.rowCount == 0)
    roll.take(reading(4, 1, at: 31))
    #expect(roll.rows.rowCount == 1)
  }

  @Test func whatTheDiskSaysLateIsTakenUpWithoutARow() {
    var roll = AlarmRoll([door], raised: [], at: BootTime(microseconds: 0))
    roll.takeUp([RaisedAlarm(alarm: door.description, since: Timestamp(microseconds: 7), value: .double(1))])
    #expect(roll.reports[0].isRaised)
    roll.take(reading(1, 1, at: 30))
    #expect(roll.rows.rowCount == 0)
    roll.take(reading(1, 0, at: 31))
    #expect(roll.rows.rowCount == 1)
  }

  @Test func alarmRowsAreNeverThinned() {
    let catalogue = Catalogue(points: [door.description])
    for grain in RowThinner.grains {
      var thinner = RowThinner(grain: grain)
      for time in 0..<6 {
        let moment = Moment(
          time: Timestamp(microseconds: Int64(time) * 1_000_000), boot: BootTime(microseconds: 0))
        thinner.add(
          Row(
            point: 0, time: moment.time, boot: moment.boot, quality: .good, reason: .none,
            timeQuality: .synced, body: .alarm(AlarmEvent(isRaised: time % 2 == 0, value: .unsigned(1)))),
          of: catalogue)
      }
      let result = thinner.finish()
      #expect(result.rows.count == 6)
      #expect(result.catalogue.points == [door.description])
    }
  }

  @Test func anAlarmsRowIsPinnedAndReadBack() throws {
    var encoder = RowEncoder()
    let bodies: [Row.Body] = [
      .alarm(AlarmEvent(isRaised: true, value: .unsigned(1))),
      .alarm(AlarmEvent(isRaised: false, value: nil)),
    ]
    for body in bodies {
      encoder.append(
        Row(
          point: 0, time: Timestamp(microseconds: 1000), boot: BootTime(microseconds: 993), quality: .good,
          reason: .none, timeQuality: .synced, body: body))
    }
    let bytes = encoder.bytes.copyBytes()
    #expect(bytes == [0x7C, 0xD0, 0x0F, 0x0E, 1, 2, 1, 0x7A, 0, 0, 0])
    let found = try bytes.withUnsafeBytes { bytes in
      var decoder = RowDecoder(bytes, rowCount: 2)
      var found: [Row.Body] = []
      while let row = try decoder.next() { found.append(row.body) }
      return found
    }
    #expect(found == bodies)
    for cut in 0..<bytes.count {
      #expect(throws: RowCodecError.self) {
        try bytes[..<cut].withUnsafeBytes { bytes in
          var decoder = RowDecoder(bytes, rowCount: 2)
          while try decoder.next() != nil {}
        }
      }
    }
  }

  @Test func anAlarmsCatalogueIsReadBackAndOthersKeepTheirBytes() {
    let points = [door.description, high.description]
    let catalogue = Catalogue(points: points)
    #expect(Catalogue(decoding: catalogue.encoded)?.points == points)
  }
}
