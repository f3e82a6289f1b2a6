internal import GatewayCore

/// What is the same in each Alert of one alarm.
struct AlertText {
  let id: String
  /// `{"id":…,"type":"Alert",…` up to what changes.
  fileprivate let start: String
  fileprivate let source: String
  fileprivate let name: String
  fileprivate let unit: String?

  /// nil for what is no alarm. `source`: the entity that the point belongs to, if any.
  init?(_ point: PointDescription, gateway: String, source: String?) {
    guard let alarm = point.alarm else { return nil }
    name = "\(point.name).\(alarm)"
    id = "urn:ngsi-ld:Alert:\(gateway):\(name)"
    unit = point.unit
    self.source = source ?? "urn:ngsi-ld:Device:\(gateway):\(SplitName(point.name).device)"
    var text = ByteBuffer(capacity: 256)
    text.append("{\"id\":")
    JSONWriter.append(string: id, to: &text)
    text.append(",\"type\":\"Alert\",\"alertSource\":{\"type\":\"Property\",\"value\":")
    JSONWriter.append(string: self.source, to: &text)
    text.append("},\"description\":{\"type\":\"Property\",\"value\":")
    JSONWriter.append(string: "alarm \"\(alarm)\" of \(point.name)", to: &text)
    text.append("}")
    start = text.withBytes { String(decoding: $0, as: UTF8.self) }
  }

  /// Bytes of an Alert, at most, without its context.
  var size: Int { start.utf8.count + name.utf8.count + 560 }
}

/// Alarms as entities of the type Alert (Smart Data Models, dataModel.Alert): one for each alarm, which is issued when it
/// is raised and gets its `validTo` when it is cleared. An Alert's categories are lists that a cabinet's alarms are not
/// in, so it has none. Each entity stands once in a request.
struct AlertDraft {
  static let contextURL =
    "https://raw.githubusercontent.com/smart-data-models/dataModel.Alert/master/context.jsonld"

  private var texts: [AlertText?] = []
  /// Of the request under way: which alarm, its row, and where its text lies.
  private var alerts: [(id: String, seq: UInt64, bytes: Range<Int>)] = []

  var isEmpty: Bool { alerts.isEmpty }

  mutating func use(_ texts: [AlertText?]) { self.texts = texts }
  mutating func begin() { alerts.removeAll(keepingCapacity: true) }

  /// `end`: what closes an entity.
  mutating func append(
    _ event: AlarmEvent, _ row: Row, _ seq: UInt64, end: String, to buffer: inout ByteBuffer
  ) -> RowFate {
    guard Int(row.point) < texts.count else { return .unknown }
    guard let text = texts[Int(row.point)] else { return .left }
    if alerts.contains(where: { $0.id == text.id }) { return .next }
    buffer.reserve(text.size + end.utf8.count)
    let start = buffer.count
    buffer.append(text.start)
    appendState(of: event, row, text, to: &buffer)
    buffer.append(end)
    alerts.append((text.id, seq, start..<buffer.count))
    return .written
  }

  private func appendState(
    of event: AlarmEvent, _ row: Row, _ text: AlertText, to buffer: inout ByteBuffer
  ) {
    func date(_ name: StaticString) {
      buffer.append(",\"")
      buffer.append(name)
      buffer.append("\":{\"type\":\"Property\",\"value\":{\"@type\":\"DateTime\",\"@value\":\"")
      row.time.append(to: &buffer)
      buffer.append("\"}}")
    }
    date(event.isRaised ? "dateIssued" : "validTo")
    buffer.append(",\"severity\":{\"type\":\"Property\",\"value\":\"")
    buffer.append(event.isRaised ? "medium" : "informational")
    buffer.append("\"},\"data\":{\"type\":\"Property\",\"value\":{\"alarm\":")
    JSONWriter.append(string: text.name, to: &buffer)
    buffer.append(",\"state\":\"")
    buffer.append(event.word)
    buffer.append("\"")
    if let value = event.value, value.asDouble.isFinite {
      buffer.append(",\"value\":")
      JSONWriter.append(value: value, to: &buffer)
    }
    buffer.append("},\"observedAt\":\"")
    row.time.append(to: &buffer)
    buffer.append("\"")
    if row.timeQuality != .synced {
      buffer.append(",\"timeQuality\":{\"type\":\"Property\",\"value\":\"")
      buffer.append(row.timeQuality.word)
      buffer.append("\"}")
    }
    buffer.append("}")
  }

  /// The entities of the request, with commas; `values` are the buffer's bytes so far.
  func finish(_ values: [UInt8], _ items: inout [BatchItem], to buffer: inout ByteBuffer) {
    for alert in alerts {
      if !items.isEmpty { buffer.append(UInt8(ascii: ",")) }
      items.append(BatchItem(name: alert.id, rows: [alert.seq]))
      values[alert.bytes].withUnsafeBytes { buffer.append($0) }
    }
  }
}
