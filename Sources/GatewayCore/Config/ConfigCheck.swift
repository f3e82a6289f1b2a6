/// From the tree of a YAML document to a configuration that can be run, or to everything that is wrong with
/// it. Pure: opens nothing, resolves nothing. Each section is a short list of its keys in its own file; what
/// cannot be read is replaced by a default so that the check goes on, and the result is only used when no
/// problem was found.
package struct ConfigCheck {
  let log: ProblemLog
  let profiles: Profiles
  let entities: EntityDesk
  let formulas: FormulaDesk

  private init(profiles: Profiles) {
    log = ProblemLog()
    self.profiles = profiles
    entities = EntityDesk(log)
    formulas = FormulaDesk(log)
  }

  /// `file` is only repeated in the problems. `profiles` are those that `root` asks for.
  package static func check(
    _ root: ConfigNode, file: String, profiles: Profiles = Profiles()
  ) throws(ConfigProblems) -> GatewayConfig {
    let check = ConfigCheck(profiles: profiles)
    let config = check.document(root)
    guard check.log.problems.isEmpty else { throw ConfigProblems(file: file, check.log.problems) }
    return config
  }

  private func document(_ root: ConfigNode) -> GatewayConfig {
    var keys = MappingReader(root, "the configuration", log)
    let (id, location) = keys.require("gateway").map(gateway) ?? ("", nil)
    let store = keys.mapping("store").map(self.store) ?? StoreConfig()
    let defaults = keys.mapping("defaults").map(self.defaults) ?? Sampling()
    let buses = self.buses(keys.list("buses"))
    (entities.gateway, entities.location) = (id, location)
    let devices = self.devices(keys.list("devices"), on: buses, defaults)
    let destinations = self.destinations(keys.list("destinations"), entities.finish())
    keys.finish()
    requireLocation(location, of: keys.take("gateway"), for: destinations)
    return GatewayConfig(
      id: id, location: location, store: store, buses: buses.compactMap(\.config), devices: devices,
      destinations: destinations)
  }

  private func gateway(_ node: ConfigNode) -> (id: String, location: Location?) {
    var keys = MappingReader(node, "\"gateway\"", log)
    let id = keys.require("id", Self.identifier) ?? ""
    let location = keys.mapping("location").flatMap(Self.location)
    keys.finish()
    return (id, location)
  }

  private static var identifier: ScalarForm<String> {
    ScalarForm(
      "1 to 63 small letters, digits and \"-\", the first a letter or a digit",
      nearest: { text in
        let small = text.lowercased()
        return isIdentifier(small) ? small : nil
      },
      parse: { text, _ in isIdentifier(text) ? text : nil })
  }

  private static func isIdentifier(_ text: String) -> Bool {
    isName(text, allowsCapitals: false, others: "-")
  }

  static func location(_ reader: MappingReader) -> Location? {
    var keys = reader
    let longitude = keys.require("longitude", .number(-180...180, "degrees from -180 to 180"))
    let latitude = keys.require("latitude", .number(-90...90, "degrees from -90 to 90"))
    keys.finish()
    guard let longitude, let latitude else { return nil }
    return Location(longitude: longitude, latitude: latitude)
  }

  private func store(_ reader: MappingReader) -> StoreConfig {
    var keys = reader
    var store = StoreConfig()
    store.capacity = keys.optional("capacity", .size("12MiB", "1TiB")) ?? store.capacity
    store.retain = keys.optional("retain", .duration("1m", "3650d"))
    store.commit = keys.optional("commit", .duration("100ms", "60s")) ?? store.commit
    store.evict = keys.optional("evict", .word(EvictionPolicy.allCases.map { ($0.word, $0) })) ?? store.evict
    store.flash = keys.mapping("flash").flatMap(flash)
    keys.finish()
    return store
  }

  private func flash(_ reader: MappingReader) -> FlashConfig? {
    var keys = reader
    let capacity = keys.require("capacity", .mediumSize("64MB", "16TB"))
    let cycles = keys.require("cycles", .integer(100...1_000_000))
    keys.finish()
    guard let capacity, let cycles else { return nil }
    return FlashConfig(capacity: capacity, cycles: cycles)
  }

  private func defaults(_ reader: MappingReader) -> Sampling {
    var keys = reader
    let sampling = Sampling().overridden(by: &keys)
    keys.finish()
    return sampling
  }

  /// Reports every name but the first of several that are equal.
  func reportRepeated(_ names: [(name: String, node: ConfigNode)], _ noun: String) {
    var first: [String: ConfigNode] = [:]
    // What could not be read has an empty name, and its own problem.
    for (name, node) in names where !name.isEmpty {
      if let other = first[name] {
        let place = "first in line \(other.line)"
        log.add(node, "the name \(quoted(name)) stands twice among \(noun), \(place); names are unique")
      } else {
        first[name] = node
      }
    }
  }
}

extension MappingReader {
  /// A mapping's own name, and the place of a complaint about it.
  mutating func requireName() -> (name: String, node: ConfigNode) {
    guard let node = require("name") else { return ("", self.node) }
    return (read(node, "name", .name) ?? "", node)
  }
}
