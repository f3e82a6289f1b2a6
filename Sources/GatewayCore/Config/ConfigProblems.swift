/// Everything that is wrong with one configuration and its profiles, in the order of the files; never empty.
package struct ConfigProblems: Error, Equatable, CustomStringConvertible, Sendable {
  /// The file's name as the operator gave it.
  package let file: String
  package let list: [ConfigProblem]

  /// Sorts, and drops what was said twice.
  package init(file: String, _ problems: [ConfigProblem]) {
    precondition(!problems.isEmpty, "BUG: a refusal without a reason")
    self.file = file
    var sorted: [ConfigProblem] = []
    for problem in problems.sorted() where sorted.last != problem { sorted.append(problem) }
    list = sorted
  }

  /// One line for each problem, `file:line:column: sentence`, without a line break at the end.
  package var description: String { list.map { $0.text(file: file) }.joined(separator: "\n") }
}

/// Where the checks of one file leave what they find. Used by one thread.
package final class ProblemLog {
  package private(set) var problems: [ConfigProblem] = []

  package init() {}

  package func add(_ node: ConfigNode, _ sentence: String) {
    add(ConfigProblem(line: node.line, column: node.column, sentence: sentence, file: node.file))
  }

  package func add(_ problem: ConfigProblem) { problems.append(problem) }
}

/// A text of the file as a sentence may repeat it: in quotes, short, without control characters.
package func quoted(_ text: String) -> String {
  var result = "\""
  for (count, character) in text.unicodeScalars.enumerated() {
    if count == 60 {
      result += "…"
      break
    }
    let isPrintable =
      switch character.properties.generalCategory {
      case .control, .format, .surrogate, .lineSeparator, .paragraphSeparator, .unassigned: false
      default: true
      }
    if isPrintable { result.unicodeScalars.append(character) } else { result += "?" }
  }
  return result + "\""
}

/// `; did you mean "word"?`, or nothing.
package func suggestion(_ word: String?) -> String {
  word.map { "; did you mean \(quoted($0))?" } ?? ""
}

/// `a, b or c`
package func alternatives(_ words: [String]) -> String {
  guard words.count > 1, let last = words.last else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " or " + last
}
