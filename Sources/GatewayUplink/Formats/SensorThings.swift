package import GatewayCore

/// Writes rows as Observations for `CreateObservations` (OGC 18-088, 12.3): data arrays, a group for each Datastream.
/// `parameters.recordId` is `STREAM-SEQ`, so that whoever looks can tell a row that came twice.
///
/// A row whose point has no Datastream cannot be sent: it stands in a request of its own, which has an obstacle.
package final class SensorThings: BatchFormat {
  /// Rows of one Datastream. Those that are good have no quality beside them, so that no room is spent on it.
  private struct Group {
    var datastream: ThingsID
    var withQuality: Bool
    var rows: [UInt64] = []
    /// Where the rows lie in the draft.
    var texts: [Range<Int>] = []
    var times: ClosedRange<Timestamp>
  }

  private struct Place {
    var point: PointDescription
    var datastream: ThingsID?
    /// The group of its good rows in the present draft, and of the others.
    var groups: (good: Int?, other: Int?) = (nil, nil)
  }

  package var stream = StreamID(bits: 0)
  private let destination: String
  private let options: SensorThingsOptions
  private let text: ObservationText
  private let book: Result<DatastreamBook, DatastreamBook.Flaw>
  private var places: [Place] = []
  private var groups: [Group] = []
  private var obstacle: String?
  private var longestHead = 0
  private var longestExtras = 0
  private var whole = ByteBuffer(capacity: 4096)

  /// `book`: nil where nobody keeps one.
  package init(
    destination: String, options: SensorThingsOptions, book: Result<DatastreamBook, DatastreamBook.Flaw>?
  ) {
    self.destination = destination
    self.options = options
    self.book = book ?? .failure(DatastreamBook.Flaw(text: "no Datastream of it is known"))
    text = ObservationText(options: options)
  }

  package var longestRow: Int { longestHead + ObservationText.longest + longestExtras }

  package func use(_ catalogue: Catalogue) {
    let known = (try? book.get().datastreams) ?? [:]
    places = catalogue.points.map { Place(point: $0, datastream: known[DatastreamBook.key(of: $0)]) }
    longestExtras = WindowSummary.longestExtras(of: catalogue.points)
    longestHead = known.values.reduce(0) { max($0, $1.text.utf8.count) } + 200
  }

  package func begin(_ buffer: inout ByteBuffer) {
    buffer.removeAll()
    groups.removeAll()
    obstacle = nil
    for place in places.indices { places[place].groups = (nil, nil) }
  }

  package func append(_ row: Row, seq: UInt64, to buffer: inout ByteBuffer) -> RowFate {
    guard row.point < places.count else { return .unknown }
    let place = Int(row.point)
    guard obstacle == nil else { return .next }
    if options.failedRows == .leave && !row.hasValue { return .left }
    guard let datastream = places[place].datastream else {
      if !groups.isEmpty { return .next }
      obstacle = hindrance(places[place].point)
      return .written
    }
    buffer.reserve(longestRow)
    let group = group(of: row, place, datastream, &buffer)
    let start = buffer.count
    text.append(row, places[place].point, record: stream, seq, to: &buffer)
    groups[group].rows.append(seq)
    groups[group].texts.append(start..<buffer.count)
    let times = groups[group].times
    groups[group].times = min(times.lowerBound, row.time)...max(times.upperBound, row.time)
    return .written
  }

  private func hindrance(_ point: PointDescription) -> String {
    let advice = "run gatewayctl provision \(destination)"
    if case .failure(let flaw) = book { return "\(flaw.text): \(advice)" }
    return "point \"\(point.datastreamName)\" (\(UnitNames.code(point.unit))) has no Datastream: \(advice)"
  }

  private func group(
    of row: Row, _ place: Int, _ datastream: ThingsID, _ buffer: inout ByteBuffer
  ) -> Int {
    let withQuality = row.quality != .good
    if let group = withQuality ? places[place].groups.other : places[place].groups.good { return group }
    // Points of another catalogue may have the same Datastream.
    var index = groups.firstIndex { $0.datastream == datastream && $0.withQuality == withQuality }
    if index == nil {
      groups.append(Group(datastream: datastream, withQuality: withQuality, times: row.time...row.time))
      index = groups.count - 1
      // What the group's head will take.
      buffer.append(zeros: longestHead)
    }
    if withQuality { places[place].groups.other = index } else { places[place].groups.good = index }
    return index ?? 0
  }

  package func finish(_ buffer: inout ByteBuffer, rows: ClosedRange<UInt64>) -> FinishedRequest {
    whole.removeAll()
    if obstacle == nil {
      for (index, group) in groups.enumerated() {
        whole.append(index == 0 ? "[" : ",")
        append(group, from: buffer)
      }
      whole.append("]")
    }
    swap(&whole, &buffer)
    var head = RequestHead(path: "/CreateObservations")
    head.isRepeatable = false
    head.obstacle = obstacle
    return FinishedRequest(
      head: head, items: groups.map { BatchItem(name: $0.datastream.text, rows: $0.rows) },
      lookups: options.looksUp ? groups.map(lookup) : [])
  }

  private func append(_ group: Group, from draft: borrowing ByteBuffer) {
    whole.append("{\"Datastream\":{\"@iot.id\":")
    whole.append(group.datastream.text)
    whole.append("},\"components\":")
    whole.append(ObservationText.components(withQuality: group.withQuality))
    whole.append(",\"dataArray@iot.count\":")
    JSONWriter.append(integer: UInt64(group.rows.count), to: &whole)
    whole.append(",\"dataArray\":")
    draft.withBytes { bytes in
      for (index, text) in group.texts.enumerated() {
        whole.append(index == 0 ? "[" : ",")
        whole.append(UnsafeRawBufferPointer(rebasing: bytes[text]))
      }
    }
    whole.append("]}")
  }

  /// By `resultTime`, which is always an instant: django-ogc-sensorthings 1.2.0 fails on `phenomenonTime`.
  private func lookup(_ group: Group) -> Lookup {
    let path =
      "/Datastreams(\(group.datastream.urlText))/Observations?$select=parameters&$orderby=resultTime&$filter="
      + "resultTime%20ge%20\(group.times.lowerBound)%20and%20resultTime%20le%20\(group.times.upperBound)"
    return Lookup(path: path, stream: stream, rows: group.rows)
  }
}

extension Row {
  fileprivate var hasValue: Bool {
    switch body {
    case .reading(let value): value != nil
    case .window(let summary): summary.count > 0
    case .alarm: true
    }
  }
}
