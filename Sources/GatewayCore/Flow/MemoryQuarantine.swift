internal import Synchronization

/// For a process whose rows end with it.
package final class MemoryQuarantine: Quarantine {
  private let kept = Mutex<[QuarantinedRow]>([])

  package init() {}

  package var rows: [QuarantinedRow] { kept.withLock { $0 } }

  package func keep(_ row: QuarantinedRow) -> String? {
    kept.withLock { rows in
      rows.removeAll { $0.seq == row.seq && $0.stream == row.stream }
      rows.append(row)
    }
    return nil
  }
}
