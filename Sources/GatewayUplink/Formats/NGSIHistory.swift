package import GatewayCore

/// Writes rows as the temporal evolution of NGSI-LD entities (ETSI GS CIM 009 V1.8.1, 5.6.11 and 6.18.3.1): one entity a
/// request, each attribute an array of instances with their `observedAt`. A broker adds them to its history; what an
/// entity shows at present stays as it is. Where one value of an attribute has come at a time, another one of that time
/// begins the next batch. What does not change (`location`, the fixed attributes) is not sent: it has no time.
package final class NGSIHistory: BatchFormat {
  package var stream = StreamID(bits: 0)
  private var mapping: EntityMapping
  private var draft: HistoryDraft

  package init(_ config: NGSIConfig, gateway: String) {
    mapping = EntityMapping(config, gateway: gateway)
    draft = HistoryDraft(entities: mapping.entities.count, attributes: mapping.attributes.count)
  }

  package var longestRow: Int { mapping.longestRow }
  package func use(_ catalogue: Catalogue) { mapping.use(catalogue) }

  package func begin(_ buffer: inout ByteBuffer) {
    buffer.removeAll()
    draft.begin()
  }

  package func append(_ row: Row, seq: UInt64, to buffer: inout ByteBuffer) -> RowFate {
    guard mapping.knows(row) else { return .unknown }
    guard let (plan, value) = mapping.place(row) else { return .left }
    let attribute = mapping.attributes[plan.attribute]
    guard draft.admits(plan.attribute, part: plan.part, at: row.time) else { return .next }
    buffer.reserve(longestRow)
    // Room for what comes around the value, so that the caller's count of bytes is right.
    if !draft.has[attribute.entity] { buffer.append(zeros: mapping.entities[attribute.entity].size) }
    let start = buffer.count
    value.append(to: &buffer)
    draft.add(
      plan.attribute, of: attribute.entity, at: row.time,
      plan.piece(of: row, value, at: start..<buffer.count))
    buffer.append(zeros: attribute.size)
    return .written
  }

  package func finish(_ buffer: inout ByteBuffer, rows: ClosedRange<UInt64>) -> FinishedRequest {
    let values = buffer.copyBytes()
    let head = mapping.head("temporal/entities")
    var requests: [RequestStart] = []
    for (place, entity) in mapping.entities.enumerated() where draft.has[place] {
      requests.append(RequestStart(buffer.count, head))
      buffer.append(entity.name)
      for (index, attribute) in mapping.attributes.enumerated() where attribute.entity == place {
        draft.append(index, attribute.facts, values, to: &buffer)
      }
      buffer.append(entity.end)
    }
    draft.remember(values)
    guard let first = requests.first else { return FinishedRequest() }
    var request = FinishedRequest(start: first.start, head: head, further: Array(requests.dropFirst()))
    request.isHistory = true
    return request
  }
}
