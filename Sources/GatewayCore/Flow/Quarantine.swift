/// A row that a platform refuses for ever, with all that is needed to send it again in any format.
package struct QuarantinedRow: Equatable, Sendable {
  package var seq: UInt64
  package var stream: StreamID
  package var boot: BootID
  /// The platform's answer, in one line.
  package var cause: String
  /// The row alone, its point being the first of `catalogue`.
  package var row: Row
  package var catalogue: Catalogue

  package init(
    seq: UInt64, stream: StreamID, boot: BootID, cause: String, row: Row, catalogue: Catalogue
  ) {
    self.seq = seq
    self.stream = stream
    self.boot = boot
    self.cause = cause
    self.row = row
    self.catalogue = catalogue
  }

  /// nil where the commit does not hold the row, or its point.
  package init?(_ refusal: RowRefusal, in commit: StoredCommit, _ catalogue: Catalogue) {
    guard refusal.seq >= commit.firstSeq, refusal.seq <= commit.lastSeq else { return nil }
    let found: Row? = commit.payload.withUnsafeBytes { bytes in
      var decoder = RowDecoder(bytes, rowCount: commit.rowCount)
      var row: Row?
      for _ in commit.firstSeq...refusal.seq { row = try? decoder.next() }
      return row
    }
    guard var row = found, row.point < catalogue.points.count else { return nil }
    let point = catalogue.points[Int(row.point)]
    row.point = PointIndex(0)
    self.init(
      seq: refusal.seq, stream: commit.stream, boot: commit.boot, cause: refusal.cause, row: row,
      catalogue: Catalogue(points: [point]))
  }

  /// A commit of this row alone, as a queue gives it out.
  package var commit: StoredCommit {
    var encoder = RowEncoder()
    encoder.append(row)
    return StoredCommit(
      firstSeq: seq, rowCount: 1, catalogueID: catalogue.id, boot: boot, payload: encoder.bytes.copyBytes(),
      stream: stream)
  }
}

extension QuarantinedRow {
  package func isSame(as other: QuarantinedRow) -> Bool { seq == other.seq && stream == other.stream }
}

package struct QuarantineEntry: Equatable, Sendable {
  package var destination: String
  package var row: QuarantinedRow
  /// A person asked for it to be sent again.
  package var isRetried: Bool

  package init(destination: String, row: QuarantinedRow, isRetried: Bool) {
    self.destination = destination
    self.row = row
    self.isRetried = isRetried
  }
}

/// Where rows go that a platform refuses for ever, until a person decides. Thread-safe.
package protocol Quarantine: AnyObject, Sendable {
  /// Durable when it returns; a row that is here already gets the new cause. What is wrong, in a sentence, where it
  /// cannot be kept.
  func keep(_ row: QuarantinedRow) -> String?
}
