package import GatewayCore

/// Writes rows as a batch upsert of NGSI-LD entities (ETSI GS CIM 009 V1.8.1, 5.6.8 and 6.15): each entity once in a
/// request and in it each attribute once, so that a broker keeps every `(entity, attribute, observedAt)` and ends with
/// the newest. A row whose attribute has another time in the request already begins the next one.
///
/// Attributes are written into the buffer as rows come; `finish` puts the entities together behind them.
package final class NGSILD: BatchFormat {
  package var stream = StreamID(bits: 0)
  private var mapping: EntityMapping
  private var draft: EntityDraft
  private var alerts = AlertDraft()
  private let alertEnd: String

  package init(_ config: NGSIConfig, gateway: String) {
    mapping = EntityMapping(config, gateway: gateway)
    alertEnd = mapping.alertEnd
    draft = EntityDraft(entities: mapping.entities.count, attributes: mapping.attributes.count)
  }

  package var longestRow: Int { mapping.longestRow + 600 }
  package func use(_ catalogue: Catalogue) {
    mapping.use(catalogue)
    alerts.use(mapping.alerts(of: catalogue))
  }

  package func begin(_ buffer: inout ByteBuffer) {
    buffer.removeAll()
    draft.begin()
    alerts.begin()
  }

  package func append(_ row: Row, seq: UInt64, to buffer: inout ByteBuffer) -> RowFate {
    guard mapping.knows(row) else { return .unknown }
    if case .alarm(let event) = row.body {
      return alerts.append(event, row, seq, end: alertEnd, to: &buffer)
    }
    guard let (plan, value) = mapping.place(row) else { return .left }
    let attribute = mapping.attributes[plan.attribute]
    guard draft.admits(plan.attribute, part: plan.part, at: row.time) else { return .next }
    buffer.reserve(longestRow)
    if draft.rows[attribute.entity].isEmpty {
      // Room that the entity will take, so that the caller's count of bytes is right.
      buffer.append(zeros: mapping.entities[attribute.entity].size)
    }
    let start = buffer.count
    value.append(to: &buffer)
    draft.add(
      plan.attribute, of: attribute.entity, seq, row, plan.piece(of: row, value, at: start..<buffer.count))
    buffer.append(zeros: attribute.size)
    return .written
  }

  package func finish(_ buffer: inout ByteBuffer, rows: ClosedRange<UInt64>) -> FinishedRequest {
    let values = buffer.copyBytes()
    let start = buffer.count
    buffer.append(UInt8(ascii: "["))
    var items: [BatchItem] = []
    for (place, entity) in mapping.entities.enumerated() where !draft.rows[place].isEmpty {
      if !items.isEmpty { buffer.append(UInt8(ascii: ",")) }
      items.append(BatchItem(name: entity.id, rows: draft.rows[place]))
      buffer.append(entity.start)
      if let span = draft.spans[place] { entity.appendDates(span.from, span.to, to: &buffer) }
      for (index, attribute) in mapping.attributes.enumerated() where attribute.entity == place {
        draft.append(index, attribute.facts, values, to: &buffer)
      }
      buffer.append(entity.end)
    }
    alerts.finish(values, &items, to: &buffer)
    buffer.append(UInt8(ascii: "]"))
    draft.remember(values)
    return FinishedRequest(
      start: start, head: mapping.head("entityOperations/upsert?options=update"), items: items)
  }
}
