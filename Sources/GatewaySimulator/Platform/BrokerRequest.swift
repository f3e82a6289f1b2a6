internal import GatewayCore

/// A batch upsert as ETSI GS CIM 009 V1.8.1 has it (5.6.8, 6.3.5, 6.15), and stricter where brokers are.
enum BrokerRequest {
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

  static func read(_ request: HTTPRequest, tenant: String?) throws(Problem) -> [Entity] {
    try check(request, tenant)
    let isLinked = request.header("Content-Type") == "application/json"
    let parsed = request.body.withBytes { bytes in try? JSONValue(parsing: bytes) }
    guard let list = parsed?.array, !list.isEmpty else {
      throw Problem(text: "the body is no list of entities")
    }
    var entities: [Entity] = []
    for json in list {
      let entity = try entity(json, isLinked: isLinked)
      if entities.contains(where: { $0.id == entity.id }) { throw Problem(text: "\(entity.id) stands twice") }
      entities.append(entity)
    }
    return entities
  }

  private static func check(_ request: HTTPRequest, _ tenant: String?) throws(Problem) {
    guard request.method == "POST", request.path == "/ngsi-ld/v1/entityOperations/upsert",
      request.query("options") == "update"
    else { throw Problem(text: "\(request.method) \(request.path) is not asked for") }
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

  private static func entity(_ json: JSONValue, isLinked: Bool) throws(Problem) -> Entity {
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
      if let attribute = try attribute(name, value) { entity.attributes.append(attribute) }
    }
    return entity
  }

  /// nil where it does not say when it was observed.
  private static func attribute(_ name: String, _ json: JSONValue) throws(Problem) -> Attribute? {
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
