internal import GatewayCore

/// A batch upsert, or a temporal evolution, as ETSI GS CIM 009 V1.8.1 has it (5.6.8 and 6.15, 5.6.11 and 6.18; 6.3.5), and
/// stricter where brokers are.
struct BrokerRequest: Sendable {
  struct Problem: Error {
    var text: String
  }

  struct Attribute: Sendable {
    var name: String
    var value: Double?
    var observedAt: String
  }

  /// With those of its attributes that say when they were observed.
  struct Entity: Sendable {
    var id: String
    var attributes: [Attribute] = []
  }

  static let historyPath = "/ngsi-ld/v1/temporal/entities"

  var entities: [Entity] = []
  /// For the temporal evolution of one entity.
  var isHistory = false

  init(_ request: HTTPRequest, tenant: String?) throws(Problem) {
    isHistory = request.path == Self.historyPath
    try Self.check(request, tenant)
    let isLinked = request.header("Content-Type") == "application/json"
    guard let parsed = request.body.withBytes({ bytes in try? JSONValue(parsing: bytes) }) else {
      throw Problem(text: "the body is no JSON")
    }
    guard let list = isHistory ? [parsed] : parsed.array, !list.isEmpty else {
      throw Problem(text: "the body is no list of entities")
    }
    for json in list {
      let entity = try entity(json, isLinked: isLinked)
      if entities.contains(where: { $0.id == entity.id }) { throw Problem(text: "\(entity.id) stands twice") }
      entities.append(entity)
    }
  }

  private static func check(_ request: HTTPRequest, _ tenant: String?) throws(Problem) {
    let isUpsert =
      request.path == "/ngsi-ld/v1/entityOperations/upsert" && request.query("options") == "update"
    guard request.method == "POST", isUpsert || request.path == historyPath else {
      throw Problem(text: "\(request.method) \(request.path) is not asked for")
    }
    guard request.header("Content-Length") != nil else { throw Problem(text: "no Content-Length") }
    guard request.header("Content-Encoding") == nil else { throw Problem(text: "the body is compressed") }
    guard request.header("NGSILD-Tenant") == tenant else { throw Problem(text: "another tenant") }
    let hasLink = request.header("Link") != nil
    switch request.header("Content-Type") {
    case "application/ld+json" where !hasLink: break
    case "application/json" where hasLink: break
    default: throw Problem(text: "Content-Type and Link do not go together")
    }
  }

  private func entity(_ json: JSONValue, isLinked: Bool) throws(Problem) -> Entity {
    guard let members = json.object, let id = members["id"]?.string, members["type"]?.string != nil else {
      throw Problem(text: "an entity without id and type")
    }
    guard id.contains(":"), !id.contains(" "), id.utf8.count <= 256 else {
      throw Problem(text: "the id \(id)")
    }
    guard (members["@context"] != nil) != isLinked else { throw Problem(text: "@context and Link") }
    var entity = Entity(id: id)
    for (name, value) in members.sorted(by: { $0.key < $1.key })
    where name != "id" && name != "type" && name != "@context" {
      if isHistory {
        entity.attributes += try instances(name, value)
      } else if let attribute = try attribute(name, value) {
        entity.attributes.append(attribute)
      }
    }
    return entity
  }

  /// Stellio wants `observedAt` in each; `instanceId` is the broker's to give.
  private func instances(_ name: String, _ json: JSONValue) throws(Problem) -> [Attribute] {
    guard let list = json.array, !list.isEmpty else { throw Problem(text: "\(name) is no list") }
    var times: Set<String> = []
    var instances: [Attribute] = []
    for json in list {
      guard let instance = try attribute(name, json), json["instanceId"] == nil else {
        throw Problem(text: "\(name) without observedAt, or with an instanceId")
      }
      guard times.insert(instance.observedAt).inserted else {
        throw Problem(text: "\(name) of \(instance.observedAt) stands twice")
      }
      instances.append(instance)
    }
    return instances
  }

  /// nil where it does not say when it was observed.
  private func attribute(_ name: String, _ json: JSONValue) throws(Problem) -> Attribute? {
    let plain = name.utf8.allSatisfy { byte in
      Unicode.Scalar(byte).properties.isAlphabetic || (0x30...0x39).contains(byte)
        || byte == UInt8(ascii: "_")
    }
    guard plain else { throw Problem(text: "the name \(name)") }
    switch json["type"]?.string {
    case "Property", "GeoProperty":
      guard let value = json["value"], value != .null else { throw Problem(text: "\(name) has no value") }
      guard let time = json["observedAt"]?.string else { return nil }
      guard time.hasSuffix("Z"), time.utf8.count >= 20 else { throw Problem(text: "the time \(time)") }
      return Attribute(name: name, value: value.double, observedAt: time)
    case "Relationship":
      guard json["object"] != nil else { throw Problem(text: "\(name) has no object") }
      return nil
    default: throw Problem(text: "\(name) has no type")
    }
  }
}
