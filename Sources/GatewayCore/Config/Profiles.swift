/// The profiles that one configuration asks for, as trees: found and read by `ProfileStore`, laid under their
/// devices by `ProfileCheck`.
package struct Profiles: Sendable {
  package enum Entry: Sendable {
    case found(ConfigNode)
    /// The file is there but is no YAML; the problem names it.
    case broken(ConfigProblem)
    /// The file is there but cannot be read, in a whole sentence.
    case unreadable(String)
  }

  /// By name. What was asked for and is not in here was not found.
  package var entries: [String: Entry]
  /// All that could have been asked for; only needed where something was not found.
  package var names: [String]
  /// The directories in which profiles are looked for, the first first.
  package var places: [String]

  package init(entries: [String: Entry] = [:], names: [String] = [], places: [String] = []) {
    self.entries = entries
    self.names = names
    self.places = places
  }

  /// Whether it may be a profile's name: it becomes a file's, so nothing in it can lead out of a directory.
  package static func isName(_ text: String) -> Bool {
    GatewayCore.isName(text, allowsCapitals: false, others: "-")
  }

  /// The names that the devices of a configuration give, each once.
  package static func names(in root: ConfigNode) -> [String] {
    var names: [String] = []
    for device in root["devices"]?.elements ?? [] {
      guard let name = device["profile"]?.text, isName(name), !names.contains(name) else { continue }
      names.append(name)
    }
    return names
  }
}
