internal import GatewayCore

/// Which attribute of which entity a point is, and what every request to a broker says beside its body.
struct EntityMapping {
  let entities: [EntityText]
  /// Of all entities; a point's plan names one of them.
  let attributes: [AttributeText]
  private let config: NGSIConfig
  private let points: [String: (attribute: Int, config: EntityAttribute)]
  private var plans: [AttributePlan?] = []

  private let gateway: String

  init(_ config: NGSIConfig, gateway: String) {
    self.gateway = gateway
    self.config = config
    entities = config.entities.map { EntityText($0, config) }
    var texts: [AttributeText] = []
    var points: [String: (attribute: Int, config: EntityAttribute)] = [:]
    for (place, entity) in config.entities.enumerated() {
      guard let model = SmartModel.named(entity.type) else { continue }
      for attribute in entity.attributes {
        guard let facts = model.attribute(attribute.name) else { continue }
        let known = texts.firstIndex { $0.entity == place && $0.facts.name == attribute.name }
        if known == nil { texts.append(AttributeText(entity: place, facts)) }
        points[attribute.point] = (known ?? texts.count - 1, attribute)
      }
    }
    attributes = texts
    self.points = points
  }

  /// Bytes that a row needs, at most, with those of an entity that begins with it.
  var longestRow: Int { 784 + (entities.map(\.size).max() ?? 0) }

  mutating func use(_ catalogue: Catalogue) {
    plans = catalogue.points.map { point in
      point.kind == .alarm
        ? nil
        : points[point.name].flatMap {
          AttributePlan($0.attribute, $0.config, attributes[$0.attribute].facts, point)
        }
    }
  }

  /// The alarms of the catalogue.
  func alerts(of catalogue: Catalogue) -> [AlertText?] {
    catalogue.points.map { point in
      let source = points[point.name].map { entities[attributes[$0.attribute].entity].id }
      return AlertText(point, gateway: gateway, source: source)
    }
  }

  /// The context and the brace that close an Alert.
  var alertEnd: String {
    guard config.context == .body else { return "}" }
    var text = ByteBuffer(capacity: 256)
    text.append(",\"@context\":[")
    JSONWriter.append(string: config.contextURL ?? AlertDraft.contextURL, to: &text)
    text.append("]}")
    return text.withBytes { String(decoding: $0, as: UTF8.self) }
  }

  func knows(_ row: Row) -> Bool { row.point < plans.count }

  /// nil where nothing of the row is to be sent.
  func place(_ row: Row) -> (plan: AttributePlan, value: AttributePlan.Content)? {
    guard let plan = plans[Int(row.point)], let value = plan.value(of: row) else { return nil }
    return (plan, value)
  }

  /// The head of a request to `path` of the API.
  func head(_ path: String) -> RequestHead {
    var head = RequestHead(path: "/ngsi-ld/v1/\(path)")
    head.headers = ["Accept: application/json"]
    switch config.context {
    case .body: head.contentType = "application/ld+json"
    case .link:
      let place = entities.first?.contextURL ?? ""
      let relation = "rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
      head.headers.append("Link: <\(place)>; \(relation)")
    }
    if let tenant = config.tenant { head.headers.append("NGSILD-Tenant: \(tenant)") }
    return head
  }
}

extension AttributePlan {
  /// What is written of a row, whose value stands at `text`.
  func piece(of row: Row, _ value: Content, at text: Range<Int>) -> AttributeInstance.Piece {
    AttributeInstance.Piece(part: part, text: text, unit: unit, status: status(of: row, value))
  }
}
