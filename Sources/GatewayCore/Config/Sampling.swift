/// How often a point is read and what leaves of it. The nearest statement counts: point, device, `defaults`,
/// then the values here.
struct Sampling {
  var every: Duration = .seconds(1)
  var window: Window = .tumbling(seconds: 60)
  var functions: WindowFunctions = .standard

  func overridden(by keys: inout MappingReader) -> Sampling {
    Sampling(
      every: keys.optional("every", .duration("10ms", "24h")) ?? every,
      window: keys.optional("window", Self.windowForm) ?? window,
      functions: Self.functions(&keys) ?? functions)
  }

  private static var windowForm: ScalarForm<Window> {
    ScalarForm(
      "raw, or whole seconds from 1s to 24h",
      nearest: { text in
        if let seconds = wholeNumber(text), 1...86_400 ~= seconds { return "\(seconds)s" }
        return nearestWord(to: text, in: ["raw"])
      },
      parse: { text, _ in
        if text == "raw" { return .raw }
        guard let length = Duration(configText: text) else { return nil }
        let (seconds, rest) = length.microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return rest == 0 && 1...86_400 ~= seconds ? .tumbling(seconds: UInt32(seconds)) : nil
      })
  }

  private static func functions(_ keys: inout MappingReader) -> WindowFunctions? {
    guard let node = keys.take("functions") else { return nil }
    guard case .sequence(let elements) = node.content, !elements.isEmpty else {
      let what = if case .sequence = node.content { "an empty one" } else { node.summary }
      keys.log.add(node, "\"functions\" should be a list such as [mean, min, max], not \(what)")
      return nil
    }
    var functions: WindowFunctions = []
    for element in elements {
      guard let function = keys.read(element, "functions", functionForm) else { continue }
      if functions.contains(function) {
        keys.log.add(element, "\(element.summary) stands twice in \"functions\"; once is enough")
      }
      functions.insert(function)
    }
    return functions
  }

  private static var functionForm: ScalarForm<WindowFunctions> {
    .word(
      WindowFunctions.words.map { ("\($0.word)", $0.function) },
      synonyms: [
        "std": "stddev", "sd": "stddev", "sigma": "stddev", "avg": "mean", "average": "mean", "first": "last",
        "total": "sum", "n": "count",
      ])
  }
}
