/// `counter:`, `max-rate:`, `report:` and `heartbeat:` of a point.
extension TreatmentCheck {
  func counter(_ keys: inout MappingReader, of point: PointConfig) -> CounterConfig? {
    for key in ["counter", "max-rate"] {
      if point.line?.mode == .pulse {
        keys.refuse(
          key, "\(quoted(key)) is for meters that count; here the gateway counts itself, and does not wrap")
      } else if point.kind != .counter {
        keys.refuse(
          key, "\(quoted(key)) is for points of kind: counter, and this one is a \(point.kind.word)")
      }
    }
    guard point.kind == .counter, point.line?.mode != .pulse else { return nil }
    let node = keys.take("counter")
    let turn = node.flatMap { modulus($0, of: point) }
    let rate = keys.optional("max-rate", Self.perTime)
    return node == nil && rate == nil ? nil : CounterConfig(modulus: turn, maximumRate: rate)
  }

  /// In the point's unit. `{}`: it does not wrap.
  private func modulus(_ node: ConfigNode, of point: PointConfig) -> Double? {
    var keys = MappingReader(node, "\"counter\"", log)
    let bits = keys.optional("bits", .integer(8...64))
    let modulus = keys.optional("modulus", Self.positive)
    if bits != nil {
      keys.refuse("modulus", "\"counter\" has either \"bits\", of the register, or \"modulus\"")
    }
    keys.finish()
    guard let bits else { return modulus }
    let scale = point.register?.layout.scale ?? point.field?.scale ?? .identity
    return (0..<bits).reduce(abs(scale.scale)) { product, _ in product * 2 }
  }

  func report(_ keys: inout MappingReader, of point: PointConfig) -> ReportConfig? {
    if point.window != .raw {
      let sentence = "is for points with window: raw; of this one each window is sent"
      for key in ["report", "heartbeat"] { keys.refuse(key, "\(quoted(key)) \(sentence)") }
      return nil
    }
    let change = keys.mapping("report").flatMap(change)
    let heartbeat = keys.optional("heartbeat", .duration("1s", "30d"))
    guard keys.take("report") != nil else {
      keys.refuse("heartbeat", "\"heartbeat\" goes with \"report\"; without that each reading is sent")
      return nil
    }
    return change.map { ReportConfig(change: $0, heartbeat: heartbeat?.microseconds) }
  }

  private func change(_ reader: MappingReader) -> ReportConfig.Change? {
    var keys = reader
    var found: [(key: String, change: ReportConfig.Change?)] = []
    if keys.take("change") != nil {
      found.append(("change", keys.optional("change", Self.positive).map { .absolute($0) }))
    }
    if keys.take("percent") != nil {
      let percent = keys.optional("percent", Self.positive)
      found.append(("percent", percent.map { .relative($0 / 100) }))
    }
    if keys.take("on") != nil {
      found.append(("on", keys.optional("on", .word([("change", ReportConfig.Change.any)]))))
    }
    for other in found.dropFirst() {
      keys.refuse(other.key, "\"report\" has one of change, percent and on; it has \(quoted(found[0].key))")
    }
    keys.finish()
    if found.isEmpty, case .mapping = keys.node.content {
      log.add(
        keys.node,
        "\"report\" needs one of {change: 0.5}, in the point's unit, {percent: 2}, of what was sent last, and {on: change}"
      )
    }
    return found.first?.change
  }

  static var positive: ScalarForm<Double> {
    ScalarForm<DecimalText>.decimal().map("a number above 0") { $0.value > 0 ? $0.value : nil }
  }

  /// `5/min`: in a second.
  static var perTime: ScalarForm<Double> {
    let units: [(word: String, seconds: Double, others: [String])] = [
      ("s", 1, ["sec", "second", ""]), ("min", 60, ["m", "minute"]), ("h", 3600, ["hour", "hr"]),
    ]
    func parts(_ text: String) -> (number: String, unit: String)? {
      let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      guard parts.count <= 2, let number = DecimalText(parts[0]), number.value > 0 else { return nil }
      return (parts[0], parts.count == 2 ? parts[1] : "")
    }
    return ScalarForm(
      "a change in a time such as 5/min, 0.2/s or 30/h",
      nearest: { text in
        guard let (number, word) = parts(text.filter { $0 != " " }) else { return nil }
        let unit = units.first { $0.word == word.lowercased() || $0.others.contains(word.lowercased()) }
        return unit.map { "\(number)/\($0.word)" }
      },
      parse: { text, _ in
        guard let (number, word) = parts(text), let unit = units.first(where: { $0.word == word }) else {
          return nil
        }
        return DecimalText(number).map { $0.value / unit.seconds }
      })
  }
}

extension PointConfig {
  /// What the point's counts are whole multiples of, for `CounterState`; nil where that is not known, and for whole
  /// numbers.
  package var quantum: Double? {
    // What floats and decimals of a text are multiples of is not known.
    let layout = register.map(\.layout).flatMap { [.float32, .float64].contains($0.type) ? nil : $0 }
    guard let scale = layout?.scale ?? line?.scale, !scale.isIdentity else { return nil }
    // A tenth, which is no double, is one divided by ten, which is.
    return scale.denominator > 0 ? 1 / Double(scale.denominator) : abs(scale.scale)
  }
}

extension PointKind {
  /// The configuration's word.
  var word: String {
    switch self {
    case .gauge: "gauge"
    case .counter: "counter"
    case .state: "state"
    case .direction: "direction"
    case .alarm: "alarm"
    }
  }
}
