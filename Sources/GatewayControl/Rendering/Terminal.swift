// Where text goes to: how wide it is, and whether it takes colour. Promises that nothing which came from
// elsewhere can steer a terminal: `plain` leaves no control character.

/// How text is to look.
package struct Terminal: Equatable, Sendable {
  /// Columns, 40 … 100.
  package let width: Int
  package let isColoured: Bool

  /// What a phone held upright shows, and what a pipe gets.
  package static let narrow = Terminal(width: 46, isColoured: false)

  package init(width: Int, isColoured: Bool) {
    self.width = min(max(width, 40), 100)
    self.isColoured = isColoured
  }

  /// Whether there is room for more than the necessary.
  var isWide: Bool { width >= 70 }

  package enum Ink: Sendable { case plain, heading, good, doubtful, bad, faint }

  func paint(_ text: String, _ ink: Ink) -> String {
    guard isColoured, !text.isEmpty else { return text }
    // Select Graphic Rendition (ECMA-48, 8.3.117).
    let code =
      switch ink {
      case .plain: ""
      case .heading: "1"
      case .good: "32"
      case .doubtful: "33"
      case .bad: "1;31"
      case .faint: "2"
      }
    return code.isEmpty ? text : "\u{1B}[\(code)m\(text)\u{1B}[0m"
  }
}

extension String {
  /// Without control characters, line separators and marks that turn the writing direction.
  package var plain: String {
    String(String.UnicodeScalarView(unicodeScalars.filter { !$0.steers }))
  }

  /// Cut to `width` characters, the last of them then an ellipsis.
  func cut(_ width: Int) -> String {
    count <= width ? self : String(prefix(max(width - 1, 0))) + "…"
  }

  /// Broken at spaces into lines of at most `width` characters; a longer word is cut.
  func wrapped(_ width: Int) -> [String] {
    var lines: [String] = []
    for word in split(separator: " ").map({ String($0).cut(width) }) {
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(word)
      }
    }
    return lines
  }
}

extension Unicode.Scalar {
  fileprivate var steers: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
    default: false
    }
  }
}
