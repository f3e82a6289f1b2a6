internal import GatewayCore

/// What is the same each time an entity is written.
struct EntityText {
  let id: String
  let contextURL: String
  /// `{"id":…,"type":…`
  let name: String
  /// The same with `,"location":…` and the fixed attributes.
  let start: String
  /// The context and the closing brace.
  let end: String
  private let model: SmartModel?

  init(_ entity: EntityConfig, _ config: NGSIConfig) {
    id = entity.id
    contextURL = config.contextURL(of: entity)
    model = SmartModel.named(entity.type)
    var text = ByteBuffer(capacity: 256)
    text.append("{\"id\":")
    JSONWriter.append(string: entity.id, to: &text)
    text.append(",\"type\":")
    JSONWriter.append(string: entity.type, to: &text)
    name = text.withBytes { String(decoding: $0, as: UTF8.self) }
    if let location = entity.location {
      text.append(",\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[")
      JSONWriter.append(double: location.longitude, to: &text)
      text.append(",")
      JSONWriter.append(double: location.latitude, to: &text)
      text.append("]}}")
    }
    for fixed in entity.fixed {
      text.append(",")
      text.append(fixed)
    }
    start = text.withBytes { String(decoding: $0, as: UTF8.self) }
    text.removeAll()
    if config.context == .body {
      text.append(",\"@context\":[")
      JSONWriter.append(string: contextURL, to: &text)
      text.append("]")
    }
    text.append("}")
    end = text.withBytes { String(decoding: $0, as: UTF8.self) }
  }

  /// Bytes, at most, without attributes.
  var size: Int { start.utf8.count + end.utf8.count + 4 * 120 }

  /// The attributes by which the model says when.
  func appendDates(_ from: Timestamp, _ to: Timestamp, to buffer: inout ByteBuffer) {
    func put(_ name: String, _ time: Timestamp) {
      buffer.append(",")
      JSONWriter.append(string: name, to: &buffer)
      buffer.append(":{\"type\":\"Property\",\"value\":{\"@type\":\"DateTime\",\"@value\":\"")
      time.append(to: &buffer)
      buffer.append("\"}}")
    }
    guard let model else { return }
    for name in model.instants { put(name, to) }
    if model.hasSpan {
      put("dateObservedFrom", from)
      put("dateObservedTo", to)
    }
  }
}

/// An attribute of one of the entities.
struct AttributeText {
  let entity: Int
  let facts: SmartAttribute

  init(entity: Int, _ facts: SmartAttribute) {
    self.entity = entity
    self.facts = facts
  }

  /// Bytes, at most, beside the value.
  var size: Int { facts.name.utf8.count + 260 }
}

/// How the rows of a point become an attribute's values.
struct AttributePlan {
  let attribute: Int
  let part: String?
  let unit: String?
  private let facts: SmartAttribute
  private let config: EntityAttribute
  private let conversion: UnitConversion

  /// nil where the point's unit, which may be that of an older configuration, is none of the attribute's.
  init?(_ attribute: Int, _ config: EntityAttribute, _ facts: SmartAttribute, _ point: PointDescription) {
    (self.attribute, self.config, self.facts) = (attribute, config, facts)
    part = config.part
    guard let found = Self.conversion(of: point.unit, facts) else { return nil }
    (unit, conversion) = found
  }

  /// The unit that is sent, and how it is reached.
  private static func conversion(
    of unit: String?, _ facts: SmartAttribute
  ) -> (unit: String?, conversion: UnitConversion)? {
    switch facts.form {
    case .flag, .word, .text: return (nil, UnitConversion())
    default: break
    }
    guard let units = facts.units, !units.isEmpty else { return (unit, UnitConversion()) }
    guard let unit else { return (units == ["C62"] ? "C62" : nil, UnitConversion()) }
    if units.contains(unit) { return (unit, UnitConversion()) }
    for other in units {
      if let conversion = UnitConversion(from: unit, to: other) { return (other, conversion) }
    }
    return nil
  }

  enum Content {
    case number(Value)
    case flag(Bool)
    case word(String)

    func append(to buffer: inout ByteBuffer) {
      switch self {
      case .number(let number): JSONWriter.append(value: number, to: &buffer)
      case .flag(let flag): buffer.append(flag ? "true" : "false")
      case .word(let word): JSONWriter.append(string: word, to: &buffer)
      }
    }
  }

  /// nil where there is nothing to send: null is no value (ETSI GS CIM 009, 4.5.2).
  func value(of row: Row) -> Content? {
    guard row.quality != .bad, let value = number(of: row), value.asDouble.isFinite else { return nil }
    switch facts.form {
    case .flag: return .flag(value.asDouble != 0)
    case .word, .text: return Int64(exactly: value.asDouble).flatMap { config.words[$0] }.map { .word($0) }
    case .integer:
      let whole = conversion.apply(value.asDouble).rounded()
      return Int64(exactly: whole).map { .number(.signed($0)) }
    default:
      if conversion == UnitConversion(), facts.form != .angle { return .number(value) }
      return .number(.double(facts.turned(conversion.apply(value.asDouble))))
    }
  }

  private func number(of row: Row) -> Value? {
    switch row.body {
    case .reading(let value): return value
    case .window(let summary): return summary.value(of: config.statistic.function)
    case .alarm: return nil
    }
  }

  /// What goes beside the value; outside of the model's range it is sent as it is, and said to be so.
  func status(of row: Row, _ content: Content) -> AttributeInstance.Status {
    var status = AttributeInstance.Status(
      quality: row.quality, reason: row.reason.word, time: row.timeQuality, timeError: row.timeError)
    if case .number(let number) = content, !facts.range.contains(number.asDouble) {
      (status.quality, status.reason) = (.uncertain, "out-of-range")
    }
    return status
  }
}
