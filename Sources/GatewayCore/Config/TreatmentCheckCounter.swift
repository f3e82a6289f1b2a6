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
    let turn = node.flatMap { modulus($0, of: point, turn: largestTurn(&keys, of: point)) }
    if let scale = keys.take("scale"), point.linearScale.scale < 0, node != nil {
      log.add(scale, "\"scale\" should be above 0 for a \"counter\", which counts up, not \(scale.summary)")
    }
    let rate = keys.optional("max-rate", Self.perTime)
    return node == nil && rate == nil ? nil : CounterConfig(modulus: turn, maximumRate: rate)
  }

  /// In the point's unit. `{}`: it does not wrap.
  private func modulus(_ node: ConfigNode, of point: PointConfig, turn: Turn?) -> Double? {
    var keys = MappingReader(node, "\"counter\"", log)
    let bits = keys.optional("bits", .integer(8...64))
    let modulus = keys.optional("modulus", Self.positive)
    if bits != nil {
      keys.refuse("modulus", "\"counter\" has either \"bits\", of the register, or \"modulus\"")
    }
    keys.finish()
    let scale = abs(point.linearScale.scale)
    if let turn, let bits, let node = keys.take("bits"), Self.power(of: 2, bits) > turn.counts {
      let advice =
        turn.bits.map { "\"bits\" should be at most \($0), not \(node.summary)" }
        ?? "\"counter\" should be {modulus: \(ConfigNode.text(of: turn.counts * scale))} or less, not \"bits\""
      log.add(node, "\(turn.reason); \(advice)")
    }
    // The product of decimals may be rounded.
    if let turn, let modulus, let node = keys.take("modulus"), modulus > turn.counts * scale * (1 + 1e-12) {
      let most = ConfigNode.text(of: turn.counts * scale)
      log.add(
        node,
        "\(turn.reason); \"modulus\" should be at most \(most), in the point's unit, not \(node.summary)")
    }
    return bits.map { Self.power(of: 2, $0) * scale } ?? modulus
  }

  /// What a register goes on from 0 behind, in its own numbers, and why.
  private struct Turn {
    var counts: Double
    /// nil: it is no power of two.
    var bits: Int?
    var reason: String
  }

  /// nil where only the meter knows, and where the type could not be read.
  private func largestTurn(_ keys: inout MappingReader, of point: PointConfig) -> Turn? {
    guard let layout = point.layout, keys.take("type")?.text == layout.type.rawValue else { return nil }
    switch layout.type {
    case .float32, .float64: return nil
    case .bcd16, .bcd32:
      let digits = layout.type.registers * 4
      return Turn(
        counts: Self.power(of: 10, digits), reason: "a \(layout.type.rawValue) has \(digits) digits")
    case .bool, .int8, .uint8, .int16, .uint16, .int32, .uint32, .int64, .uint64:
      let isByte = layout.type == .int8 || layout.type == .uint8
      let bits = layout.bitCount > 0 ? Int(layout.bitCount) : isByte ? 8 : layout.type.registers * 16
      let noun =
        point.register == nil || layout.bitCount > 0
        ? "value" : layout.type.registers == 1 ? "register" : "registers"
      return Turn(
        counts: Self.power(of: 2, bits), bits: bits,
        reason:
          "the point's \(noun) \(noun == "registers" ? "have" : "has") \(bits) bit\(bits == 1 ? "" : "s")")
    }
  }

  private static func power(of base: Double, _ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { product, _ in product * base }
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

extension ConfigNode {
  /// A number as the file would have it.
  fileprivate static func text(of number: Double) -> String {
    Int(exactly: number).map { "\($0)" } ?? "\(number)"
  }
}

extension PointConfig {
  /// How bytes become the point's number; nil for texts, lines and formulas.
  fileprivate var layout: RegisterLayout? {
    if case .bytes(let bytes) = field?.place { return bytes.layout }
    return register?.layout
  }

  fileprivate var linearScale: LinearScale { layout?.scale ?? field?.scale ?? .identity }

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
