internal import GatewayCore

/// What the field's description file is read with: each word is taken or refused at its place.
extension ConfigNode {
  func problem(_ sentence: String) -> ConfigProblem {
    ConfigProblem(line: line, column: column, sentence: sentence)
  }

  /// The members of a mapping that has no other keys than `known`.
  func members(_ known: Set<String>) throws(ConfigProblem) -> [String: ConfigNode] {
    guard case .mapping(let pairs) = content else { throw problem("a mapping should stand here") }
    var members: [String: ConfigNode] = [:]
    for pair in pairs {
      let key = try pair.key.text()
      guard known.contains(key) else {
        throw pair.key.problem("unknown key \"\(key)\"; known: \(known.sorted().joined(separator: ", "))")
      }
      guard members.updateValue(pair.value, forKey: key) == nil else {
        throw pair.key.problem("\"\(key)\" stands twice")
      }
    }
    return members
  }

  func elements() throws(ConfigProblem) -> [ConfigNode] {
    guard case .sequence(let nodes) = content else { throw problem("a list should stand here") }
    return nodes
  }

  func text() throws(ConfigProblem) -> String {
    guard case .scalar(let text, _) = content else { throw problem("a word should stand here") }
    return text
  }

  func number() throws(ConfigProblem) -> Double {
    guard let number = Double(try text()), number.isFinite else {
      throw problem("a number should stand here")
    }
    return number
  }

  /// Decimal, or hexadecimal after `0x`.
  func whole(_ range: ClosedRange<Int>) throws(ConfigProblem) -> Int {
    let text = try text()
    let number = text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
    guard let number, range.contains(number) else {
      throw problem("a whole number from \(range.lowerBound) to \(range.upperBound) should stand here")
    }
    return number
  }

  /// In the configuration's notation.
  func duration() throws(ConfigProblem) -> Duration {
    guard let duration = Duration(configText: try text()) else {
      throw problem("a duration such as 250ms or 5s should stand here")
    }
    return duration
  }
}
