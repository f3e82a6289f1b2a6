/// Collects what the devices are to an NGSI-LD platform: reads `entity` at devices and `attribute` at points, and
/// checks in the end what an entity's devices say together. Used by one thread.
final class EntityDesk {
  /// An entity as one device describes it.
  final class Draft {
    let node: ConfigNode
    let model: SmartModel
    var config: EntityConfig
    /// The attributes that have a value, with parts, and where each gets it.
    var given: [(name: String, node: ConfigNode)] = []

    init(_ node: ConfigNode, _ model: SmartModel, _ config: EntityConfig) {
      self.node = node
      self.model = model
      self.config = config
    }
  }

  /// What a device says: nothing that can be used, where there is no draft.
  struct Use {
    var draft: Draft?
  }

  let log: ProblemLog
  /// Of the gateway.
  var gateway = ""
  var location: Location?
  private var drafts: [Draft] = []
  /// Some device has an `entity`, right or wrong.
  private(set) var isMentioned = false

  init(_ log: ProblemLog) { self.log = log }

  /// nil where the device says nothing.
  func entity(_ reader: MappingReader?, of device: String) -> Use? {
    guard var keys = reader else { return nil }
    isMentioned = true
    let model = keys.require("type", .word(SmartModel.all.map { ($0.name, $0) }))
    let id = keys.optional("id", .entityID)
    let own = keys.mapping("location").flatMap(ConfigCheck.location)
    let fixed = keys.take("fixed")
    keys.finish()
    guard let model else { return Use(draft: nil) }
    let usual = "urn:ngsi-ld:\(model.name):\(gateway):\(device)"
    let config = EntityConfig(id: id ?? usual, type: model.name, location: own ?? location)
    let draft = Draft(keys.node, model, config)
    if let fixed { readFixed(fixed, into: draft) }
    drafts.append(draft)
    return Use(draft: draft)
  }

  private func readFixed(_ node: ConfigNode, into draft: Draft) {
    guard case .mapping(let entries) = node.content else {
      return log.add(node, "\"fixed\" should be a mapping of attributes to values, not \(node.summary)")
    }
    for (key, value) in entries {
      guard let attribute = attribute(key.text ?? "", of: draft.model, at: key) else { continue }
      if draft.model.isDate(attribute.name) {
        log.add(key, "\(quoted(attribute.name)) is written by the gateway and cannot be fixed")
      } else if let text = FixedAttribute(log: log).json(attribute, value) {
        draft.config.fixed.append(text)
      }
      draft.given.append((attribute.name, key))
    }
  }

  /// Reports a name that the model does not have.
  func attribute(_ name: String, of model: SmartModel, at node: ConfigNode) -> SmartAttribute? {
    if let attribute = model.attribute(name) { return attribute }
    let near = nearestWord(to: name, in: model.attributes.map(\.name))
    log.add(node, "\(model.name) has no attribute \(quoted(name))\(suggestion(near))")
    return nil
  }

  // MARK: - All together

  /// The entities, each once, in the order of the file.
  func finish() -> [EntityConfig] {
    var order: [String] = []
    var groups: [String: [Draft]] = [:]
    for draft in drafts {
      if groups[draft.config.id] == nil { order.append(draft.config.id) }
      groups[draft.config.id, default: []].append(draft)
    }
    return order.compactMap { groups[$0].flatMap(merge) }
  }

  private func merge(_ drafts: [Draft]) -> EntityConfig? {
    guard let first = drafts.first else { return nil }
    var whole = first.config
    for other in drafts.dropFirst() {
      if other.config.type != whole.type {
        let place = "line \(first.node.line)"
        log.add(
          other.node,
          "entity \(quoted(whole.id)) has type \(whole.type) in \(place), and one entity has one type"
        )
      }
      whole.location = whole.location ?? other.config.location
      whole.fixed += other.config.fixed
      whole.attributes += other.config.attributes
    }
    let given = drafts.flatMap(\.given)
    reportRepeated(given, whole.id)
    reportMissing(first, Set(given.map { String($0.name.prefix { $0 != "." }) }), whole.location)
    return whole
  }

  private func reportRepeated(_ given: [(name: String, node: ConfigNode)], _ id: String) {
    var first: [String: ConfigNode] = [:]
    for (name, node) in given {
      if let other = first[name] {
        log.add(node, "\(quoted(name)) of \(quoted(id)) has a value already, in line \(other.line)")
      } else {
        first[name] = node
      }
    }
  }

  private func reportMissing(_ draft: Draft, _ given: Set<String>, _ location: Location?) {
    let model = draft.model
    for name in model.required where !model.isDate(name) && !given.contains(name) {
      let words: [String] =
        switch model.attribute(name)?.form {
        case .word(let words): words
        default: []
        }
      let choice = words.isEmpty ? "" : ", one of \(words.joined(separator: ", "))"
      log.add(
        draft.node,
        "\(model.name) needs \(quoted(name))\(choice): under \"fixed\", or as the \"attribute\" of a point")
    }
    if model.needsLocation && location == nil {
      log.add(draft.node, "\(model.name) needs a \"location\", here or under \"gateway\"")
    }
  }
}

extension ScalarForm<String> {
  /// A URI of characters that no broker minds (ETSI GS CIM 009, 4.6.2 and 5.2.4).
  static var entityID: Self {
    Self("a URI such as urn:ngsi-ld:Device:d1 of letters, digits and \"-._~:\", 256 at most") { text, _ in
      let scheme = text.prefix { $0 != ":" }
      let isURI =
        isName(String(scheme), allowsCapitals: false, others: "+-.")
        && text.utf8.count > scheme.utf8.count + 1
      let isPlain = text.utf8.allSatisfy { byte in
        let scalar = Unicode.Scalar(byte)
        return byte < 0x80
          && (scalar.properties.isAlphabetic || (0x30...0x39).contains(byte)
            || "-._~:/".unicodeScalars.contains(scalar))
      }
      return isURI && isPlain && text.utf8.count <= 256 ? text : nil
    }
  }
}
