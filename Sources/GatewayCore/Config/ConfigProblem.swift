/// One mistake in the configuration, at its place; printed as `file:line:column: sentence`.
package struct ConfigProblem: Error, Equatable, Comparable, Sendable {
  /// Both count from 1.
  package var line: Int
  package var column: Int
  /// What is wrong, and what would be right.
  package var sentence: String
  /// The file's name where it is not the configuration itself.
  package var file: String?

  package init(line: Int, column: Int, sentence: String, file: String? = nil) {
    self.line = line
    self.column = column
    self.sentence = sentence
    self.file = file
  }

  package static func < (left: Self, right: Self) -> Bool {
    // No file's name is empty: those of the configuration itself come first.
    (left.file ?? "", left.line, left.column, left.sentence)
      < (right.file ?? "", right.line, right.column, right.sentence)
  }

  /// `file` is the configuration's name.
  package func text(file: String) -> String { "\(self.file ?? file):\(line):\(column): \(sentence)" }
}
