internal import GatewayCore

/// The native batch checked by way of a general JSON reader: slow, and independent of `BatchScanner`.
enum StrictBatch {
  static func check(_ bytes: UnsafeRawBufferPointer) throws(BatchProblem) -> BatchSummary {
    let document: JSONValue
    do throws(JSONValue.Problem) { document = try JSONValue(parsing: bytes) } catch {
      throw BatchProblem(offset: error.offset, message: error.message)
    }
    guard let members = document.object,
      Set(members.keys) == ["gateway", "stream", "first", "last", "readings"],
      let gateway = document["gateway"]?.string, let stream = document["stream"]?.string,
      let first = document["first"]?.unsignedInteger, let last = document["last"]?.unsignedInteger,
      let readings = document["readings"]?.array
    else { throw BatchProblem(message: "not gateway, stream, first, last and readings, each of its type") }
    var firstRow: UInt64 = 0
    for (place, reading) in readings.enumerated() {
      let seq = try check(reading, place)
      if place == 0 { firstRow = seq }
      guard seq == firstRow &+ UInt64(place) else { throw BatchProblem(message: "seq does not rise by one") }
    }
    let summary = BatchSummary(gateway: gateway, stream: stream, first: first, last: last)
    try BatchRules.check(summary, firstRow: firstRow, rowCount: UInt64(readings.count))
    return summary
  }

  private static func check(_ reading: JSONValue, _ place: Int) throws(BatchProblem) -> UInt64 {
    guard let members = reading.object else {
      throw BatchProblem(message: "reading \(place) is not an object")
    }
    var facts = RowFacts()
    for (name, value) in members {
      guard let key = RowKey.allCases.first(where: { "\($0)" == name }) else {
        throw BatchProblem(message: "reading \(place) has a member \"\(name)\"")
      }
      facts.seen.insert(key.bit)
      guard isValid(value, of: key, &facts) else {
        throw BatchProblem(message: "reading \(place) has another \"\(name)\" than may stand there")
      }
    }
    if let message = facts.problem { throw BatchProblem(message: "reading \(place): \(message)") }
    return members["seq"]?.unsignedInteger ?? 0
  }

  private static func isValid(_ value: JSONValue, of key: RowKey, _ facts: inout RowFacts) -> Bool {
    switch key {
    case .seq, .count, .bad, .transitions: return value.unsignedInteger != nil
    case .durations: return value.object?.values.allSatisfy { $0.double != nil } ?? false
    case .state: return value.string == "raised" || value.string == "cleared"
    case .point, .unit, .reason, .alarm: return value.string.map { !$0.isEmpty } ?? false
    case .time: return value.string.map { Array($0.utf8).withUnsafeBytes(BatchRules.isTime) } ?? false
    case .quality:
      guard let quality = Quality.allCases.first(where: { "\($0)" == value.string }) else { return false }
      facts.quality = quality
      return true
    case .timeQuality:
      facts.isEstimated = value.string == "estimated"
      return facts.isEstimated || value.string == "unsynced"
    case .timeError: return value.double.map { $0 >= 0 } ?? false
    case .window: return value.unsignedInteger.map { (1...86_400).contains($0) } ?? false
    case .partial: return value == .bool(true)
    case .value, .mean, .min, .max, .last, .sum, .stddev, .first, .range, .twmean, .p50, .p90, .p99, .vmean,
      .increase, .rate, .good:
      if value == .null { facts.hasNull = true }
      return value == .null || value.double != nil
    }
  }
}
