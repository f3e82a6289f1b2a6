package import GatewayCore

/// Writes rows as InfluxDB's line protocol, one line a row (docs.influxdata.com, "Line protocol"): a measurement, the tags
/// `device`, `gateway`, `point`, `unit` and for windows `window` (seconds), the numbers as fields, and a timestamp.
///
/// InfluxDB has one point for each measurement, set of tags and timestamp, so a line that comes again changes nothing.
/// Windows that may share their end with another of their point, which are the partial ones, have a tag `row` of their
/// own, `STREAM-SEQ`. What is measured is always a float: the first type of a field wins for ever, and a scaled register
/// is now whole, now not. `count`, `bad` and `seq` are integers. An alarm has a tag `alarm` with its name, and the fields
/// `raised`, true or false, and `value`.
package final class LineProtocol: BatchFormat {
  private let gateway: String
  private let config: InfluxConfig
  private let head: RequestHead
  package var stream = StreamID(bits: 0)
  private var points: [PointText] = []
  private var longestPoint = 0

  /// What is the same in every line of a point.
  private struct PointText {
    /// `MEASUREMENT,device=…,gateway=…,point=…`
    var start: String
    /// `,unit=…`, or nothing.
    var unit: String
    var functions: WindowFunctions
  }

  package init(_ config: InfluxConfig, gateway: String) {
    self.config = config
    self.gateway = gateway
    head = RequestHead(path: config.path, contentType: "text/plain; charset=utf-8")
  }

  package var longestRow: Int { longestPoint + 688 }

  package func use(_ catalogue: Catalogue) {
    points = catalogue.points.map(text(of:))
    longestPoint =
      (points.map { $0.start.utf8.count + $0.unit.utf8.count }.max() ?? 0)
      + WindowSummary.longestExtras(of: catalogue.points)
  }

  private func text(of point: PointDescription) -> PointText {
    let name = SplitName(point.name)
    let measurement = config.measurement
      .replacing("{gateway}", with: gateway).replacing("{device}", with: name.device)
      .replacing("{point}", with: name.point)
    func tag(_ key: StaticString, _ value: String) -> String {
      value.isEmpty ? "" : ",\(key)=\(Self.escaped(value, ", ="))"
    }
    return PointText(
      start: Self.escaped(measurement, ", ") + tag("alarm", point.alarm ?? "") + tag("device", name.device)
        + tag("gateway", gateway) + tag("point", name.point), unit: tag("unit", point.unit ?? ""),
      functions: point.functions)
  }

  /// With a backslash before each of `special`. A line's end cannot be in a name, nor a backslash before what is escaped
  /// or at the end: both become `_`.
  private static func escaped(_ text: String, _ special: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      if character.value < 0x20 || character == "\\" {
        result += "_"
      } else {
        if special.unicodeScalars.contains(character) { result += "\\" }
        result.unicodeScalars.append(character)
      }
    }
    return result
  }

  package func begin(_ buffer: inout ByteBuffer) { buffer.removeAll() }

  package func finish(_ buffer: inout ByteBuffer, rows: ClosedRange<UInt64>) -> FinishedRequest {
    FinishedRequest(head: head)
  }

  package func append(_ row: Row, seq: UInt64, to buffer: inout ByteBuffer) -> RowFate {
    guard Int(row.point) < points.count else { return .unknown }
    let point = points[Int(row.point)]
    buffer.reserve(longestRow)
    buffer.append(point.start)
    if case .window(let summary) = row.body, summary.isPartial { appendRowTag(seq, to: &buffer) }
    buffer.append(point.unit)
    switch row.body {
    case .reading(let value):
      buffer.append(" ")
      if let value { Self.append(StatisticKey(word: "value"), value, to: &buffer) }
    case .window(let summary):
      buffer.append(",window=")
      JSONWriter.append(integer: UInt64(summary.seconds), to: &buffer)
      buffer.append(" ")
      Self.append(summary, point.functions, to: &buffer)
    case .alarm(let event):
      buffer.append(event.isRaised ? " raised=true," : " raised=false,")
      if let value = event.value { Self.append(StatisticKey(word: "value"), value, to: &buffer) }
    }
    appendQuality(of: row, to: &buffer)
    buffer.append(",seq=")
    JSONWriter.append(integer: seq, to: &buffer)
    buffer.append("i,stream=\"")
    buffer.append(stream.description)
    buffer.append("\" ")
    JSONWriter.append(integer: time(row.time), to: &buffer)
    buffer.append("\n")
    return .written
  }

  private func appendRowTag(_ seq: UInt64, to buffer: inout ByteBuffer) {
    buffer.append(",row=")
    buffer.append(stream.description)
    buffer.append("-")
    JSONWriter.append(integer: seq, to: &buffer)
  }

  private func appendQuality(of row: Row, to buffer: inout ByteBuffer) {
    buffer.append("quality=\"")
    buffer.append(row.quality.word)
    if row.quality != .good {
      buffer.append("\",reason=\"")
      buffer.append(row.reason.word)
    }
    if row.timeQuality != .synced {
      buffer.append("\",timeQuality=\"")
      buffer.append(row.timeQuality.word)
    }
    buffer.append("\"")
    if let error = row.timeError {
      buffer.append(",timeError=")
      JSONWriter.append(double: error.seconds, to: &buffer)
    }
  }

  /// Each with a comma behind it.
  private static func append(
    _ summary: WindowSummary, _ functions: WindowFunctions, to buffer: inout ByteBuffer
  ) {
    summary.forEachStatistic(in: functions) { append($0, $1, to: &buffer) }
    if functions.contains(.count) { append("count", summary.count, to: &buffer) }
    if summary.isPartial { buffer.append("partial=true,") }
    if summary.bad > 0 { append("bad", summary.bad, to: &buffer) }
  }

  private static func append(_ key: StaticString, _ count: UInt64, to buffer: inout ByteBuffer) {
    buffer.append(key)
    buffer.append("=")
    JSONWriter.append(integer: count, to: &buffer)
    buffer.append("i,")
  }

  /// NaN and the infinite have no place in a line.
  private static func append(_ key: StatisticKey, _ value: Value, to buffer: inout ByteBuffer) {
    if case .double(let number) = value, !number.isFinite { return }
    key.append(to: &buffer)
    buffer.append("=")
    JSONWriter.append(value: value, to: &buffer)
    buffer.append(",")
  }

  /// Rounded down.
  private func time(_ time: Timestamp) -> Int64 {
    let microseconds = time.microseconds
    switch config.precision {
    case .seconds: return floor(microseconds, 1_000_000)
    case .milliseconds: return floor(microseconds, 1000)
    case .microseconds: return microseconds
    case .nanoseconds: return microseconds.multipliedReportingOverflow(by: 1000).partialValue
    }
  }

  private func floor(_ value: Int64, _ divisor: Int64) -> Int64 {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
