// What `gatewayctl export` says when it is done.
package import GatewayCore

package struct ExportSummary: Equatable, Sendable {
  /// nil where there was nothing to write.
  package var file: String?
  package var rows: UInt64 = 0
  package var batches = 0
  package var streams = 0
  /// Of the file.
  package var bytes = 0
  /// The times of the first and the last reading, as they stand in the file.
  package var from: String?
  package var to: String?
  /// Rows that the medium did not give back.
  package var lost: UInt64 = 0
  /// nil where nothing was to be marked.
  package var marked: UInt64?
  /// Rows that were not marked: their numbers are another stream's by now.
  package var refused: UInt64 = 0

  package init() {}

  package var json: JSONValue {
    var members: [String: JSONValue] = [
      "file": file.map(JSONValue.string) ?? .null, "rows": ControlMessage.count(rows),
      "batches": .signed(Int64(batches)), "streams": .signed(Int64(streams)), "bytes": .signed(Int64(bytes)),
      "from": from.map(JSONValue.string) ?? .null, "to": to.map(JSONValue.string) ?? .null,
      "lost": ControlMessage.count(lost), "refused": ControlMessage.count(refused),
    ]
    if let marked { members["marked"] = ControlMessage.count(marked) }
    return .object(members)
  }

  /// Each line ended.
  package func text(_ terminal: Terminal) -> String {
    var lines: [String] = []
    func add(_ sentence: String, _ ink: Terminal.Ink = .plain) {
      for line in sentence.plain.wrapped(terminal.width - 2) {
        lines.append("  " + terminal.paint(line, ink))
      }
    }
    if let file {
      lines.append(file.plain)
      let size = Quantities.size(UInt64(clamping: bytes))
      add("\(Quantities.grouped(rows)) rows, \(batches) batches, \(Self.streams(streams)), \(size)")
      if let from, let to { add("from \(from) to \(to)") }
      add("synchronised, read back and found complete", .good)
    } else {
      lines.append("no row is undelivered; nothing was written")
    }
    if lost > 0 { add("\(Quantities.grouped(lost)) rows could not be read from the store", .doubtful) }
    if let marked { add("\(Quantities.grouped(marked)) rows marked as delivered") }
    if refused > 0 {
      add("\(Quantities.grouped(refused)) rows not marked: they are not stored any more", .doubtful)
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func streams(_ count: Int) -> String { count == 1 ? "1 stream" : "\(count) streams" }
}
