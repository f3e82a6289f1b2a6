package import GatewayCore

/// Writes rows as a batch upsert of NGSI-LD entities (ETSI GS CIM 009 V1.8.1, 5.6.8 and 6.15): each entity once in a
/// request and in it each attribute once, so that a broker keeps every `(entity, attribute, observedAt)` and ends with
/// the newest. A row whose attribute has another time in the request already begins the next one.
///
/// Attributes are written into the buffer as rows come; `finish` puts the entities together behind them.
package final class NGSILD: BatchFormat {
  package var stream = StreamID(bits: 0)
  private let context: NGSIConfig.Context
  private let tenant: String?
  private let entities: [EntityText]
  /// The attributes of all entities; a point's plan names one of them.
  private let attributes: [AttributeText]
  private var plans: [AttributePlan?] = []
  private let mapping: [String: (attribute: Int, config: EntityAttribute)]
  private var draft: EntityDraft
  private let longestAttribute: Int
  private let longestEntity: Int

  package init(_ config: NGSIConfig) {
    (context, tenant) = (config.context, config.tenant)
    entities = config.entities.map { EntityText($0, config) }
    var texts: [AttributeText] = []
    var mapping: [String: (attribute: Int, config: EntityAttribute)] = [:]
    for (place, entity) in config.entities.enumerated() {
      guard let model = SmartModel.named(entity.type) else { continue }
      for attribute in entity.attributes {
        guard let facts = model.attribute(attribute.name) else { continue }
        let known = texts.firstIndex { $0.entity == place && $0.facts.name == attribute.name }
        if known == nil { texts.append(AttributeText(entity: place, facts)) }
        mapping[attribute.point] = (known ?? texts.count - 1, attribute)
      }
    }
    attributes = texts
    self.mapping = mapping
    draft = EntityDraft(entities: config.entities.count, attributes: texts.count)
    longestEntity = entities.map(\.size).max() ?? 0
    longestAttribute = 700
  }

  package var longestRow: Int { longestAttribute + longestEntity + 4 }

  package func use(_ catalogue: Catalogue) {
    plans = catalogue.points.map { point in
      mapping[point.name].flatMap {
        AttributePlan($0.attribute, $0.config, attributes[$0.attribute].facts, point)
      }
    }
  }

  package func begin(_ buffer: inout ByteBuffer) {
    buffer.removeAll()
    draft.begin()
  }

  package func append(_ row: Row, seq: UInt64, to buffer: inout ByteBuffer) -> RowFate {
    guard row.point < plans.count else { return .unknown }
    guard let plan = plans[Int(row.point)], let value = plan.value(of: row) else { return .left }
    let attribute = attributes[plan.attribute]
    guard draft.admits(plan.attribute, part: plan.part, at: row.time) else { return .next }
    buffer.reserve(longestRow)
    if draft.rows[attribute.entity].isEmpty {
      // Room that the entity will take, so that the caller's count of bytes is right.
      buffer.append(zeros: entities[attribute.entity].size)
    }
    let start = buffer.count
    value.append(to: &buffer)
    draft.add(
      plan.attribute, of: attribute.entity, seq, row,
      EntityDraft.Piece(
        part: plan.part, text: start..<buffer.count, unit: plan.unit, status: plan.status(of: row, value)))
    buffer.append(zeros: attribute.size)
    return .written
  }

  package func finish(_ buffer: inout ByteBuffer, rows: ClosedRange<UInt64>) -> FinishedRequest {
    let values = buffer.copyBytes()
    let start = buffer.count
    buffer.append(UInt8(ascii: "["))
    var items: [BatchItem] = []
    for (place, entity) in entities.enumerated() where !draft.rows[place].isEmpty {
      if !items.isEmpty { buffer.append(UInt8(ascii: ",")) }
      items.append(BatchItem(name: entity.id, rows: draft.rows[place]))
      buffer.append(entity.start)
      if let span = draft.spans[place] { entity.appendDates(span.from, span.to, to: &buffer) }
      for index in attributes.indices where attributes[index].entity == place {
        draft.append(index, attributes[index].facts, values, to: &buffer)
      }
      buffer.append(entity.end)
    }
    buffer.append(UInt8(ascii: "]"))
    draft.remember(values)
    return FinishedRequest(start: start, head: head, items: items)
  }

  private var head: RequestHead {
    var head = RequestHead(path: "/ngsi-ld/v1/entityOperations/upsert?options=update")
    head.headers = ["Accept: application/json"]
    switch context {
    case .body: head.contentType = "application/ld+json"
    case .link:
      let place = entities.first?.contextURL ?? ""
      let relation = "rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
      head.headers.append("Link: <\(place)>; \(relation)")
    }
    if let tenant { head.headers.append("NGSILD-Tenant: \(tenant)") }
    return head
  }
}
