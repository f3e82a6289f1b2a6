internal import GatewayCore

/// What a SensorThings server holds. A value under the server's lock.
struct SensorThingsEntities: Sendable {
  struct Entity: Sendable {
    var members: [String: JSONValue]
    /// The ids of what it belongs to, by kind: `Thing`, `Datastream`.
    var links: [String: String]
  }

  /// Ids as texts, else numbers.
  var usesTextIDs = false
  private var sets: [String: [Entity]] = [:]
  private var nextID: Int64 = 1

  private static let needs: [String: [String]] = [
    "Things": ["name", "description"],
    "Locations": ["name", "description", "encodingType", "location"],
    "Sensors": ["name", "description", "encodingType", "metadata"],
    "ObservedProperties": ["name", "description", "definition"],
    "Datastreams": [
      "name", "description", "observationType", "unitOfMeasurement", "Thing", "Sensor", "ObservedProperty",
    ],
  ]

  func all(_ set: String) -> [Entity] { sets[set] ?? [] }

  /// Those that belong to `parent`, such as `Things(1)`; nil: all.
  func all(_ set: String, under parent: String?) -> [Entity] {
    guard let (kind, id) = Self.link(parent) else { return all(set) }
    return all(set).filter { $0.links[kind] == id }
  }

  func holds(_ set: String, _ id: JSONValue) -> Bool { all(set).contains { $0.members["@iot.id"] == id } }

  /// False when something is missing, or what it links to is not there.
  mutating func create(_ set: String, _ document: JSONValue, under parent: String?) -> Bool {
    guard var members = document.object, let needs = Self.needs[set], needs.allSatisfy({ members[$0] != nil })
    else { return false }
    var links: [String: String] = [:]
    if let (kind, id) = Self.link(parent) { links[kind] = id }
    for (kind, target) in [
      ("Thing", "Things"), ("Sensor", "Sensors"), ("ObservedProperty", "ObservedProperties"),
    ] {
      guard let link = members.removeValue(forKey: kind) else { continue }
      guard let id = link["@iot.id"], holds(target, id) else { return false }
      links[kind] = Self.text(id)
    }
    let places = members.removeValue(forKey: "Locations")?.array ?? []
    let id = add(set, .object(members), links)
    return places.allSatisfy { create("Locations", $0, under: "Things(\(id))") }
  }

  /// The new entity's id as it stands in a URL.
  mutating func add(_ set: String, _ document: JSONValue, _ links: [String: String]) -> String {
    let id: JSONValue = usesTextIDs ? .string("a-\(nextID)") : .signed(nextID)
    nextID += 1
    var members = document.object ?? [:]
    members["@iot.id"] = id
    sets[set, default: []].append(Entity(members: members, links: links))
    return Self.text(id)
  }

  static func text(_ id: JSONValue) -> String { id.string.map { "'\($0)'" } ?? "\(id.integer ?? 0)" }

  /// `Thing` and `1` of `Things(1)`.
  private static func link(_ parent: String?) -> (kind: String, id: String)? {
    guard let parent, let open = parent.firstIndex(of: "("), parent.hasSuffix(")") else { return nil }
    let id = parent[parent.index(after: open)...].dropLast()
    return (String(parent[..<open].dropLast()), String(id))
  }
}

/// `name eq 'a'` and `resultTime ge T`, joined by `and`.
struct SensorThingsFilter {
  private var terms: [(member: String, operation: String, value: String)] = []

  /// nil for what is not of this kind.
  init?(_ text: String) {
    if text.isEmpty { return }
    var words = text.split(separator: " ").map(String.init)[...]
    while words.count >= 3 {
      let term = Array(words.prefix(3))
      guard ["eq", "ge", "le"].contains(term[1]) else { return nil }
      terms.append((term[0], term[1], term[2]))
      words = words.dropFirst(3)
      if words.isEmpty { return }
      guard words.popFirst() == "and" else { return nil }
    }
    return nil
  }

  /// Times are of one form, so that their texts compare as they do.
  func holds(_ members: [String: JSONValue]) -> Bool {
    terms.allSatisfy { term in
      guard let text = members[term.member]?.string else { return false }
      switch term.operation {
      case "eq": return "'\(text)'" == term.value
      case "ge": return text >= term.value
      default: return text <= term.value
      }
    }
  }
}
