// Columns of text. Promises: no line is wider than asked for; the first column gives way.

/// One cell: its text, free of control characters, and its ink.
struct TextCell {
  var text: String
  var ink: Terminal.Ink = .plain

  init(_ text: String, _ ink: Terminal.Ink = .plain) {
    self.text = text.plain
    self.ink = ink
  }
}

struct TextTable {
  enum Alignment { case left, right }

  private let alignments: [Alignment]
  private var rows: [[TextCell]] = []
  /// Lines that stand below a row across all columns.
  private var notes: [Int: [TextCell]] = [:]

  init(_ alignments: [Alignment]) { self.alignments = alignments }

  mutating func append(_ row: [TextCell]) {
    precondition(row.count == alignments.count, "BUG: a row of \(row.count) cells")
    rows.append(row)
  }

  /// Adds a line below the last row; wrapped where it is too long.
  mutating func appendNote(_ cell: TextCell) { notes[rows.count - 1, default: []].append(cell) }

  func lines(_ terminal: Terminal, indent: Int = 2) -> [String] {
    let widths = fit(terminal.width - indent)
    var lines: [String] = []
    let margin = String(repeating: " ", count: indent)
    for (index, row) in rows.enumerated() {
      lines.append(margin + line(row, widths, terminal))
      for note in notes[index] ?? [] {
        for text in note.text.wrapped(terminal.width - indent - 2) {
          lines.append(margin + "  " + terminal.paint(text, note.ink))
        }
      }
    }
    return lines
  }

  /// The widest cell of each column; when they are too wide together the first column is cut, down to eight
  /// characters, then whichever is the widest.
  private func fit(_ room: Int) -> [Int] {
    var widths = alignments.indices.map { column in rows.map { $0[column].text.count }.max() ?? 0 }
    let gaps = widths.dropFirst().count { $0 > 0 }
    var excess = widths.reduce(gaps, +) - room
    let cut = min(max(excess, 0), max(widths[0] - 8, 0))
    widths[0] -= cut
    excess -= cut
    while excess > 0, let widest = widths.indices.max(by: { widths[$0] < widths[$1] }), widths[widest] > 1 {
      widths[widest] -= 1
      excess -= 1
    }
    return widths
  }

  private func line(_ row: [TextCell], _ widths: [Int], _ terminal: Terminal) -> String {
    var line = ""
    // Blanks are held back until something follows, so that no line ends with them.
    var blanks = 0
    for (column, cell) in row.enumerated() where widths[column] > 0 {
      if column > 0 { blanks += 1 }
      let text = cell.text.cut(widths[column])
      let padding = widths[column] - text.count
      if alignments[column] == .right { blanks += padding }
      if !text.isEmpty {
        line += String(repeating: " ", count: blanks) + terminal.paint(text, cell.ink)
        blanks = 0
      }
      if alignments[column] == .left { blanks += padding }
    }
    return line
  }
}
