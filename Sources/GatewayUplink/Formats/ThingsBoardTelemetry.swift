package import GatewayCore

/// Writes rows for ThingsBoard's HTTP device API (thingsboard.io/docs, "HTTP device API", telemetry): an array of
/// `{"ts":MILLISECONDS,"values":{…}}` for each device, one request after the other. A batch so holds the rows of many
/// devices, and costs a request for each device in it, however their rows alternate.
///
/// A reading is `NAME`, a window `NAME_mean`, `NAME_min` …; each row has `NAME_quality`, and `NAME_reason` where that is not
/// good; an alarm of the name A is `NAME_alarm_A`, true while it is raised, and `NAME_alarm_A_value`. ThingsBoard keeps one value of a key for each millisecond: what comes again changes nothing.
package final class ThingsBoardTelemetry: BatchFormat {
  private let config: ThingsBoardConfig
  package var stream = StreamID(bits: 0)
  private var points: [PointText] = []
  private var longestPoint = 0
  private var longestExtras = 0
  /// Which rows of the draft are whose, in their order.
  private var pieces: [Piece] = []
  private var sorted = ByteBuffer(capacity: 64)

  private struct PointText {
    /// The device as ThingsBoard knows it; empty where there is but one.
    var device: String
    /// Of a row's keys, escaped for JSON and without quotes.
    var key: String
    var functions: WindowFunctions
  }

  private struct Piece {
    var device: String
    var bytes: Range<Int>
  }

  package init(_ config: ThingsBoardConfig) { self.config = config }

  package var longestRow: Int { 528 + 14 * (longestPoint + 8) + longestExtras }

  package func use(_ catalogue: Catalogue) {
    points = catalogue.points.map { point in
      let name = SplitName(point.name)
      return PointText(
        device: config.hasDevices ? name.device : "",
        key: Self.escaped(
          (config.hasDevices ? name.point : point.name) + (point.alarm.map { "_alarm_\($0)" } ?? "")),
        functions: point.functions)
    }
    longestPoint = points.map(\.key.utf8.count).max() ?? 0
    longestExtras = WindowSummary.longestExtras(of: catalogue.points, key: longestPoint)
  }

  private static func escaped(_ text: String) -> String {
    var buffer = ByteBuffer(capacity: 64)
    JSONWriter.append(string: text, to: &buffer)
    return buffer.withBytes { String(decoding: $0.dropFirst().dropLast(), as: UTF8.self) }
  }

  package func begin(_ buffer: inout ByteBuffer) {
    buffer.removeAll()
    pieces.removeAll(keepingCapacity: true)
  }

  package func append(_ row: Row, seq: UInt64, to buffer: inout ByteBuffer) -> RowFate {
    guard Int(row.point) < points.count else { return .unknown }
    let point = points[Int(row.point)]
    let start = buffer.count
    buffer.reserve(longestRow)
    buffer.append(",{\"ts\":")
    JSONWriter.append(integer: row.time.millisecondsSince1970, to: &buffer)
    buffer.append(",\"values\":{")
    switch row.body {
    case .reading(let value):
      if let value { append(point.key, nil, value, to: &buffer) }
    case .window(let summary):
      append(summary, point, to: &buffer)
    case .alarm(let event):
      appendKey(point.key, nil, to: &buffer)
      buffer.append(event.isRaised ? "true," : "false,")
      if let value = event.value { append(point.key, StatisticKey(word: "value"), value, to: &buffer) }
    }
    append(row.quality, row.reason, point.key, to: &buffer)
    appendTimeQuality(of: row, point.key, to: &buffer)
    buffer.append("}}")
    if let last = pieces.last, last.device == point.device {
      pieces[pieces.count - 1].bytes = last.bytes.lowerBound..<buffer.count
    } else {
      pieces.append(Piece(device: point.device, bytes: start..<buffer.count))
    }
    return .written
  }

  /// Each with a comma behind it.
  private func append(_ summary: WindowSummary, _ point: PointText, to buffer: inout ByteBuffer) {
    summary.forEachStatistic(in: point.functions) { append(point.key, $0, $1, to: &buffer) }
    if point.functions.contains(.count) {
      append(point.key, StatisticKey(word: "count"), .unsigned(summary.count), to: &buffer)
    }
    if summary.isPartial {
      appendKey(point.key, StatisticKey(word: "partial"), to: &buffer)
      buffer.append("true,")
    }
    if summary.bad > 0 { append(point.key, StatisticKey(word: "bad"), .unsigned(summary.bad), to: &buffer) }
  }

  private func append(_ key: String, _ statistic: StatisticKey?, _ value: Value, to buffer: inout ByteBuffer)
  {
    if case .double(let number) = value, !number.isFinite { return }
    appendKey(key, statistic, to: &buffer)
    JSONWriter.append(value: value, to: &buffer)
    buffer.append(",")
  }

  private func append(
    _ quality: Quality, _ reason: QualityReason, _ key: String, to buffer: inout ByteBuffer
  ) {
    appendKey(key, StatisticKey(word: "quality"), to: &buffer)
    buffer.append("\"")
    buffer.append(quality.word)
    buffer.append("\"")
    guard quality != .good else { return }
    buffer.append(",")
    appendKey(key, StatisticKey(word: "reason"), to: &buffer)
    buffer.append("\"")
    buffer.append(reason.word)
    buffer.append("\"")
  }

  private func appendTimeQuality(of row: Row, _ key: String, to buffer: inout ByteBuffer) {
    guard row.timeQuality != .synced else { return }
    buffer.append(",")
    appendKey(key, StatisticKey(word: "timeQuality"), to: &buffer)
    buffer.append("\"")
    buffer.append(row.timeQuality.word)
    buffer.append("\"")
    guard let error = row.timeError else { return }
    buffer.append(",")
    appendKey(key, StatisticKey(word: "timeError"), to: &buffer)
    JSONWriter.append(double: error.seconds, to: &buffer)
  }

  private func appendKey(_ key: String, _ statistic: StatisticKey?, to buffer: inout ByteBuffer) {
    buffer.append("\"")
    buffer.append(key)
    if let statistic {
      buffer.append("_")
      statistic.append(to: &buffer)
    }
    buffer.append("\":")
  }

  /// Puts the rows of each device together; the device whose row came first goes first.
  package func finish(_ buffer: inout ByteBuffer, rows: ClosedRange<UInt64>) -> FinishedRequest {
    var devices: [String] = []
    for piece in pieces where !devices.contains(piece.device) { devices.append(piece.device) }
    var requests: [RequestStart] = []
    sorted.removeAll()
    for device in devices {
      requests.append(RequestStart(sorted.count, head(of: device)))
      let start = sorted.count
      for piece in pieces where piece.device == device {
        buffer.withBytes { sorted.append(UnsafeRawBufferPointer(rebasing: $0[piece.bytes])) }
      }
      // The first row's comma is where the array begins.
      sorted.withMutableBytes { $0[start] = UInt8(ascii: "[") }
      sorted.append("]")
    }
    swap(&buffer, &sorted)
    guard let first = requests.first else { return FinishedRequest() }
    return FinishedRequest(start: first.start, head: first.head, further: Array(requests.dropFirst()))
  }

  private func head(of device: String) -> RequestHead {
    var head = RequestHead(path: "/api/v1/\(RequestHead.secretPlace)/telemetry")
    head.secretFile = config.tokenFile(of: device)
    return head
  }
}
