/// `qc:` of a point: QARTOD's tests.
extension TreatmentCheck {
  func tests(_ keys: inout MappingReader, of point: PointConfig) -> QualityTests {
    guard let node = keys.take("qc") else { return QualityTests() }
    if point.field?.words.isEmpty == false {
      log.add(node, "\"qc\" tests numbers; the values of this point are words, which \"map\" lists all")
      return QualityTests()
    }
    var keys = MappingReader(node, "\"qc\"", log)
    var tests = QualityTests()
    if point.kind == .direction {
      for key in ["rate", "spike"] {
        keys.refuse(key, "\(quoted(key)) does not go with kind: direction, where 359 degrees are beside 1")
      }
    }
    tests.range = range(&keys)
    tests.rate = keys.optional("rate", Self.perTime)
    tests.spike = keys.take("spike").flatMap { node in
      thresholds(
        keys, node, "spike", Self.positive,
        "a number, or two, such as [2, 4]: beyond the first a reading is suspect, beyond the second bad",
        isInOrder: <, "the smaller")
    }
    tests.flat = keys.mapping("flat").flatMap { flat($0, point.every) }
    tests.attenuation = keys.mapping("attenuated").flatMap { attenuation($0, point.every) }
    keys.finish()
    if case .mapping(let pairs) = node.content, pairs.isEmpty {
      log.add(node, "\"qc\" names no test; they are range, suspect, rate, spike, flat and attenuated")
    }
    return tests
  }

  private func range(_ keys: inout MappingReader) -> QualityTests.Limits<QualityTests.Span>? {
    let bad = keys.take("range").flatMap { span(keys, $0, "range") }
    let node = keys.take("suspect")
    let suspect = node.flatMap { span(keys, $0, "suspect") }
    if let bad, let suspect, let node, suspect.least < bad.least || suspect.most > bad.most {
      log.add(
        node,
        "\"suspect\" should lie within \"range\", \(bad.text), not \(suspect.text); what is beyond \"range\" is bad"
      )
    }
    return bad == nil && suspect == nil ? nil : .init(suspect: suspect, bad: bad)
  }

  private func span(_ keys: MappingReader, _ node: ConfigNode, _ key: String) -> QualityTests.Span? {
    let noun = "two numbers, the lower first, such as [-40, 85]"
    guard let numbers = pair(keys, node, key, .decimal(), noun) else { return nil }
    guard numbers.0.value < numbers.1.value else {
      log.add(node, "\(quoted(key)) should be \(noun); the first of these is not lower")
      return nil
    }
    return QualityTests.Span(least: numbers.0.value, most: numbers.1.value)
  }

  private func flat(_ reader: MappingReader, _ every: Duration) -> QualityTests.FlatLine? {
    var keys = reader
    let tolerance = keys.require("within", Self.positive)
    let node = keys.require("for")
    let times = node.flatMap { node in
      thresholds(
        keys, node, "for", .duration("1s", "20d"),
        "a duration, or two, such as [30m, 2h]: after the first a reading is suspect, after the second bad",
        isInOrder: <, "the shorter")
    }
    keys.finish()
    if let node, let shortest = times.flatMap({ $0.suspect ?? $0.bad }), shortest < every {
      log.add(
        node, "\"for\" should be no shorter than \"every\", or there is nothing to compare a reading with")
    }
    guard let tolerance, let times else { return nil }
    return .init(
      tolerance: tolerance,
      times: .init(suspect: times.suspect?.microseconds, bad: times.bad?.microseconds))
  }

  private func attenuation(_ reader: MappingReader, _ every: Duration) -> QualityTests.Attenuation? {
    var keys = reader
    let (deviation, range) = (keys.take("std"), keys.take("range"))
    let period = keys.require("over")
    let over = period.flatMap { keys.read($0, "over", .duration("1s", "20d")) }
    if deviation != nil {
      keys.refuse("range", "\"attenuated\" has either \"std\" or \"range\"")
    } else if range == nil {
      log.add(
        keys.node, "\"attenuated\" needs \"std\" or \"range\": how much the readings should vary at least")
    }
    let limits = (deviation ?? range).flatMap { node in
      let key = deviation == nil ? "range" : "std"
      return thresholds(
        keys, node, key, Self.positive,
        "a number, or two, such as [0.5, 0.1]: below the first a reading is suspect, below the second bad",
        isInOrder: >, "the greater")
    }
    keys.finish()
    if let over, let period, over < every + every {
      log.add(period, "\"over\" should be twice \"every\" at least, or nothing can vary in it")
    }
    guard let limits, let over else { return nil }
    return .init(
      usesRange: deviation == nil, limits: limits,
      period: over.microseconds)
  }

  /// One value, which is where a reading is suspect, or a list of two: suspect and bad.
  private func thresholds<Limit: Comparable & BitwiseCopyable & Sendable>(
    _ keys: MappingReader, _ node: ConfigNode, _ key: String, _ form: ScalarForm<Limit>, _ noun: String,
    isInOrder: (Limit, Limit) -> Bool, _ order: String
  ) -> QualityTests.Limits<Limit>? {
    if case .scalar = node.content {
      return keys.read(node, key, form).map { .init(suspect: $0, bad: nil) }
    }
    guard let (suspect, bad) = pair(keys, node, key, form, noun) else { return nil }
    if !isInOrder(suspect, bad) {
      log.add(node, "\(quoted(key)) should be \(noun); the first of these is not \(order)")
      return nil
    }
    return .init(suspect: suspect, bad: bad)
  }

  private func pair<Element>(
    _ keys: MappingReader, _ node: ConfigNode, _ key: String, _ form: ScalarForm<Element>, _ noun: String
  ) -> (Element, Element)? {
    guard case .sequence(let elements) = node.content, elements.count == 2 else {
      let what = node.elements.map { $0.isEmpty ? "an empty list" : "a list of \($0.count)" } ?? node.summary
      log.add(node, "\(quoted(key)) should be \(noun), not \(what)")
      return nil
    }
    let values = elements.map { keys.read($0, key, form) }
    guard let first = values[0], let second = values[1] else { return nil }
    return (first, second)
  }
}

extension QualityTests.Span {
  fileprivate var text: String {
    let numbers = [least, most].map { "\($0)".hasSuffix(".0") ? "\(Int64($0))" : "\($0)" }
    return "[\(numbers[0]), \(numbers[1])]"
  }
}
