internal import GatewayCore

/// The attributes of one request under way. The values lie in the caller's buffer.
struct EntityDraft {
  private var instances: [AttributeInstance?]
  private var sent: [SentParts?]
  /// Of each entity, in their order.
  private(set) var rows: [[UInt64]]
  /// When what is in it was observed.
  private(set) var spans: [(from: Timestamp, to: Timestamp)?]

  init(entities: Int, attributes: Int) {
    instances = Array(repeating: nil, count: attributes)
    sent = Array(repeating: nil, count: attributes)
    rows = Array(repeating: [], count: entities)
    spans = Array(repeating: nil, count: entities)
  }

  mutating func begin() {
    for index in instances.indices { instances[index] = nil }
    for index in rows.indices {
      rows[index].removeAll(keepingCapacity: true)
      spans[index] = nil
    }
  }

  func admits(_ attribute: Int, part: String?, at time: Timestamp) -> Bool {
    instances[attribute]?.admits(part: part, at: time) ?? true
  }

  mutating func add(
    _ attribute: Int, of entity: Int, _ seq: UInt64, _ row: Row, _ piece: AttributeInstance.Piece
  ) {
    instances[attribute, default: AttributeInstance(time: row.time)].pieces.append(piece)
    rows[entity].append(seq)
    var from = row.time
    if case .window(let summary) = row.body { from = from.advanced(by: .seconds(-Int64(summary.seconds))) }
    let span = spans[entity] ?? (from, row.time)
    spans[entity] = (min(span.from, from), max(span.to, row.time))
  }

  /// `,"name":{…}` where the request has it.
  func append(_ attribute: Int, _ facts: SmartAttribute, _ values: [UInt8], to buffer: inout ByteBuffer) {
    guard let instance = instances[attribute] else { return }
    buffer.append(",")
    JSONWriter.append(string: facts.name, to: &buffer)
    buffer.append(":")
    instance.append(values, after: sent[attribute], to: &buffer)
  }

  /// To be called with the values of a request that is complete.
  mutating func remember(_ values: [UInt8]) {
    for (index, instance) in instances.enumerated() {
      if let parts = instance?.sent(values, after: sent[index]) { sent[index] = parts }
    }
  }
}

extension Array {
  fileprivate subscript<Wrapped>(index: Int, default value: @autoclosure () -> Wrapped) -> Wrapped
  where Element == Wrapped? {
    get { self[index] ?? value() }
    set { self[index] = newValue }
  }
}
