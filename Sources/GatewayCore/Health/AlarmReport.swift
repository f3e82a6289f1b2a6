/// One alarm for people, `gatewayctl alarms`.
package struct AlarmReport: Equatable, Sendable {
  package var name: String
  package var point: String
  /// UN/CEFACT code of the value.
  package var unit: String?
  package var isRaised: Bool
  /// When it was raised or cleared last; nil: not since the start.
  package var since: Timestamp?
  /// What did that.
  package var value: Value?
  /// How often it was raised in this run.
  package var raisings: UInt64

  package init(
    name: String, point: String, unit: String?, isRaised: Bool, since: Timestamp?, value: Value?,
    raisings: UInt64
  ) {
    (self.name, self.point, self.unit) = (name, point, unit)
    (self.isRaised, self.since, self.value, self.raisings) = (isRaised, since, value, raisings)
  }

  /// For `status`; nil while all is well.
  package var sentence: String? {
    isRaised ? "alarm \(point) \(name): raised since \(since.map { "\($0)" } ?? "the start")" : nil
  }

  package func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("name", name, to: &buffer)
    object.member("point", point, to: &buffer)
    object.member("state", isRaised ? "raised" : "cleared", to: &buffer)
    object.member("since", since, to: &buffer)
    object.member("value", to: &buffer) { buffer in
      if let value { JSONWriter.append(value: value, to: &buffer) } else { buffer.append("null") }
    }
    object.member("unit", unit, to: &buffer)
    object.member("raised", raisings, to: &buffer)
    object.end(&buffer)
  }

  /// nil without a name and a point.
  package init?(json: JSONValue) {
    guard let name = json["name"]?.string, let point = json["point"]?.string else { return nil }
    self.init(
      name: name, point: point, unit: json["unit"]?.string, isRaised: json["state"]?.string == "raised",
      since: json["since"]?.timestamp, value: json["value"].flatMap(Value.init(json:)),
      raisings: json.count("raised"))
  }
}
