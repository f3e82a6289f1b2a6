/// Which alarms are raised, behind the rows of each commit of the alarms' store, so that a start knows from the newest
/// one what is to be cleared and what was said already.
///
/// Format 1, behind the last row: u8 version; varint count of raised alarms; for each varint place in the commit's
/// catalogue, zigzag varint since (microseconds), and its value as a row's number: u8 code, number.
package enum AlarmStateCodec {
  private static let version: UInt8 = 1

  /// Bytes that one alarm takes at most.
  package static let bytesPerAlarm = 26

  /// Every one of `raised` has its place in `catalogue`.
  package static func append(
    _ raised: [RaisedAlarm], of catalogue: Catalogue, to buffer: inout ByteBuffer
  ) {
    let places = Dictionary(
      catalogue.points.enumerated().map { (AlarmName($0.element), $0.offset) },
      uniquingKeysWith: { first, _ in first })
    buffer.append(version)
    buffer.append(varint: UInt64(raised.count))
    for alarm in raised {
      buffer.append(varint: UInt64(places[AlarmName(alarm.alarm)] ?? catalogue.points.count))
      buffer.append(varint: RowCodec.zigzag(alarm.since.microseconds))
      buffer.append(coded: alarm.value)
    }
  }

  /// nil for what `append` does not write.
  package static func read(_ bytes: UnsafeRawBufferPointer, of catalogue: Catalogue) -> [RaisedAlarm]? {
    var reader = ByteReader(bytes)
    guard reader.byte() == version, let count = reader.varint().flatMap(Int.init(exactly:)),
      count <= bytes.count
    else { return nil }
    var raised: [RaisedAlarm] = []
    for _ in 0..<count {
      guard let place = reader.varint().flatMap(Int.init(exactly:)), let since = reader.varint(),
        let code = reader.byte()
      else { return nil }
      var value: Value?
      if code != RowCodec.NumberCode.none {
        guard let number = reader.number(code) else { return nil }
        value = number
      }
      guard place < catalogue.points.count else { continue }
      raised.append(
        RaisedAlarm(
          alarm: catalogue.points[place], since: Timestamp(microseconds: RowCodec.unzigzag(since)),
          value: value))
    }
    return raised
  }

  /// What the commits say, given in their order; one that cannot be understood leaves what was known before.
  package static func replay(
    _ commit: StoredCommit, _ catalogue: Catalogue?, into raised: inout [RaisedAlarm]
  ) {
    guard let catalogue else { return }
    commit.payload.withUnsafeBytes { payload in
      var decoder = RowDecoder(payload, rowCount: commit.rowCount)
      do { while try decoder.next() != nil {} } catch { return }
      if let found = read(decoder.rest, of: catalogue) { raised = found }
    }
  }
}

/// What clears alarms that a configuration does not have any more, under the names that they were raised with; `others`
/// stay raised.
package struct AlarmClearing: ~Copyable {
  package var rows = RowEncoder()
  package let catalogue: Catalogue
  package let others: [RaisedAlarm]

  package init(
    _ gone: [RaisedAlarm], others: [RaisedAlarm], at now: Moment, _ timeQuality: TimeQuality
  ) {
    catalogue = Catalogue(points: (gone + others).map(\.alarm))
    self.others = others
    for place in gone.indices {
      rows.append(
        Row(
          point: PointIndex(place), time: now.time, boot: now.boot, quality: .good, reason: .none,
          timeQuality: timeQuality, body: .alarm(AlarmEvent(isRaised: false, value: nil))))
    }
  }
}
