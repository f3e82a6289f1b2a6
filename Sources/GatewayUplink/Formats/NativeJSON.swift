package import GatewayCore

/// Writes the contract's native batch, `{"gateway":…,"stream":…,"first":…,"last":…,"readings":[…]}`, row by row.
/// Relies on the caller for rows in the order of their numbers. The hot path of the uplink: whatever is the same
/// for every row of a point is formatted once for each catalogue.
package final class NativeJSON: BatchFormat {
  private let gateway: String
  /// The stream of the rows; to be changed between batches only.
  package var stream = StreamID(bits: 0)
  private var fragments = PointFragments([])
  private var longestExtras = 0
  private var timeText = TimeText()
  /// Room before the readings for the head, whose `last` is known only when the batch is sealed.
  private let headRoom: Int

  package init(gateway: String) {
    self.gateway = gateway
    var longest = ByteBuffer(capacity: 256)
    Self.appendHead(gateway, stream, UInt64.max...UInt64.max, to: &longest)
    headRoom = longest.count
  }

  /// Bytes that a batch needs beside its rows, at most.
  package var overhead: Int { headRoom + 2 }
  /// Bytes that a row of the present catalogue needs, at most.
  package var longestRow: Int { fragments.longest + 528 + longestExtras }

  /// The following rows refer to these points.
  package func use(_ catalogue: Catalogue) {
    fragments = PointFragments(catalogue.points)
    longestExtras = WindowSummary.longestExtras(of: catalogue.points)
  }

  package func begin(_ buffer: inout ByteBuffer) {
    buffer.removeAll()
    buffer.append(zeros: headRoom)
  }

  package func finish(_ buffer: inout ByteBuffer, rows: ClosedRange<UInt64>) -> FinishedRequest {
    buffer.append("]}")
    var head = ByteBuffer(capacity: 256)
    Self.appendHead(gateway, stream, rows, to: &head)
    let start = headRoom - head.count
    buffer.withMutableBytes { bytes in
      head.withBytes { UnsafeMutableRawBufferPointer(rebasing: bytes[start..<headRoom]).copyMemory(from: $0) }
    }
    let key = "Idempotency-Key: \"\(stream)-\(rows.lowerBound)-\(rows.upperBound)\""
    return FinishedRequest(start: start, head: RequestHead(headers: [key]))
  }

  private static func appendHead(
    _ gateway: String, _ stream: StreamID, _ rows: ClosedRange<UInt64>, to head: inout ByteBuffer
  ) {
    head.append("{\"gateway\":")
    JSONWriter.append(string: gateway, to: &head)
    head.append(",\"stream\":\"")
    head.append(stream.description)
    head.append("\",\"first\":")
    JSONWriter.append(integer: rows.lowerBound, to: &head)
    head.append(",\"last\":")
    JSONWriter.append(integer: rows.upperBound, to: &head)
    head.append(",\"readings\":[")
  }

  package func append(_ row: Row, seq: UInt64, to buffer: inout ByteBuffer) -> RowFate {
    guard row.point < fragments.count else { return .unknown }
    buffer.reserve(longestRow)
    buffer.append(buffer.count > headRoom ? ",{\"seq\":" : "{\"seq\":")
    JSONWriter.append(integer: seq, to: &buffer)
    fragments.appendName(row.point, to: &buffer)
    timeText.append(row.time, to: &buffer)
    switch row.body {
    case .reading(nil): break
    case .reading(let value?):
      buffer.append(",\"value\":")
      JSONWriter.append(value: value, to: &buffer)
    case .window(let summary):
      Self.append(summary, fragments.functions(row.point), to: &buffer)
    case .alarm(let event):
      fragments.appendAlarm(row.point, to: &buffer)
      buffer.append(event.word)
      buffer.append("\"")
      if let value = event.value {
        buffer.append(",\"value\":")
        JSONWriter.append(value: value, to: &buffer)
      }
    }
    if row.quality == .good && row.timeQuality == .synced {
      fragments.appendUnitAndGood(row.point, to: &buffer)
    } else {
      fragments.appendUnit(row.point, to: &buffer)
      Self.appendQuality(of: row, to: &buffer)
    }
    return .written
  }

  private static func append(
    _ summary: WindowSummary, _ functions: WindowFunctions, to buffer: inout ByteBuffer
  ) {
    func put(_ key: StaticString, _ function: WindowFunctions, _ number: Double) {
      guard functions.contains(function), summary.count > 0 else { return }
      buffer.append(key)
      JSONWriter.append(double: number, to: &buffer)
    }
    buffer.append(",\"window\":")
    JSONWriter.append(integer: UInt64(summary.seconds), to: &buffer)
    put(",\"mean\":", .mean, summary.mean)
    put(",\"min\":", .min, summary.min)
    put(",\"max\":", .max, summary.max)
    if functions.contains(.last), summary.count > 0 {
      buffer.append(",\"last\":")
      JSONWriter.append(value: summary.last, to: &buffer)
    }
    if functions.contains(.count) {
      buffer.append(",\"count\":")
      JSONWriter.append(integer: summary.count, to: &buffer)
    }
    put(",\"sum\":", .sum, summary.sum)
    put(",\"stddev\":", .standardDeviation, summary.standardDeviation)
    put(",\"range\":", .range, summary.max - summary.min)
    if !summary.extras.isEmpty { append(summary.extras, to: &buffer) }
    if summary.isPartial { buffer.append(",\"partial\":true") }
    if summary.bad > 0 {
      buffer.append(",\"bad\":")
      JSONWriter.append(integer: summary.bad, to: &buffer)
    }
  }

  private static func append(_ extras: [ExtraStatistic], to buffer: inout ByteBuffer) {
    for (word, function) in WindowFunctions.words where WindowFunctions.extras.contains(function) {
      guard let extra = extras.first(where: { $0.function == function }) else { continue }
      if function == .durations {
        append(durations: extras, to: &buffer)
        continue
      }
      buffer.append(",\"")
      buffer.append(word)
      buffer.append("\":")
      JSONWriter.append(value: extra.value, to: &buffer)
    }
  }

  /// `,"durations":{"STATE":SECONDS,…}`, where there are any.
  static func append(durations extras: [ExtraStatistic], to buffer: inout ByteBuffer) {
    var isFirst = true
    for extra in extras where extra.function == .durations {
      buffer.append(isFirst ? ",\"durations\":{\"" : ",\"")
      StatisticKey.append(state: extra.state, to: &buffer)
      buffer.append("\":")
      JSONWriter.append(value: extra.value, to: &buffer)
      isFirst = false
    }
    if !isFirst { buffer.append("}") }
  }

  private static func appendQuality(of row: Row, to buffer: inout ByteBuffer) {
    buffer.append(",\"quality\":\"")
    buffer.append(row.quality.word)
    if row.quality != .good {
      buffer.append("\",\"reason\":\"")
      buffer.append(row.reason.word)
    }
    if row.timeQuality != .synced {
      buffer.append("\",\"timeQuality\":\"")
      buffer.append(row.timeQuality.word)
    }
    buffer.append("\"")
    if let error = row.timeError {
      buffer.append(",\"timeError\":")
      JSONWriter.append(double: error.seconds, to: &buffer)
    }
    buffer.append("}")
  }
}

/// The text of the latest timestamp with its closing quote: rows of one poll share it, and those of one second
/// differ in three digits.
private struct TimeText: ~Copyable {
  private var text = ByteBuffer(capacity: 64)
  private var microseconds = Int64.min
  private var second = Int64.min

  mutating func append(_ time: Timestamp, to buffer: inout ByteBuffer) {
    if time.microseconds != microseconds || text.count == 0 { format(time) }
    text.withBytes { buffer.append($0) }
  }

  private mutating func format(_ time: Timestamp) {
    microseconds = time.microseconds
    let (whole, fraction) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    if whole == second && fraction >= 0 {
      let milliseconds = fraction / 1000
      text.withMutableBytes { bytes in
        bytes[20] = UInt8(truncatingIfNeeded: 0x30 + milliseconds / 100)
        bytes[21] = UInt8(truncatingIfNeeded: 0x30 + milliseconds / 10 % 10)
        bytes[22] = UInt8(truncatingIfNeeded: 0x30 + milliseconds % 10)
      }
      return
    }
    text.removeAll()
    time.append(to: &text)
    text.append(UInt8(ascii: "\""))
    // Times that are clamped, or before 1970 and rounded down, are always formatted whole.
    let isOrdinary = microseconds >= 0 && microseconds < 253_402_300_799_000_000
    second = isOrdinary ? whole : .min
  }
}
