/// How often a point is read and what leaves of it. The nearest statement counts: point, device, `defaults`,
/// then the values here.
struct Sampling {
  var every: Duration = .seconds(1)
  var window: Window = .tumbling(seconds: 60)
  var functions: WindowFunctions = .standard

  func overridden(by keys: inout MappingReader) -> Sampling {
    Sampling(
      every: keys.optional("every", .duration("10ms", "24h")) ?? every,
      window: Self.window(&keys) ?? window,
      functions: Self.functions(&keys) ?? functions)
  }

  /// A length, or `{length: 10m, slide: 1m}`.
  private static func window(_ keys: inout MappingReader) -> Window? {
    guard let node = keys.take("window") else { return nil }
    guard case .mapping = node.content else { return keys.read(node, "window", windowForm) }
    var inner = MappingReader(node, "\"window\"", keys.log)
    let length = inner.require("length", wholeSeconds)
    let slide = inner.require("slide", wholeSeconds)
    inner.finish()
    guard let length, let slide else { return nil }
    guard length % slide == 0, 2...mostPanes ~= length / slide else {
      keys.log.add(
        node,
        "\"length\" should be 2 to \(mostPanes) times \"slide\", without a rest, not \(length) s and \(slide) s"
      )
      return nil
    }
    return .sliding(seconds: UInt32(length), slide: UInt32(slide))
  }

  private static var wholeSeconds: ScalarForm<Int64> {
    ScalarForm<Duration>.duration("1s", "24h").map("whole seconds from 1s to 24h") { duration in
      let (seconds, rest) = duration.microseconds.quotientAndRemainder(dividingBy: 1_000_000)
      return rest == 0 ? seconds : nil
    }
  }

  /// Each is kept until the window has passed it.
  private static let mostPanes: Int64 = 60

  private static var windowForm: ScalarForm<Window> {
    ScalarForm(
      "raw, whole seconds from 1s to 24h, or {length: 10m, slide: 1m}",
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
        "std": "stddev", "sd": "stddev", "sigma": "stddev", "avg": "mean", "average": "mean", "median": "p50",
        "total": "sum", "n": "count", "duration": "durations", "delta": "increase", "increment": "increase",
        "time-weighted-mean": "twmean", "vector-mean": "vmean", "p95": "p99",
      ])
  }

  /// What fits a point of `kind`: functions that it states itself must, those of its device or of `defaults` are
  /// left out where they do not.
  func fitting(_ kind: PointKind, _ keys: inout MappingReader, isPrivate: Bool) -> WindowFunctions {
    let unfit = Self.unfit(for: kind, isPrivate: isPrivate)
    guard window != .raw else { return functions }
    guard let node = keys.take("functions") else {
      let usual = kind == .direction ? [.vectorMean, .last, .count] : functions
      let fitting = usual.subtracting(unfit.reduce(into: []) { $0.formUnion($1.functions) })
      return fitting.isEmpty ? .count : fitting
    }
    for (wrong, reason) in unfit where !functions.isDisjoint(with: wrong) {
      let words = WindowFunctions.words.filter { functions.intersection(wrong).contains($0.function) }
      keys.log.add(node, "\(words.map { "\($0.word)" }.joined(separator: ", ")): \(reason)")
    }
    return functions
  }

  private static func unfit(
    for kind: PointKind, isPrivate: Bool
  ) -> [(functions: WindowFunctions, reason: String)] {
    var unfit: [(WindowFunctions, String)] = []
    if kind != .counter { unfit.append(([.increase, .rate], "only a point with \"kind: counter\" counts")) }
    if kind != .state { unfit.append((.durations, "only a point with \"kind: state\" has states")) }
    if kind != .direction {
      unfit.append((.vectorMean, "only a point with \"kind: direction\" has one, in degrees"))
    } else {
      let wrong: WindowFunctions = [.mean, .sum, .standardDeviation, .timeWeightedMean, .percentiles, .range]
      unfit.append((wrong, "the mean of directions is \"vmean\""))
    }
    if isPrivate {
      let readings: WindowFunctions = [.first, .last, .min, .max]
      unfit.append((readings, "these are readings, which \"publish: aggregate\" keeps back"))
    }
    return unfit
  }
}
