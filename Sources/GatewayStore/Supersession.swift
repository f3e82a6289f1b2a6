internal import GatewayCore

/// What a summary's record says of itself: which rows it stands for. `StoreFormat` states the bytes.
struct Supersession: Equatable {
  private static let runSize = 16
  private static let countSize = 2

  var rows: RangeSet<UInt64>
  var summary: ClosedRange<UInt64>
  /// That describes the summary's rows.
  var catalogueID: UInt32

  init(rows: RangeSet<UInt64>, summary: ClosedRange<UInt64>, catalogueID: UInt32) {
    self.rows = rows
    self.summary = summary
    self.catalogueID = catalogueID
  }

  /// nil where the numbers contradict each other: a summary stands for older rows.
  init?(of record: RecordHeader, _ payload: UnsafeRawBufferPointer) {
    guard record.rowCount > 0, payload.count >= Self.countSize else { return nil }
    let count = Int(payload.number(UInt16.self, at: payload.count - Self.countSize))
    let start = payload.count - Self.countSize - count * Self.runSize
    guard count > 0, start >= 0 else { return nil }
    rows = RangeSet()
    summary = record.firstSeq...record.lastSeq
    catalogueID = record.catalogueID
    for place in 0..<count {
      let lower = payload.number(UInt64.self, at: start + place * Self.runSize)
      let upper = payload.number(UInt64.self, at: start + place * Self.runSize + 8)
      guard lower >= 1, lower < upper, upper <= record.firstSeq else { return nil }
      rows.insert(contentsOf: lower..<upper)
    }
  }

  /// Goes behind the rows of a summary.
  static func append(_ rows: RangeSet<UInt64>, to payload: inout ByteBuffer) {
    for run in rows.ranges {
      payload.append(fixed: run.lowerBound)
      payload.append(fixed: run.upperBound)
    }
    payload.append(fixed: UInt16(rows.ranges.count))
  }
}
