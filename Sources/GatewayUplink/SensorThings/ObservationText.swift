internal import GatewayCore

/// One row of a data array: `[phenomenonTime, resultTime, result, resultQuality?, parameters]`.
struct ObservationText {
  /// Bytes of a row, at most, beside extras.
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
    case .window(let summary):
      if let value = summary.value(of: main) {
        JSONWriter.append(value: value, to: &buffer)
      } else {
        buffer.append("null")
      }
    case .alarm(let event): buffer.append(event.isRaised ? "true" : "false")
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
    if case .alarm(let event) = row.body {
      buffer.append(",\"state\":\"")
      buffer.append(event.word)
      buffer.append("\"")
      if let value = event.value {
        buffer.append(",\"value\":")
        JSONWriter.append(value: value, to: &buffer)
      }
    }
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
    for (word, function) in WindowFunctions.words {
      if function == main {
        buffer.append(",\"statistic\":\"")
        buffer.append(word)
        buffer.append("\"")
      } else if function == .durations {
        NativeJSON.append(durations: summary.extras, to: &buffer)
      } else if functions.contains(function) || function == .good, let value = summary.value(of: function) {
        buffer.append(",\"")
        buffer.append(word)
        buffer.append("\":")
        JSONWriter.append(value: value, to: &buffer)
      }
    }
    if summary.isPartial { buffer.append(",\"partial\":true") }
    if summary.bad > 0 {
      buffer.append(",\"bad\":")
      JSONWriter.append(integer: summary.bad, to: &buffer)
    }
  }
}

extension WindowFunctions {
  /// What stands for a window of this point: the mean of a gauge or a direction, the last value of a counter or a state;
  /// where that is not configured, the first that is. Durations are several numbers and never stand for it: where there
  /// is nothing else, the count does, which every window has.
  static func result(of point: PointDescription) -> WindowFunctions {
    let first: [WindowFunctions] =
      switch point.kind {
      case .gauge: [.mean, .last]
      case .direction: [.vectorMean, .last]
      default: [.last, .max]
      }
    let numbers = words.map(\.function).filter { $0 != .durations }
    return (first + numbers).first { point.functions.contains($0) } ?? .count
  }
}
