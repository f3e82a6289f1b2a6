/// Reads one mapping of the file key by key and reports whatever does not fit: wrong types, missing keys,
/// keys that stand twice and, when `finish` is called, keys that nobody asked for. What cannot be read comes
/// back as nil, so that reading goes on and every problem is found.
package struct MappingReader {
  /// What the mapping is, with its article: `a point`.
  package let noun: String
  package let node: ConfigNode
  package let log: ProblemLog
  private var entries: [String: (key: ConfigNode, value: ConfigNode)] = [:]
  private var order: [String] = []
  private var known: [String] = []
  private var refused: [String] = []

  package init(_ node: ConfigNode, _ noun: String, _ log: ProblemLog) {
    self.noun = noun
    self.node = node
    self.log = log
    guard case .mapping(let pairs) = node.content else {
      log.add(node, "\(noun) should be a mapping (key: value), not \(node.summary)")
      return
    }
    for pair in pairs {
      guard case .scalar(let key, _) = pair.key.content else {
        log.add(pair.key, "a key of \(noun) should be a word, not \(pair.key.summary)")
        continue
      }
      if let first = entries[key] {
        log.add(pair.key, "the key \(quoted(key)) of \(noun) stands twice, first in line \(first.key.line)")
      } else {
        entries[key] = pair
        order.append(key)
      }
    }
  }

  /// Where there is no mapping at all, which has been said, nothing more is missing.
  private func reportMissing(_ key: String) {
    if case .mapping = node.content { log.add(node, "\(noun) needs the key \(quoted(key))") }
  }

  /// The value of an optional key.
  package mutating func take(_ key: String) -> ConfigNode? {
    if !known.contains(key) { known.append(key) }
    return entries[key]?.value
  }

  /// The value of a key that must be there.
  package mutating func require(_ key: String) -> ConfigNode? {
    if entries[key] == nil { reportMissing(key) }
    return take(key)
  }

  package mutating func optional<Value>(_ key: String, _ form: ScalarForm<Value>) -> Value? {
    take(key).flatMap { read($0, key, form) }
  }

  package mutating func require<Value>(_ key: String, _ form: ScalarForm<Value>) -> Value? {
    require(key).flatMap { read($0, key, form) }
  }

  /// Elements of an optional list.
  package mutating func list(_ key: String) -> [ConfigNode] {
    guard let node = take(key) else { return [] }
    guard case .sequence(let elements) = node.content else {
      log.add(node, "\(quoted(key)) should be a list, not \(node.summary)")
      return []
    }
    return elements
  }

  /// The reader of an optional mapping within this one.
  package mutating func mapping(_ key: String) -> MappingReader? {
    take(key).map { MappingReader($0, quoted(key), log) }
  }

  /// Reports `sentence` at a key that should not be there; whether it was. Such a key is never suggested.
  @discardableResult
  package mutating func refuse(_ key: String, _ sentence: String) -> Bool {
    refused.append(key)
    guard let key = entries[key]?.key else { return false }
    log.add(key, sentence)
    return true
  }

  package func read<Value>(_ node: ConfigNode, _ key: String, _ form: ScalarForm<Value>) -> Value? {
    guard case .scalar(let text, let isPlain) = node.content else {
      log.add(node, "\(quoted(key)) should be \(form.expectation), not \(node.summary)")
      return nil
    }
    if let value = form.parse(text, isPlain) { return value }
    var sentence = "\(quoted(key)) should be \(form.expectation), not \(node.summary)"
    if !isPlain, form.parse(text, true) != nil {
      sentence += "; leave the quotes out"
    } else {
      sentence += suggestion(form.nearest(text))
    }
    log.add(node, sentence)
    return nil
  }

  /// Reports the keys that nobody took. To be called last.
  package func finish() {
    for key in order where !known.contains(key) && !refused.contains(key) {
      guard let node = entries[key]?.key else { continue }
      let near = nearestWord(to: key, in: known)
      let advice = near == nil ? "; its keys are \(known.joined(separator: ", "))" : suggestion(near)
      log.add(node, "\(quoted(key)) is not a key of \(noun)\(advice)")
    }
  }
}

extension ConfigNode {
  /// What stands there, as a sentence says it behind `not`.
  package var summary: String {
    switch content {
    case .scalar("", true): "nothing"
    case .scalar(let text, true): quoted(text)
    case .scalar(let text, false): "the text \(quoted(text))"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }
}
