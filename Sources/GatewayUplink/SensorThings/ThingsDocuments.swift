internal import GatewayCore

/// The entities that a gateway makes at a SensorThings server (OGC 18-088, 8.2).
struct ThingsDocuments {
  let gateway: String
  let location: Location

  /// `canopy` and `no2` of `canopy.no2`.
  static func parts(of point: String) -> (device: String, quantity: String) {
    let parts = point.split(separator: ".", maxSplits: 1).map(String.init)
    return (parts.first ?? point, parts.count == 2 ? parts[1] : point)
  }

  private var mark: JSONValue { .object(["gateway": .string(gateway)]) }

  var thing: JSONValue {
    .object([
      "name": .string(gateway), "description": .string("street-cabinet gateway"), "properties": mark,
      "Locations": .array([place]),
    ])
  }

  var place: JSONValue {
    .object([
      "name": .string(gateway), "description": .string("where the cabinet stands"),
      "encodingType": .string("application/geo+json"),
      "location": .object([
        "type": .string("Point"),
        "coordinates": .array([.double(location.longitude), .double(location.latitude)]),
      ]),
    ])
  }

  func sensor(_ device: String) -> JSONValue {
    .object([
      "name": .string("\(gateway).\(device)"), "description": .string("device \(device) of \(gateway)"),
      "encodingType": .string("text/html"), "metadata": .string("https://\(gateway).invalid/\(device)"),
      "properties": mark,
    ])
  }

  /// The same for every gateway of a city.
  func property(_ quantity: String) -> JSONValue {
    .object([
      "name": .string(quantity),
      "definition": .string("urn:city-gateway:point:\(ThingsPath.encoded(quantity))"),
      "description": .string(quantity),
    ])
  }

  func datastream(
    _ point: PointDescription, thing: ThingsID, sensor: ThingsID, property: ThingsID
  ) -> JSONValue {
    let unit = UnitNames.of(point.datastreamUnit)
    let kind = point.kind == .alarm ? "OM_TruthObservation" : "OM_Measurement"
    return .object([
      "name": .string(point.datastreamName), "description": .string("\(point.datastreamName) of \(gateway)"),
      "observationType": .string("http://www.opengis.net/def/observationType/OGC-OM/2.0/\(kind)"),
      "unitOfMeasurement": .object([
        "name": .string(unit.name), "symbol": .string(unit.symbol), "definition": .string(unit.definition),
      ]),
      "properties": .object([
        "gateway": .string(gateway), "unit": .string(UnitNames.code(point.datastreamUnit)),
      ]),
      "Thing": link(thing), "Sensor": link(sensor), "ObservedProperty": link(property),
    ])
  }

  private func link(_ id: ThingsID) -> JSONValue { .object(["@iot.id": id.json]) }
}
