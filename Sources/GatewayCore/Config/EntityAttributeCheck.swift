/// The `attribute` of a point: which of its entity's it is, and whether what the point gives can be that.
struct EntityAttributeCheck {
  let desk: EntityDesk
  let log: ProblemLog

  func read(
    _ node: ConfigNode?, of use: EntityDesk.Use?, _ subject: PointConfig, of device: String
  ) {
    guard let node else { return }
    guard let use else {
      return log.add(
        node, "\"attribute\" needs an \"entity\" at the device, such as {type: AirQualityObserved}")
    }
    guard let draft = use.draft else { return }
    var value: ConfigNode?
    var map: ConfigNode?
    var nameNode = node
    if case .mapping = node.content {
      var keys = MappingReader(node, "\"attribute\"", log)
      let name = keys.require("name")
      (value, map) = (keys.take("value"), keys.take("map"))
      keys.finish()
      guard let name else { return }
      nameNode = name
    }
    guard let words = nameNode.text else {
      return log.add(
        node, "\"attribute\" should be the name of an attribute, or {name: …}, not \(node.summary)")
    }
    let pieces = words.split(separator: ".", maxSplits: 1).map(String.init)
    guard let attribute = desk.attribute(pieces.first ?? "", of: draft.model, at: nameNode) else { return }
    draft.given.append((words, nameNode))
    guard let part = self.part(pieces, attribute, nameNode) else { return }
    checkUnit(attribute, subject, draft.model, nameNode)
    let statistic = self.statistic(value, attribute, subject, nameNode)
    let mapped = self.words(map, attribute, nameNode)
    draft.config.attributes.append(
      EntityAttribute(
        point: "\(device).\(subject.name)", name: attribute.name, part: part.isEmpty ? nil : part,
        statistic: statistic,
        words: mapped))
  }

  /// Empty where the attribute has none; nil where that is wrong.
  private func part(_ pieces: [String], _ attribute: SmartAttribute, _ node: ConfigNode) -> String? {
    let name = quoted(attribute.name)
    switch attribute.form {
    case .parts(let parts):
      if pieces.count == 2, parts.contains(pieces[1]) { return pieces[1] }
      let choices = alternatives(parts.map { quoted("\(attribute.name).\($0)") })
      log.add(node, "\(name) has parts: it should be \(choices)")
      return nil
    case .link, .links, .words, .date:
      log.add(node, "\(name) is no measured value: a point cannot be it")
      return nil
    default:
      if pieces.count == 1 { return "" }
      log.add(node, "\(name) has no parts: \(quoted(pieces.joined(separator: "."))) should be \(name)")
      return nil
    }
  }

  private func checkUnit(
    _ attribute: SmartAttribute, _ subject: PointConfig, _ model: SmartModel, _ node: ConfigNode
  ) {
    guard let units = attribute.units, !units.isEmpty else { return }
    let what = "\(quoted(attribute.name)) of \(model.name)"
    guard let unit = subject.unit else {
      if units == ["C62"] && attribute.range != 0...1 { return }
      let advice =
        units == ["C62"]
        ? "is a share from 0 to 1: the point should say \"unit: P1\" (per cent) or C62"
        : "is in \(alternatives(units)): the point should say its \"unit\""
      return log.add(node, "\(what) \(advice)")
    }
    if units.contains(where: { UnitConversion(from: unit, to: $0) != nil }) { return }
    log.add(node, "\(what) is in \(alternatives(units)), and the point's \(unit) cannot be made into that")
  }

  private func statistic(
    _ given: ConfigNode?, _ attribute: SmartAttribute, _ subject: PointConfig, _ node: ConfigNode
  ) -> Statistic {
    let form = ScalarForm.word(Statistic.allCases.map { ($0.rawValue, $0) })
    if let given {
      let reader = MappingReader(ConfigNode(.mapping([]), line: 1, column: 1), "", log)
      let chosen = reader.read(given, "value", form) ?? .last
      if attribute.form == .angle, chosen == .mean || chosen == .sum {
        log.add(
          given,
          "350 and 10 degrees are north, not south: a direction takes \"vmean\" (\"kind: direction\"), or last"
        )
      }
      checkIsComputed(chosen, subject, given)
      return chosen
    }
    let usual = usualStatistic(attribute, subject, node)
    if subject.treatment.publishesOnlyAggregates { checkIsComputed(usual, subject, node) }
    return usual
  }

  private func usualStatistic(
    _ attribute: SmartAttribute, _ subject: PointConfig, _ node: ConfigNode
  ) -> Statistic {
    guard subject.window != .raw else { return .last }
    if subject.treatment.publishesOnlyAggregates, subject.functions.contains(.increase) { return .increase }
    if subject.kind == .direction, subject.functions.contains(.vectorMean) { return .vmean }
    if attribute.statistic == .sum && subject.kind == .counter {
      if subject.functions.contains(.increase) { return .increase }
      log.add(
        node,
        "\(quoted(attribute.name)) counts within the period, and a counter counts for ever: the point should have"
          + " \"increase\" among its \"functions\", or say which \"value\""
      )
    }
    switch attribute.form {
    case .flag, .word, .text, .angle: return .last
    default: if subject.kind != .gauge { return .last }
    }
    if attribute.statistic == nil {
      let name = attribute.name
      log.add(
        node,
        "decibels have no mean: \(quoted(name)) needs \"window: raw\", or {name: \(name), value: last} (or max)"
      )
    }
    return attribute.statistic ?? .last
  }

  /// What costs more than the usual statistics is there only where it is asked for; of a private point nothing else is.
  private func checkIsComputed(_ statistic: Statistic, _ subject: PointConfig, _ node: ConfigNode) {
    let function = statistic.function
    let isOptional = WindowFunctions.extras.contains(function) || subject.treatment.publishesOnlyAggregates
    guard subject.window != .raw, isOptional, !subject.functions.contains(function) else { return }
    log.add(
      node,
      "\(statistic.rawValue) is not among the point's \"functions\": add it, or say which \"value\" is sent")
  }

  /// What the numbers of a point mean: `map: {0: off, 1: on}`.
  private func words(_ map: ConfigNode?, _ attribute: SmartAttribute, _ node: ConfigNode) -> [Int64: String] {
    let form: ScalarForm<String>
    switch attribute.form {
    case .word(let words): form = .oneOf(words)
    case .text: form = .plainText
    default:
      if let map { log.add(map, "\(quoted(attribute.name)) is a number: it takes no \"map\"") }
      return [:]
    }
    guard let map, !map.entries.isEmpty else {
      let example = "{name: \(attribute.name), map: {0: …, 1: …}}"
      log.add(map ?? node, "\(quoted(attribute.name)) is a word: say what the numbers mean, \(example)")
      return [:]
    }
    var result: [Int64: String] = [:]
    let reader = MappingReader(map, "\"map\"", log)
    for (key, value) in map.entries {
      guard let number = key.text.flatMap({ Int64($0) }) else {
        log.add(key, "a key of \"map\" should be a whole number, not \(key.summary)")
        continue
      }
      result[number] = reader.read(value, "\(number)", form)
    }
    return result
  }
}
