internal import Synchronization

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
    let found: Row? = commit.payload.withUnsafeBytes { bytes in
      var decoder = RowDecoder(bytes, rowCount: commit.rowCount)
      var row: Row?
      for _ in commit.firstSeq...refusal.seq { row = try? decoder.next() }
      return row
    }
    guard refusal.seq <= commit.lastSeq, var row = found, row.point < catalogue.points.count else { return nil }
    let point = catalogue.points[Int(row.point)]
    row.point = PointIndex(0)
    self.init(
      seq: refusal.seq, stream: commit.stream, boot: commit.boot, cause: refusal.cause, row: row,
      catalogue: Catalogue(points: [point]))
  }
}

/// Where rows go that a platform refuses for ever, until a person decides. Thread-safe.
package protocol Quarantine: AnyObject, Sendable {
  /// Durable when it returns; keeping a row again changes nothing. What is wrong, in a sentence, where it cannot be
  /// kept.
  func keep(_ row: QuarantinedRow, from destination: String) -> String?
}

/// For a process that ends with its rows.
package final class MemoryQuarantine: Quarantine {
  private let rows = Mutex<[String: [QuarantinedRow]]>([:])

  package init() {}

  package func rows(of destination: String) -> [QuarantinedRow] { rows.withLock { $0[destination] ?? [] } }

  package func keep(_ row: QuarantinedRow, from destination: String) -> String? {
    rows.withLock { rows in
      if rows[destination]?.contains(where: { $0.seq == row.seq && $0.stream == row.stream }) != true {
        rows[destination, default: []].append(row)
      }
    }
    return nil
  }
}
