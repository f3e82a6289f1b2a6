internal import GatewayCore

/// The instances of one batch under way, of each attribute in the order of their rows. The values lie in the caller's
/// buffer.
struct HistoryDraft {
  private struct Series {
    var instances: [AttributeInstance] = []
    /// Of the instance of each millisecond: closer ones are one time to a broker.
    var places: [Int64: Int] = [:]
    /// Of the batch before: its first and its last, as a backlog may go out from either end.
    var sent: [SentParts] = []

    func sent(at time: Timestamp) -> SentParts? { sent.first { $0.time == time } }
  }

  private var series: [Series]
  /// Of each entity, whether anything of it is here.
  private(set) var has: [Bool]

  init(entities: Int, attributes: Int) {
    series = Array(repeating: Series(), count: attributes)
    has = Array(repeating: false, count: entities)
  }

  mutating func begin() {
    for index in series.indices {
      series[index].instances.removeAll(keepingCapacity: true)
      series[index].places.removeAll(keepingCapacity: true)
    }
    for index in has.indices { has[index] = false }
  }

  func admits(_ attribute: Int, part: String?, at time: Timestamp) -> Bool {
    guard let place = series[attribute].places[time.millisecondsSince1970] else { return true }
    return series[attribute].instances[place].admits(part: part, at: time)
  }

  mutating func add(
    _ attribute: Int, of entity: Int, at time: Timestamp, _ piece: AttributeInstance.Piece
  ) {
    has[entity] = true
    let key = time.millisecondsSince1970
    let place = series[attribute].places[key] ?? series[attribute].instances.count
    if place == series[attribute].instances.count {
      series[attribute].instances.append(AttributeInstance(time: time))
      series[attribute].places[key] = place
    }
    series[attribute].instances[place].pieces.append(piece)
  }

  /// `,"name":[{…},{…}]` where the batch has it.
  func append(_ attribute: Int, _ facts: SmartAttribute, _ values: [UInt8], to buffer: inout ByteBuffer) {
    let series = series[attribute]
    if series.instances.isEmpty { return }
    buffer.append(",")
    JSONWriter.append(string: facts.name, to: &buffer)
    var separator: StaticString = ":["
    for instance in series.instances {
      buffer.append(separator)
      separator = ","
      instance.append(values, after: series.sent(at: instance.time), to: &buffer)
    }
    buffer.append("]")
  }

  /// To be called with the values of a batch that is complete.
  mutating func remember(_ values: [UInt8]) {
    for (index, series) in series.enumerated() {
      guard let first = series.instances.first, let last = series.instances.last else { continue }
      self.series[index].sent = [first, last].compactMap { $0.sent(values, after: series.sent(at: $0.time)) }
    }
  }
}
