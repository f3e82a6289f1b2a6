internal import GatewayCore

/// The attributes of one request under way. The values lie in the caller's buffer.
struct EntityDraft {
  struct Status {
    var quality: Quality
    var reason: StaticString
    var time: TimeQuality
  }

  /// A value, or one part of it.
  struct Piece {
    var part: String?
    /// Its place in the buffer.
    var text: Range<Int>
    var unit: String?
    var status: Status
  }

  private struct Instance {
    var time: Timestamp
    var pieces: [Piece]
  }

  /// The parts of a value of several parts that went out last: rows of one time may be cut apart between requests, and a
  /// later one would take the earlier's parts away.
  private struct Sent {
    var time: Timestamp
    var parts: [(part: String, text: [UInt8])]
  }

  private var instances: [Instance?]
  private var sent: [Sent?]
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
    guard let instance = instances[attribute] else { return true }
    return part != nil && instance.time == time && !instance.pieces.contains { $0.part == part }
  }

  mutating func add(_ attribute: Int, of entity: Int, _ seq: UInt64, _ row: Row, _ piece: Piece) {
    instances[attribute, default: Instance(time: row.time, pieces: [])].pieces.append(piece)
    rows[entity].append(seq)
    var from = row.time
    if case .window(let summary) = row.body { from = from.advanced(by: .seconds(-Int64(summary.seconds))) }
    let span = spans[entity] ?? (from, row.time)
    spans[entity] = (min(span.from, from), max(span.to, row.time))
  }

  /// `,"name":{…}` where the request has it.
  func append(_ attribute: Int, _ facts: SmartAttribute, _ values: [UInt8], to buffer: inout ByteBuffer) {
    guard let instance = instances[attribute], let first = instance.pieces.first else { return }
    buffer.append(",")
    JSONWriter.append(string: facts.name, to: &buffer)
    buffer.append(":{\"type\":\"Property\",\"value\":")
    if first.part == nil {
      values[first.text].withUnsafeBytes { buffer.append($0) }
    } else {
      appendParts(attribute, instance, values, to: &buffer)
    }
    if let unit = first.unit {
      buffer.append(",\"unitCode\":")
      JSONWriter.append(string: unit, to: &buffer)
    }
    buffer.append(",\"observedAt\":\"")
    instance.time.append(to: &buffer)
    buffer.append("\"")
    append(Self.worst(instance.pieces.map(\.status)), to: &buffer)
    buffer.append("}")
  }

  private func appendParts(
    _ attribute: Int, _ instance: Instance, _ values: [UInt8], to buffer: inout ByteBuffer
  ) {
    var separator: StaticString = "{"
    func put(_ part: String, _ text: ArraySlice<UInt8>) {
      buffer.append(separator)
      separator = ","
      JSONWriter.append(string: part, to: &buffer)
      buffer.append(":")
      text.withUnsafeBytes { buffer.append($0) }
    }
    for part in parts(attribute, instance, values) { put(part.part, part.text[...]) }
    buffer.append("}")
  }

  /// Those of this request, and those of the same time that went before it.
  private func parts(
    _ attribute: Int, _ instance: Instance, _ values: [UInt8]
  ) -> [(part: String, text: [UInt8])] {
    let own = instance.pieces.map { (part: $0.part ?? "", text: Array(values[$0.text])) }
    guard let before = sent[attribute], before.time == instance.time else { return own }
    return before.parts.filter { old in !own.contains { $0.part == old.part } } + own
  }

  /// To be called with the values of a request that is complete.
  mutating func remember(_ values: [UInt8]) {
    for (index, instance) in instances.enumerated() {
      guard let instance, instance.pieces.first?.part != nil else { continue }
      sent[index] = Sent(time: instance.time, parts: parts(index, instance, values))
    }
  }

  private static func worst(_ statuses: [Status]) -> Status {
    var worst = statuses[0]
    for status in statuses.dropFirst() {
      if status.quality.rawValue > worst.quality.rawValue {
        (worst.quality, worst.reason) = (status.quality, status.reason)
      }
      if status.time != .synced { worst.time = status.time }
    }
    return worst
  }

  private func append(_ status: Status, to buffer: inout ByteBuffer) {
    func put(_ name: StaticString, _ word: StaticString) {
      buffer.append(",\"")
      buffer.append(name)
      buffer.append("\":{\"type\":\"Property\",\"value\":\"")
      buffer.append(word)
      buffer.append("\"}")
    }
    put("quality", status.quality.word)
    if status.quality != .good { put("reason", status.reason) }
    if status.time != .synced { put("timeQuality", status.time.word) }
  }
}

extension Array {
  fileprivate subscript<Wrapped>(index: Int, default value: @autoclosure () -> Wrapped) -> Wrapped
  where Element == Wrapped? {
    get { self[index] ?? value() }
    set { self[index] = newValue }
  }
}
