internal import GatewayCore

/// What a batch says of itself, after it was checked.
struct BatchSummary: Equatable, Sendable {
  var gateway: String
  /// 16 hexadecimal digits.
  var stream: String
  var first: UInt64
  var last: UInt64
}

struct BatchProblem: Error, Equatable, CustomStringConvertible {
  /// nil when the whole of the batch is meant.
  var offset: Int?
  var message: String
  var description: String { offset.map { "byte \($0): \(message)" } ?? message }
}

/// Reads a native batch in one pass and without allocating per row, as strictly as the contract is: every key
/// known, once, of its type, with the values that may stand together; row numbers consecutive. `StrictBatch` says
/// the same by another way, and the tests compare the two.
struct BatchScanner: ~Copyable {
  private var text: JSONScanner
  /// Where each row lies, when asked for.
  private(set) var rows: [Range<Int>] = []
  private let keepsRows: Bool
  private var firstRow: UInt64 = 0
  private var rowCount: UInt64 = 0

  init(_ bytes: UnsafeRawBufferPointer, keepsRows: Bool) {
    text = JSONScanner(bytes)
    self.keepsRows = keepsRows
  }

  mutating func scan() throws(BatchProblem) -> BatchSummary {
    var summary = BatchSummary(gateway: "", stream: "", first: 0, last: 0)
    var seen: UInt8 = 0
    text.skipSpace()
    try text.expect(UInt8(ascii: "{"))
    repeat {
      let key = try text.key()
      let bit: UInt8
      if text.matches(key, "gateway") {
        bit = 1
        summary.gateway = text.string(try text.quoted())
      } else if text.matches(key, "stream") {
        bit = 2
        summary.stream = text.string(try text.quoted())
      } else if text.matches(key, "first") {
        bit = 4
        summary.first = try text.natural()
      } else if text.matches(key, "last") {
        bit = 8
        summary.last = try text.natural()
      } else if text.matches(key, "readings") {
        bit = 16
        // Checked before the rows, so that the duplicate does not mix its rows with the first's.
        guard seen & bit == 0 else { throw text.problem("a member stands twice") }
        try readings()
      } else {
        throw text.problem("a member that a batch does not have")
      }
      guard seen & bit == 0 else { throw text.problem("a member stands twice") }
      seen |= bit
      text.skipSpace()
    } while text.take(UInt8(ascii: ","))
    try text.expect(UInt8(ascii: "}"))
    try text.expectEnd()
    guard seen == 31 else {
      throw BatchProblem(message: "gateway, stream, first, last or readings is missing")
    }
    try BatchRules.check(summary, firstRow: firstRow, rowCount: rowCount)
    return summary
  }

  private mutating func readings() throws(BatchProblem) {
    text.skipSpace()
    try text.expect(UInt8(ascii: "["))
    text.skipSpace()
    if text.take(UInt8(ascii: "]")) { return }
    repeat {
      text.skipSpace()
      let start = text.index
      let seq = try row()
      if rowCount == 0 { firstRow = seq }
      guard seq == firstRow &+ rowCount else { throw text.problem("seq does not rise by one") }
      rowCount += 1
      if keepsRows { rows.append(start..<text.index) }
      text.skipSpace()
    } while text.take(UInt8(ascii: ","))
    try text.expect(UInt8(ascii: "]"))
  }

  private mutating func row() throws(BatchProblem) -> UInt64 {
    var facts = RowFacts()
    var seq: UInt64 = 0
    try text.expect(UInt8(ascii: "{"))
    repeat {
      let name = try text.key()
      guard let key = RowKey.find({ text.matches(name, $0) }, length: name.count) else {
        throw text.problem("a member that a reading does not have")
      }
      guard facts.seen.insert(key.bit).inserted else { throw text.problem("a member stands twice") }
      try value(of: key, &facts, &seq)
      text.skipSpace()
    } while text.take(UInt8(ascii: ","))
    try text.expect(UInt8(ascii: "}"))
    if let message = facts.problem { throw text.problem(message) }
    return seq
  }

  private mutating func value(
    of key: RowKey, _ facts: inout RowFacts, _ seq: inout UInt64
  ) throws(BatchProblem) {
    switch key {
    case .seq: seq = try text.natural()
    case .point:
      guard !(try text.quoted()).isEmpty else { throw text.problem("a point without a name") }
    case .time: try text.time()
    case .unit:
      guard !(try text.quoted()).isEmpty else { throw text.problem("an empty unit") }
    case .reason:
      guard !(try text.quoted()).isEmpty else { throw text.problem("an empty reason") }
    case .alarm:
      guard !(try text.quoted()).isEmpty else { throw text.problem("an alarm without a name") }
    case .state:
      let word = try text.quoted()
      guard text.matches(word, "raised") || text.matches(word, "cleared") else {
        throw text.problem("a state that there is not")
      }
    case .quality:
      let word = try text.quoted()
      facts.quality =
        text.matches(word, "good") ? .good : text.matches(word, "bad") ? .bad : .uncertain
      guard facts.quality != .uncertain || text.matches(word, "uncertain") else {
        throw text.problem("a quality that there is not")
      }
    case .timeQuality:
      let word = try text.quoted()
      facts.isEstimated = text.matches(word, "estimated")
      guard facts.isEstimated || text.matches(word, "unsynced") else {
        throw text.problem("a timeQuality that there is not")
      }
    case .timeError: try text.number()
    case .window:
      let seconds = try text.natural()
      guard seconds >= 1, seconds <= 86_400 else { throw text.problem("a window out of range") }
    case .count, .bad, .transitions: _ = try text.natural()
    case .durations: try durations()
    case .partial: try text.expect("true")
    case .value, .mean, .min, .max, .last, .sum, .stddev, .first, .range, .twmean, .p50, .p90, .p99, .vmean,
      .increase, .rate, .good:
      if text.next == UInt8(ascii: "n") {
        try text.expect("null")
        facts.hasNull = true
      } else {
        try text.number()
      }
    }
  }

  /// `{"STATE":SECONDS,…}`
  private mutating func durations() throws(BatchProblem) {
    try text.expect(UInt8(ascii: "{"))
    repeat {
      guard !(try text.key()).isEmpty else { throw text.problem("a state without a name") }
      try text.number()
      text.skipSpace()
    } while text.take(UInt8(ascii: ","))
    try text.expect(UInt8(ascii: "}"))
  }
}
