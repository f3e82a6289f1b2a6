/// One mistake in the configuration, at its place; printed as `file:line:column: sentence`.
package struct ConfigProblem: Error, Equatable, Comparable, Sendable {
  /// Both count from 1.
  package var line: Int
  package var column: Int
  /// What is wrong, and what would be right.
  package var sentence: String

  package init(line: Int, column: Int, sentence: String) {
    self.line = line
    self.column = column
    self.sentence = sentence
  }

  package static func < (left: Self, right: Self) -> Bool {
    (left.line, left.column, left.sentence) < (right.line, right.column, right.sentence)
  }

  package func text(file: String) -> String { "\(file):\(line):\(column): \(sentence)" }
}
