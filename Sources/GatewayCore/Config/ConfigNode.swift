/// A YAML document as a tree in which every node knows its place in its file. Made by `YAMLReader`, consumed
/// by `ConfigCheck` and by the simulator's description files.
package struct ConfigNode: Equatable, Sendable {
  package enum Content: Equatable, Sendable {
    /// A scalar's text. `isPlain` is false when it stood in quotes, and then it is always a string.
    case scalar(String, isPlain: Bool)
    case sequence([ConfigNode])
    /// In the order of the file; keys may repeat, `ConfigCheck` reports it.
    case mapping([(key: ConfigNode, value: ConfigNode)])

    package static func == (left: Self, right: Self) -> Bool {
      switch (left, right) {
      case (.scalar(let one, let plain), .scalar(let other, let otherPlain)):
        one == other && plain == otherPlain
      case (.sequence(let one), .sequence(let other)): one == other
      case (.mapping(let one), .mapping(let other)):
        one.count == other.count && zip(one, other).allSatisfy { $0.key == $1.key && $0.value == $1.value }
      default: false
      }
    }
  }

  package var content: Content
  /// Both count from 1.
  package var line: Int
  package var column: Int
  /// The file's name where it is not the configuration itself but a profile that it asks for.
  package var file: String?

  package init(_ content: Content, line: Int, column: Int, file: String? = nil) {
    self.content = content
    self.line = line
    self.column = column
    self.file = file
  }
}

extension ConfigNode {
  /// The value of the first entry with that key; nil where this is no mapping.
  package subscript(key: String) -> ConfigNode? { entries.first { $0.key.text == key }?.value }

  /// A scalar's text.
  package var text: String? { if case .scalar(let text, _) = content { text } else { nil } }

  package var elements: [ConfigNode]? {
    if case .sequence(let elements) = content { elements } else { nil }
  }

  /// Those of a mapping; none where this is something else.
  package var entries: [(key: ConfigNode, value: ConfigNode)] {
    if case .mapping(let entries) = content { entries } else { [] }
  }
}
