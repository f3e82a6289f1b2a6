internal import GatewayCore

/// One row of a data array: `[phenomenonTime, resultTime, result, resultQuality?, parameters]`.
struct ObservationText {
  /// Bytes of a row, at most.
  static let longest = 848

  let options: SensorThingsOptions

  static func components(withQuality: Bool) -> String {
    let quality = withQuality ? "\"resultQuality\"," : ""
    return "[\"phenomenonTime\",\"resultTime\",\"result\",\(quality)\"parameters\"]"
  }

  /// A window's result is one of its statistics; the others are parameters.
  func append(
    _ row: Row, _ point: PointDescription, record stream: StreamID, _ seq: UInt64, to buffer: inout ByteBuffer
  ) {
    buffer.append("[\"")
    if case .window(let summary) = row.body, options.windowTime == .interval {
      row.time.advanced(by: .seconds(-Int64(summary.seconds))).append(to: &buffer)
      buffer.append("/")
    }
    row.time.append(to: &buffer)
    buffer.append("\",\"")
    row.time.append(to: &buffer)
    buffer.append("\",")
    let main = WindowFunctions.result(of: point)
    switch row.body {
    case .reading(nil): buffer.append("null")
    case .reading(let value?): JSONWriter.append(value: value, to: &buffer)
    case .window(let summary): Self.append(main, of: summary, to: &buffer)
    }
    if row.quality != .good { Self.append(row.quality, row.reason, to: &buffer) }
    buffer.append(",{\"recordId\":\"")
    buffer.append(stream.description)
    buffer.append("-")
    JSONWriter.append(integer: seq, to: &buffer)
    buffer.append("\"")
    if row.timeQuality != .synced {
      buffer.append(",\"timeQuality\":\"")
      buffer.append(row.timeQuality.word)
      buffer.append("\"")
    }
    if let error = row.timeError {
      buffer.append(",\"timeError\":")
      JSONWriter.append(double: error.seconds, to: &buffer)
    }
    if case .window(let summary) = row.body { Self.append(summary, point.functions, main, to: &buffer) }
    buffer.append("}]")
  }

  /// An object: some servers take nothing else.
  private static func append(_ quality: Quality, _ reason: QualityReason, to buffer: inout ByteBuffer) {
    buffer.append(",{\"quality\":\"")
    buffer.append(quality.word)
    buffer.append("\",\"reason\":\"")
    buffer.append(reason.word)
    buffer.append("\"}")
  }

  private static func append(
    _ summary: WindowSummary, _ functions: WindowFunctions, _ main: WindowFunctions,
    to buffer: inout ByteBuffer
  ) {
    buffer.append(",\"window\":")
    JSONWriter.append(integer: UInt64(summary.seconds), to: &buffer)
    for (word, function) in WindowFunctions.words where functions.contains(function) {
      if function == main {
        buffer.append(",\"statistic\":\"")
        buffer.append(word)
        buffer.append("\"")
      } else if function == .count || summary.count > 0 {
        buffer.append(",\"")
        buffer.append(word)
        buffer.append("\":")
        append(function, of: summary, to: &buffer)
      }
    }
    if summary.isPartial { buffer.append(",\"partial\":true") }
    if summary.bad > 0 {
      buffer.append(",\"bad\":")
      JSONWriter.append(integer: summary.bad, to: &buffer)
    }
  }

  private static func append(
    _ function: WindowFunctions, of summary: WindowSummary, to buffer: inout ByteBuffer
  ) {
    if function == .count { return JSONWriter.append(integer: summary.count, to: &buffer) }
    if summary.count == 0 { return buffer.append("null") }
    switch function {
    case .mean: JSONWriter.append(double: summary.mean, to: &buffer)
    case .min: JSONWriter.append(double: summary.min, to: &buffer)
    case .max: JSONWriter.append(double: summary.max, to: &buffer)
    case .sum: JSONWriter.append(double: summary.sum, to: &buffer)
    case .standardDeviation: JSONWriter.append(double: summary.standardDeviation, to: &buffer)
    default: JSONWriter.append(value: summary.last, to: &buffer)
    }
  }
}

extension WindowFunctions {
  /// What stands for a window of this point: the mean of a gauge, the last value of a counter or a state; where that
  /// is not configured, the first that is.
  static func result(of point: PointDescription) -> WindowFunctions {
    let first: [WindowFunctions] = point.kind == .gauge ? [.mean, .last] : [.last, .max]
    return (first + words.map(\.function)).first { point.functions.contains($0) } ?? .last
  }
}
