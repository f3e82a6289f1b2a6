package import GatewayCore
internal import GatewaySystem
private import Glibc
internal import Synchronization

/// The rows that platforms refuse, in a file of the state directory: one JSON object a line, so that a person can
/// read it without us. Lines that make no sense to us are kept as they are. Thread-safe.
package final class QuarantineFile: Sendable {
  private struct Content {
    var entries: [QuarantineEntry] = []
    var foreign: [String] = []
    /// Why the file cannot be used.
    var trouble: String?
  }

  package static let name = "quarantine"
  /// More of it means that a platform refuses everything.
  package static let mostBytes = 4 << 20

  private let path: String?
  private let name: String
  private let content = Mutex(Content())

  /// Without a directory rows are kept for as long as the process lives.
  init(directory: String?, name: String? = nil) {
    self.name = name ?? Self.name
    path = directory.map { [name = self.name] in "\($0)/\(name)" }
    content.withLock { Self.read(path, into: &$0) }
  }

  private static func read(_ path: String?, into content: inout Content) {
    guard let path, access(path, F_OK) == 0 else { return }
    do throws(SystemError) {
      let bytes = try readFile(path, limit: 2 * mostBytes)
      // A line without an end was never promised to anybody.
      for line in bytes.split(separator: 10, omittingEmptySubsequences: false).dropLast() where !line.isEmpty
      {
        if let entry = QuarantineLine.entry(line) {
          content.entries.append(entry)
        } else {
          content.foreign.append(String(decoding: line, as: UTF8.self))
        }
      }
    } catch {
      content.trouble = "\(error)"
    }
  }

  package var entries: [QuarantineEntry] { content.withLock { $0.entries } }

  /// What a person should know of the file; nil: it is as it should be.
  var note: String? {
    content.withLock { content in
      if let trouble = content.trouble { return trouble }
      let count = content.foreign.count
      if count == 0 { return nil }
      return "\(count) lines of \"\(name)\" are damaged: they are left as they are, for a person to read"
    }
  }

  /// See `Quarantine.keep`.
  package func keep(_ row: QuarantinedRow, from destination: String) -> String? {
    change { content in
      content.entries.removeAll { $0.destination == destination && $0.row.isSame(as: row) }
      content.entries.append(QuarantineEntry(destination: destination, row: row, isRetried: false))
    }
  }

  /// The row is to be sent again. What is wrong where that cannot be put on record.
  package func retry(_ row: QuarantinedRow, at destination: String) -> String? {
    change { content in
      for place in content.entries.indices
      where content.entries[place].destination == destination && content.entries[place].row.isSame(as: row) {
        content.entries[place].isRetried = true
      }
    }
  }

  /// Forgets what `isGone` says. What is wrong where that cannot be put on record.
  package func remove(where isGone: (QuarantineEntry) -> Bool) -> String? {
    change { $0.entries.removeAll(where: isGone) }
  }

  /// Writes the file anew: what changes here does so by hand, or row by row.
  private func change(_ change: (inout Content) -> Void) -> String? {
    content.withLock { content in
      var next = content
      change(&next)
      if next.entries == content.entries { return nil }
      if let trouble = content.trouble { return trouble }
      let lines = next.foreign + next.entries.map(QuarantineLine.text)
      let bytes: [UInt8] = lines.flatMap { Array($0.utf8) + [10] }
      guard bytes.count <= Self.mostBytes || next.entries.count < content.entries.count else {
        return "the quarantine is full: see gatewayctl quarantine"
      }
      if let path {
        do throws(SystemError) { try replaceFile(path, by: bytes) } catch { return "\(error)" }
      }
      content = next
      return nil
    }
  }
}
