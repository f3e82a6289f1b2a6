/// Lays a device over its profile. What results is one mapping, as if the device had said everything itself, in
/// which each node keeps its own file and place: whatever is wrong is reported where it stands. Pure.
///
/// What the device says counts: its keys win over the profile's, also over the same key at the profile's points; a
/// point that it lists under the name of a profile's point replaces that point's keys one by one; `only` leaves of
/// the profile's points those it names and those that the device lists.
struct ProfileCheck {
  let profiles: Profiles
  let log: ProblemLog

  /// A device's profile, as far as its bus is concerned.
  struct Use {
    let name: String
    /// Where the device names it.
    let node: ConfigNode
    let bus: Bus?
  }

  /// The kind of bus that a profile is for.
  enum Bus: String, CaseIterable {
    case modbus, serial

    /// nil for a bus that no profile is for.
    init?(_ link: BusConfig.Link) {
      switch link.places {
      case .register: self = .modbus
      case .field: self = .serial
      case .line: return nil
      }
    }
  }

  /// The keys that a device may have from its profile, beside `points`.
  private static let deviceKeys = ["every", "window", "functions", "max-registers", "gaps", "frame"]
  /// Those that a profile's points may have too.
  private static let samplingKeys = ["every", "window", "functions"]
  /// One of them says where a point is.
  private static let placeKeys = ["at", "field", "byte", "formula"]

  /// The device as its profile completes it, and that profile; the device alone where it has none.
  func device(_ node: ConfigNode) -> (ConfigNode, Use?) {
    guard let word = node["profile"] else {
      if let only = node["only"] {
        log.add(only, "\"only\" chooses among the points of a profile; this device has no \"profile\"")
      }
      return (node, nil)
    }
    guard let name = name(word), let profile = find(name, word) else { return (node, nil) }
    let bus = checkHead(of: profile, name)
    let inherited = profile.entries.filter { Self.deviceKeys.contains($0.key.text ?? "") }
    var whole = node.completed(by: inherited)
    if let points = points(of: node, profile, name) { whole = whole.replacing("points", by: points) }
    return (whole, Use(name: name, node: word, bus: bus))
  }

  private func name(_ node: ConfigNode) -> String? {
    if let text = node.text, Profiles.isName(text) { return text }
    log.add(
      node,
      "\"profile\" should be the name of a profile, of small letters, digits and \"-\", not \(node.summary)")
    return nil
  }

  private func find(_ name: String, _ node: ConfigNode) -> ConfigNode? {
    switch profiles.entries[name] {
    case .found(let profile): return profile
    case .broken(let problem): log.add(problem)
    case .unreadable(let sentence): log.add(node, sentence)
    case nil:
      let places = profiles.places.map(quoted).joined(separator: ", ")
      let near = suggestion(nearestWord(to: name, in: profiles.names))
      log.add(node, "there is no profile \(quoted(name))\(places.isEmpty ? "" : " in \(places)")\(near)")
    }
    return nil
  }

  /// Everything of a profile that is not its device's; which kind of bus it is for.
  private func checkHead(of profile: ConfigNode, _ name: String) -> Bus? {
    var keys = MappingReader(profile, "profile \(quoted(name))", log)
    if let about = keys.require("profile") {
      var keys = MappingReader(about, "\"profile\"", log)
      for key in ["maker", "model", "document"] { _ = keys.require(key, .text("a text")) }
      keys.finish()
    }
    let bus = keys.require("bus", .word(Bus.allCases.map { ($0.rawValue, $0) }))
    for key in ["name", "unit", "only"] {
      keys.refuse(key, "\(quoted(key)) is the device's own and does not belong in a profile")
    }
    for key in Self.deviceKeys { _ = keys.take(key) }
    checkEntities(keys.take("entities"), of: profile, name)
    if let points = keys.require("points"), points.elements?.isEmpty ?? false {
      log.add(points, "\"points\" should be a list of at least one point")
    }
    keys.finish()
    return bus
  }

  /// `entities` says for each model what the points are in it.
  private func checkEntities(_ node: ConfigNode?, of profile: ConfigNode, _ name: String) {
    let points = profile["points"]?.elements?.compactMap { $0["name"]?.text } ?? []
    for (key, mapping) in node?.entries ?? [] {
      let models = SmartModel.all.map(\.name)
      if !models.contains(key.text ?? "") {
        let near = suggestion(nearestWord(to: key.text ?? "", in: models))
        log.add(key, "there is no model \(key.summary)\(near)")
      }
      for (point, _) in mapping.entries where !points.contains(point.text ?? "") {
        let near = suggestion(nearestWord(to: point.text ?? "", in: points))
        log.add(point, "profile \(quoted(name)) has no point \(point.summary)\(near)")
      }
    }
  }

  /// nil where the device's list is none, which is reported where lists are read.
  private func points(of device: ConfigNode, _ profile: ConfigNode, _ name: String) -> ConfigNode? {
    guard let theirs = profile["points"] else { return ConfigNode(.sequence([]), at: device) }
    guard let offered = theirs.elements else { return theirs }
    guard var own = (device["points"] ?? ConfigNode(.sequence([]), at: device)).elements else { return nil }
    let chosen = only(device, offered.compactMap { $0["name"]?.text }, name)
    let stated = Self.samplingKeys.filter { device[$0] != nil }
    let mapping = device["entity"]?["type"]?.text.flatMap { profile["entities"]?[$0] }
    var points: [ConfigNode] = []
    for point in offered {
      let pointName = point["name"]?.text
      var inherited = point.entries.filter { !stated.contains($0.key.text ?? "") }
      if let attribute = pointName.flatMap({ mapping?[$0] }) {
        inherited.append((ConfigNode(.scalar("attribute", isPlain: true), at: attribute), attribute))
      }
      if let pointName, let place = own.firstIndex(where: { $0["name"]?.text == pointName }) {
        points.append(own.remove(at: place).completed(by: inherited))
      } else if chosen?.contains(pointName ?? "") ?? true {
        if case .mapping = point.content {
          points.append(ConfigNode(.mapping(inherited), at: point))
        } else {
          points.append(point)
        }
      }
    }
    own.removeAll { isMisnamed($0, offered.compactMap { $0["name"]?.text }, name) }
    return ConfigNode(.sequence(points + own), at: device["points"] ?? theirs)
  }

  /// Reports a point of the device that almost has the name of one of the profile's and does not say where it is.
  private func isMisnamed(_ point: ConfigNode, _ offered: [String], _ profile: String) -> Bool {
    guard let node = point["name"], let name = node.text,
      !Self.placeKeys.contains(where: { point[$0] != nil }), let near = nearestWord(to: name, in: offered)
    else { return false }
    log.add(node, "profile \(quoted(profile)) has no point \(quoted(name))\(suggestion(near))")
    return true
  }

  /// The names that the device takes; nil for all.
  private func only(_ device: ConfigNode, _ offered: [String], _ profile: String) -> [String]? {
    guard let node = device["only"] else { return nil }
    guard let elements = node.elements, !elements.isEmpty else {
      let what = if case .sequence = node.content { "an empty one" } else { node.summary }
      log.add(node, "\"only\" should be a list of points' names, not \(what)")
      return nil
    }
    return elements.compactMap { element in
      guard let name = element.text else {
        log.add(element, "\"only\" should be a list of points' names; this is \(element.summary)")
        return nil
      }
      if !offered.contains(name) {
        let near = nearestWord(to: name, in: offered)
        let first = offered.prefix(8).joined(separator: ", ") + (offered.count > 8 ? ", …" : "")
        let advice = near == nil ? "; its points are \(first)" : suggestion(near)
        log.add(element, "profile \(quoted(profile)) has no point \(quoted(name))\(advice)")
      }
      return name
    }
  }
}

extension ProfileCheck.Use {
  /// Reports a profile on a bus of another kind.
  func fits(_ config: BusConfig, _ log: ProblemLog) -> Bool {
    // A head that could not be read has its problem.
    guard let bus, bus != ProfileCheck.Bus(config.link) else { return true }
    log.add(
      node,
      "profile \(quoted(name)) is for a \(bus.rawValue) bus, and \(quoted(config.name)) is a \(config.link.word) bus"
    )
    return false
  }
}

extension ConfigNode {
  fileprivate init(_ content: Content, at node: ConfigNode) {
    self.init(content, line: node.line, column: node.column, file: node.file)
  }

  /// This mapping, and behind its own entries those others whose keys it has not.
  fileprivate func completed(by others: [(key: ConfigNode, value: ConfigNode)]) -> ConfigNode {
    let own = entries
    let missing = others.filter { other in !own.contains { $0.key.text == other.key.text } }
    return ConfigNode(.mapping(own + missing), at: self)
  }

  /// This mapping with another value for the first entry of a key, which is added where there is none.
  fileprivate func replacing(_ key: String, by value: ConfigNode) -> ConfigNode {
    var entries = self.entries
    if let place = entries.firstIndex(where: { $0.key.text == key }) {
      entries[place].value = value
    } else {
      entries.append((ConfigNode(.scalar(key, isPlain: true), at: value), value))
    }
    return ConfigNode(.mapping(entries), at: self)
  }
}
