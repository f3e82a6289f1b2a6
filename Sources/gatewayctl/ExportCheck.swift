// Whether a file that was read back is the export that came over the socket: each line is there, byte for
// byte, and says of itself what the daemon said of it. Pure.
internal import GatewayCore
internal import GatewayGzip

struct ExportCheck: ~Copyable {
  /// What is known of a line before it is written.
  private struct Expected {
    var stream: String
    var rows: ClosedRange<UInt64>
    var checksum: UInt32
  }

  private var expected: [Expected] = []
  private var decoder = GzipDecoder()
  private var text = ByteBuffer(capacity: 1 << 20)
  /// Lines that were found as they should be.
  private var found = 0
  /// The times of the earliest and the latest reading.
  private(set) var from: String?
  private(set) var to: String?

  init() {}

  var batches: Int { expected.count }
  var rows: UInt64 { expected.reduce(0) { $0 + UInt64($1.rows.count) } }
  var streams: Int { Set(expected.map(\.stream)).count }

  /// Rows that follow each other as one run.
  var runs: [JSONValue] {
    var runs: [(stream: String, rows: ClosedRange<UInt64>)] = []
    for line in expected {
      if let last = runs.last, last.stream == line.stream, last.rows.upperBound + 1 == line.rows.lowerBound {
        runs[runs.count - 1].rows = last.rows.lowerBound...line.rows.upperBound
      } else {
        runs.append((line.stream, line.rows))
      }
    }
    return runs.map { run in
      .object([
        "stream": .string(run.stream), "first": .unsigned(run.rows.lowerBound),
        "last": .unsigned(run.rows.upperBound),
      ])
    }
  }

  /// The line of one reply, to be written; nil when the reply is no batch.
  mutating func expect(_ reply: JSONValue) -> [UInt8]? {
    guard let batch = reply["batch"]?.string, let stream = reply["stream"]?.string,
      let first = reply["first"]?.unsignedInteger, let last = reply["last"]?.unsignedInteger, first <= last,
      last < .max, last - first < 1_000_000
    else { return nil }
    let line = Array(batch.utf8)
    guard !line.contains(UInt8(ascii: "\n")) else { return nil }
    expected.append(
      Expected(stream: stream, rows: first...last, checksum: line.withUnsafeBytes { CRC32C.of($0) }))
    return line + [UInt8(ascii: "\n")]
  }

  /// Takes the next bytes of the file; false where they are not what was written.
  mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard decoder.append(bytes, to: &text) else { return false }
    let taken = text.copyBytes()
    var start = 0
    while let end = taken[start...].firstIndex(of: UInt8(ascii: "\n")) {
      guard taken[start..<end].withUnsafeBytes({ check($0) }) else { return false }
      start = end + 1
    }
    text.removeAll()
    text.append(Array(taken[start...]))
    return true
  }

  var isComplete: Bool { found == expected.count && text.count == 0 && decoder.isAtEnd }

  private mutating func check(_ line: UnsafeRawBufferPointer) -> Bool {
    guard found < expected.count, CRC32C.of(line) == expected[found].checksum,
      let batch = try? JSONValue(parsing: line), let readings = batch["readings"]?.array
    else { return false }
    let rows = expected[found].rows
    let isRight =
      batch["stream"]?.string == expected[found].stream && batch["first"]?.unsignedInteger == rows.lowerBound
      && batch["last"]?.unsignedInteger == rows.upperBound && readings.count == rows.count
      && readings.first?["seq"]?.unsignedInteger == rows.lowerBound
      && readings.last?["seq"]?.unsignedInteger == rows.upperBound
    guard isRight else { return false }
    found += 1
    // Times have one form, whose order is that of the texts.
    for time in readings.compactMap({ $0["time"]?.string }) {
      if from.map({ time < $0 }) ?? true { from = time }
      if to.map({ time > $0 }) ?? true { to = time }
    }
    return true
  }
}
