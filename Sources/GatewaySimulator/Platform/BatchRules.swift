internal import GatewayCore

/// The members of a reading in the native batch (the contract's table), with what may stand beside what.
enum RowKey: UInt64, CaseIterable {
  case seq, point, time, value, window, mean, min, max, last, count, sum, stddev, bad, partial, unit, quality
  case reason, timeQuality, timeError, alarm, state
  case first, range, twmean, p50, p90, p99, transitions, durations, vmean, increase, rate, good

  var bit: RowKeys { RowKeys(rawValue: 1 << rawValue) }

  /// The key whose name `matches`; only names of that length are tried.
  private static let words: [(key: RowKey, word: StaticString)] = [
    (.seq, "seq"), (.point, "point"), (.time, "time"), (.value, "value"), (.window, "window"),
    (.mean, "mean"),
    (.min, "min"), (.max, "max"), (.last, "last"), (.count, "count"), (.sum, "sum"), (.stddev, "stddev"),
    (.bad, "bad"), (.partial, "partial"), (.unit, "unit"), (.quality, "quality"), (.reason, "reason"),
    (.timeQuality, "timeQuality"), (.timeError, "timeError"), (.alarm, "alarm"), (.state, "state"),
    (.first, "first"), (.range, "range"), (.twmean, "twmean"), (.p50, "p50"), (.p90, "p90"), (.p99, "p99"),
    (.transitions, "transitions"), (.durations, "durations"), (.vmean, "vmean"), (.increase, "increase"),
    (.rate, "rate"), (.good, "good"),
  ]
  /// The last one is for longer names: there are none.
  private static let byLength: [[(key: RowKey, word: StaticString)]] = (0...12).map { length in
    words.filter { $0.word.utf8CodeUnitCount == length }
  }

  @inline(__always)
  static func find(_ matches: (StaticString) -> Bool, length: Int) -> RowKey? {
    for key in byLength[Swift.min(length, byLength.count - 1)] where matches(key.word) { return key.key }
    return nil
  }
}

struct RowKeys: OptionSet, BitwiseCopyable {
  let rawValue: UInt64

  static let required: RowKeys = [RowKey.seq.bit, RowKey.point.bit, RowKey.time.bit, RowKey.quality.bit]
  static let ofWindows: RowKeys = [
    RowKey.mean.bit, RowKey.min.bit, RowKey.max.bit, RowKey.last.bit, RowKey.count.bit, RowKey.sum.bit,
    RowKey.stddev.bit, RowKey.bad.bit, RowKey.partial.bit, RowKey.first.bit, RowKey.range.bit,
    RowKey.twmean.bit, RowKey.p50.bit, RowKey.p90.bit, RowKey.p99.bit, RowKey.transitions.bit,
    RowKey.durations.bit, RowKey.vmean.bit, RowKey.increase.bit, RowKey.rate.bit, RowKey.good.bit,
  ]
}

/// What was seen in one reading.
struct RowFacts: BitwiseCopyable {
  var seen: RowKeys = []
  var quality = Quality.good
  /// A number is `null`.
  var hasNull = false
  /// Of the time there is a bound only.
  var isEstimated = false

  /// nil when the members go together.
  var problem: String? {
    guard seen.isSuperset(of: .required) else { return "a reading without seq, point, time or quality" }
    let isWindow = seen.contains(RowKey.window.bit)
    let isAlarm = seen.contains(RowKey.alarm.bit)
    if isAlarm != seen.contains(RowKey.state.bit) {
      return "an alarm without its state, or the other way round"
    }
    if isAlarm, isWindow { return "an alarm of a window" }
    if isWindow, seen.contains(RowKey.value.bit) { return "a window with a value" }
    if !isWindow, !seen.isDisjoint(with: .ofWindows) { return "statistics without a window" }
    guard (quality == .good) != seen.contains(RowKey.reason.bit) else {
      return "a reason stands where the quality is not good, and only there"
    }
    guard isEstimated == seen.contains(RowKey.timeError.bit) else {
      return "a timeError stands where the time is estimated, and only there"
    }
    if quality == .good, hasNull { return "a good reading that is null" }
    if quality != .bad, !isWindow, !isAlarm, !seen.contains(RowKey.value.bit) {
      return "a reading without a value"
    }
    return nil
  }
}

enum BatchRules {
  static func check(_ summary: BatchSummary, firstRow: UInt64, rowCount: UInt64) throws(BatchProblem) {
    guard isGateway(summary.gateway) else { throw BatchProblem(message: "not a gateway's id") }
    guard isStream(summary.stream) else { throw BatchProblem(message: "a stream is 16 hexadecimal digits") }
    guard rowCount > 0 else { throw BatchProblem(message: "a batch without readings") }
    guard summary.first >= 1, summary.last >= summary.first, summary.last - summary.first == rowCount - 1,
      summary.first == firstRow
    else { throw BatchProblem(message: "first and last do not agree with the readings") }
  }

  private static func isGateway(_ id: String) -> Bool {
    guard (1...63).contains(id.utf8.count), id.utf8.first != UInt8(ascii: "-") else { return false }
    return id.utf8.allSatisfy { isDigit($0) || (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "-") }
  }

  private static func isStream(_ id: String) -> Bool {
    id.utf8.count == 16 && id.utf8.allSatisfy { isDigit($0) || (0x61...0x66).contains($0) }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  /// `2026-11-22T21:00:00.000Z`, each field in its range.
  static func isTime(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count == 24 else { return false }
    let form: StaticString = "0000-00-00T00:00:00.000Z"
    for place in 0..<24 {
      let wanted = form.utf8Start[place]
      guard wanted == 0x30 ? text[place] &- 0x30 <= 9 : text[place] == wanted else { return false }
    }
    func two(_ place: Int) -> Int { Int(text[place] - 0x30) * 10 + Int(text[place + 1] - 0x30) }
    return two(5) >= 1 && two(5) <= 12 && two(8) >= 1 && two(8) <= 31 && two(11) <= 23 && two(14) <= 59
      && two(17) <= 59
  }
}
