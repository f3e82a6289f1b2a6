/// `alarm:` and `alarms:` of a point.
extension TreatmentCheck {
  private static let conditions = ["above", "below", "equals", "stale", "rate"]

  func alarms(_ keys: inout MappingReader, of point: PointConfig) -> [AlarmConfig] {
    if let node = keys.take("alarm") {
      keys.refuse("alarms", "a point has either \"alarm\", for one, or \"alarms\", a list of them")
      return [alarm(node, of: point)].compactMap(\.self)
    }
    var names: [(name: String, line: Int)] = []
    return keys.list("alarms").compactMap { node in
      guard let alarm = alarm(node, of: point) else { return nil }
      if let first = names.first(where: { $0.name == alarm.name }) {
        log.add(
          node,
          "the point has an alarm \(quoted(alarm.name)) already, in line \(first.line); give one of them another"
            + " \"name\"")
      }
      names.append((alarm.name, node.line))
      return alarm
    }
  }

  /// nil where it has no condition that can be read.
  private func alarm(_ node: ConfigNode, of point: PointConfig) -> AlarmConfig? {
    var keys = MappingReader(node, "an alarm", log)
    guard case .mapping = node.content else { return nil }
    let name = keys.optional("name", .name)
    var given: [String] = []
    var condition: AlarmConfig.Condition?
    for word in Self.conditions {
      guard keys.take(word) != nil else { continue }
      given.append(word)
      if given.count == 1 { condition = self.condition(word, &keys, of: point) }
    }
    if given.isEmpty {
      log.add(node, "an alarm needs one condition: above, below, equals, stale or rate")
    }
    for extra in given.dropFirst() {
      keys.refuse(
        extra,
        "an alarm has one condition, and this one has \(quoted(given[0])) already; make another alarm of"
          + " \(quoted(extra))")
    }
    let word = given.first ?? ""
    let delay = self.delay(&keys, of: word)
    let hysteresis = self.hysteresis(&keys, of: word)
    keys.finish()
    return condition.map {
      AlarmConfig(name: name ?? word, condition: $0, delay: delay, hysteresis: hysteresis)
    }
  }

  private func condition(
    _ word: String, _ keys: inout MappingReader, of point: PointConfig
  ) -> AlarmConfig.Condition? {
    let number = ScalarForm<DecimalText>.decimal()
    switch word {
    case "above": return keys.optional(word, number).map { .above($0.value) }
    case "below": return keys.optional(word, number).map { .below($0.value) }
    case "equals": return keys.optional(word, number).map { .equals($0.value) }
    case "stale": return silence(&keys, of: point).map { .stale($0.microseconds) }
    default: return keys.optional(word, Self.perTime).map { .rate($0) }
    }
  }

  /// Readings are not silence, nor is one that is late or fails.
  private func silence(_ keys: inout MappingReader, of point: PointConfig) -> Duration? {
    guard let node = keys.take("stale"), let silence = keys.read(node, "stale", .duration("1s", "30d")) else {
      return nil
    }
    // What is computed comes when its inputs do.
    if case .formula = point.place { return silence }
    if silence < point.every * 2 {
      let least = (point.every * 2).microseconds
      let text = least % 1_000_000 == 0 ? "\(least / 1_000_000)s" : "\(least / 1000)ms"
      log.add(
        node, "\"stale\" should be at least twice \"every\", which is \(text) here, not \(node.summary)")
    }
    return silence
  }

  private func delay(_ keys: inout MappingReader, of condition: String) -> Int64 {
    if condition == "stale" {
      keys.refuse("for", "\"stale\" is a time itself; make it longer in place of \"for\"")
      return 0
    }
    return keys.optional("for", .duration("0s", "1d"))?.microseconds ?? 0
  }

  private func hysteresis(_ keys: inout MappingReader, of condition: String) -> Double {
    if ["equals", "stale"].contains(condition) {
      keys.refuse(
        "hysteresis",
        "\"hysteresis\" is for above, below and rate; \(quoted(condition)) has no limit to come back from")
      return 0
    }
    return keys.optional("hysteresis", .number(0...(.greatestFiniteMagnitude), "a number from 0")) ?? 0
  }

  /// What one commit of the alarms' store has room for: the state of all, and their descriptions.
  private static let mostAlarms = 1000
  private static let mostBytes = 64 << 10

  func checkAlarms(of devices: [DeviceConfig], _ nodes: [ConfigNode]) {
    let all = devices.map { DeviceConfig.alarms(of: $0).map(\.description) }
    let (count, bytes) = (
      all.reduce(0) { $0 + $1.count }, Catalogue(points: all.flatMap(\.self)).encoded.count
    )
    guard count > Self.mostAlarms || bytes > Self.mostBytes,
      let place = all.lastIndex(where: { !$0.isEmpty }), place < nodes.count
    else { return }
    log.add(
      nodes[place],
      "there are \(count) alarms, described in \(bytes) bytes, up to this device; \(Self.mostAlarms) alarms and"
        + " \(Self.mostBytes) bytes are possible")
  }
}
