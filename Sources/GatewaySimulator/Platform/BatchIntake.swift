internal import GatewayCore
internal import GatewaySystem

/// One post made into a checked batch: headers, unpacking, scanning. Owned by the platform's thread.
final class BatchIntake {
  enum Refusal: Error {
    case status(Int, String)
  }

  private let isStrict: Bool
  private let keepsRows: Bool
  private let inflater = Inflater()
  private var plain = ByteBuffer(capacity: 1 << 20)

  /// - Parameter keepsRows: whether `rows` is wanted.
  init(isStrict: Bool, keepsRows: Bool) {
    self.isStrict = isStrict
    self.keepsRows = keepsRows
  }

  struct Batch {
    var summary: BatchSummary
    /// Bytes after unpacking.
    var size: Int
    /// The text of each row in order; empty unless asked for.
    var rows: [String]
  }

  func read(_ request: HTTPRequest) throws(Refusal) -> Batch {
    guard request.method == "POST" else { throw .status(405, "batches are posted") }
    let type = request.header("Content-Type") ?? ""
    guard type == "application/json" || type.hasPrefix("application/json;") else {
      throw .status(415, "a batch is application/json")
    }
    let isGzip = try isGzip(request)
    return try request.body.withBytes { bytes throws(Refusal) in
      try read(bytes, isGzip: isGzip, key: request.header("Idempotency-Key"))
    }
  }

  func read(_ body: UnsafeRawBufferPointer, isGzip: Bool, key given: String?) throws(Refusal) -> Batch {
    let batch: Batch
    if isGzip {
      try unpack(body)
      batch = try plain.withBytes { bytes throws(Refusal) in try scan(bytes) }
    } else {
      batch = try scan(body)
    }
    let key = "\"\(batch.summary.stream)-\(batch.summary.first)-\(batch.summary.last)\""
    guard given == key else { throw .status(400, "the Idempotency-Key is not \(key)") }
    return batch
  }

  private func isGzip(_ request: HTTPRequest) throws(Refusal) -> Bool {
    switch request.header("Content-Encoding") {
    case nil: return false
    case "gzip": return true
    default: throw .status(415, "a batch is plain or gzip")
    }
  }

  /// The body, unpacked.
  func plainBody(of request: HTTPRequest) throws(Refusal) -> [UInt8] {
    guard request.method == "POST" else { throw .status(405, "batches are posted") }
    guard try isGzip(request) else { return request.body.copyBytes() }
    try request.body.withBytes { bytes throws(Refusal) in try unpack(bytes) }
    return plain.copyBytes()
  }

  private func unpack(_ bytes: UnsafeRawBufferPointer) throws(Refusal) {
    do throws(Inflater.Problem) { try inflater.inflate(bytes, into: &plain) } catch {
      switch error {
      case .notGzip: throw .status(400, "not gzip")
      case .tooLong: throw .status(413, "more than \(Inflater.limit) bytes")
      }
    }
  }

  private func scan(_ bytes: UnsafeRawBufferPointer) throws(Refusal) -> Batch {
    do throws(BatchProblem) {
      if isStrict { _ = try StrictBatch.check(bytes) }
      var scanner = BatchScanner(bytes, keepsRows: keepsRows)
      let summary = try scanner.scan()
      let rows = scanner.rows.map { Self.line(bytes[$0]) }
      return Batch(summary: summary, size: bytes.count, rows: rows)
    } catch {
      throw .status(400, error.description)
    }
  }

  /// Line ends between the members become spaces; inside strings JSON has none.
  private static func line(_ row: Slice<UnsafeRawBufferPointer>) -> String {
    guard row.contains(where: { $0 < 0x20 }) else { return String(decoding: row, as: UTF8.self) }
    return String(decoding: row.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
  }
}
