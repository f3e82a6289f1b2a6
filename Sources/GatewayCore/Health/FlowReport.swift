/// Every attribute that leaves the cabinet: to whom, how aggregated, and how long it is kept here. What a city writes
/// into its record of processing (GDPR, article 30).
package struct FlowReport: Equatable, Sendable {
  /// One point, or one alarm of it, on its way to one destination.
  package struct Flow: Equatable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
      /// Each reading.
      case readings
      /// Readings that differ from what was sent last.
      case changes
      /// Statistics of windows.
      case windows
      /// An alarm raised and cleared.
      case alarm
    }

    package var destination: String
    package var point: String
    /// UN/CEFACT code.
    package var unit: String?
    package var kind: Kind
    /// What the platform calls it, where that is not the point's name.
    package var attribute: String?
    /// Seconds of a window, and from row to row; 0 without one.
    package var window: UInt64 = 0
    package var slide: UInt64 = 0
    /// The words of a window's statistics.
    package var functions: [String] = []
    /// Windows of fewer readings give no row; 0: all do.
    package var minimumCount: UInt64 = 0
    /// Single readings never leave the memory.
    package var isAggregateOnly = false
    package var alarm: String?
  }

  package struct Destination: Equatable, Sendable {
    package var name: String
    /// Scheme and host: what follows may be a secret.
    package var address: String
    package var format: String
    /// It is told where the cabinet stands.
    package var getsLocation: Bool
  }

  package var gateway: String
  package var destinations: [Destination]
  package var flows: [Flow]
  /// Bytes of the store.
  package var capacity: UInt64
  /// Seconds after which a row goes, delivered or not; nil: it stays while there is room.
  package var retain: Double?
  /// What goes when there is no room, the configuration's word.
  package var evict: String
}

extension FlowReport {
  package init(_ config: GatewayConfig) {
    gateway = config.id
    destinations = config.destinations.map { Destination($0, hasLocation: config.location != nil) }
    (capacity, evict) = (UInt64(config.store.capacity), config.store.evict.word)
    retain = config.store.retain?.seconds
    flows = config.destinations.flatMap { destination in
      config.devices.flatMap { device in
        device.points.flatMap { Self.flows(of: $0, named: "\(device.name).\($0.name)", to: destination) }
      }
    }
  }

  private static func flows(
    of point: PointConfig, named name: String, to destination: DestinationConfig
  ) -> [Flow] {
    let alarms = point.treatment.alarms.map {
      Flow(destination: destination.name, point: name, unit: point.unit, kind: .alarm, alarm: $0.name)
    }
    var flow = Flow(destination: destination.name, point: name, unit: point.unit, kind: .readings)
    flow.window = UInt64(point.window.length / 1_000_000)
    flow.slide = UInt64(point.window.step / 1_000_000)
    if point.window != .raw {
      flow.kind = .windows
      flow.functions = WindowFunctions.words.filter { point.functions.contains($0.function) }.map {
        "\($0.word)"
      }
    } else if point.treatment.report != nil {
      flow.kind = .changes
    }
    flow.minimumCount = point.treatment.minimumCount
    flow.isAggregateOnly = point.treatment.publishesOnlyAggregates
    guard case .ngsi(let ngsi) = destination.format else { return [flow] + alarms }
    // A broker gets what is an attribute of an entity, and nothing else.
    let attributes = ngsi.entities.flatMap { entity in
      entity.attributes.filter { $0.point == name }.map { (entity, $0) }
    }
    return attributes.map { entity, attribute in
      var flow = flow
      flow.attribute = "\(entity.type).\(attribute.name)" + (attribute.part.map { ".\($0)" } ?? "")
      if point.window != .raw { flow.functions = [attribute.statistic.rawValue] }
      return flow
    } + alarms
  }
}

extension FlowReport.Destination {
  fileprivate init(_ config: DestinationConfig, hasLocation: Bool) {
    name = config.name
    let scheme = config.url.prefix { $0 != ":" }
    let authority = config.url.dropFirst(scheme.count + 3).prefix { $0 != "/" && $0 != "?" }
    address = "\(scheme)://\(authority)"
    switch config.format {
    case .json: (format, getsLocation) = ("json", false)
    case .influx: (format, getsLocation) = ("influx", false)
    case .thingsboard: (format, getsLocation) = ("thingsboard", false)
    case .ngsi(let ngsi): (format, getsLocation) = ("ngsi-ld", ngsi.entities.contains { $0.location != nil })
    case .sensorThings: (format, getsLocation) = ("sensorthings", hasLocation)
    }
  }
}

// MARK: - JSON

extension FlowReport {
  package func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("gateway", gateway, to: &buffer)
    object.member("destinations", destinations, to: &buffer) { destination, buffer in
      var object = ObjectWriter(&buffer)
      object.member("name", destination.name, to: &buffer)
      object.member("address", destination.address, to: &buffer)
      object.member("format", destination.format, to: &buffer)
      object.member("location", destination.getsLocation, to: &buffer)
      object.end(&buffer)
    }
    object.member("flows", flows, to: &buffer) { $0.appendJSON(to: &$1) }
    object.member("kept", to: &buffer) { buffer in
      var object = ObjectWriter(&buffer)
      object.member("capacity", capacity, to: &buffer)
      object.member("retain", seconds: retain, to: &buffer)
      object.member("evict", evict, to: &buffer)
      object.end(&buffer)
    }
    object.end(&buffer)
  }

  /// nil for what is no such report.
  package init?(json: JSONValue) {
    guard let gateway = json["gateway"]?.string, let flows = json["flows"]?.array else { return nil }
    self.init(
      gateway: gateway,
      destinations: json["destinations"]?.array?.compactMap { Destination(json: $0) } ?? [],
      flows: flows.compactMap { Flow(json: $0) }, capacity: json["kept"]?.count("capacity") ?? 0,
      retain: json["kept"]?["retain"]?.double, evict: json["kept"]?["evict"]?.string ?? "")
  }
}

extension FlowReport.Destination {
  fileprivate init?(json: JSONValue) {
    guard let name = json["name"]?.string else { return nil }
    self.init(
      name: name, address: json["address"]?.string ?? "", format: json["format"]?.string ?? "",
      getsLocation: json["location"]?.bool ?? false)
  }
}

extension FlowReport.Flow {
  fileprivate func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("destination", destination, to: &buffer)
    object.member("point", point, to: &buffer)
    object.member("unit", unit, to: &buffer)
    object.member("kind", kind.rawValue, to: &buffer)
    object.member("attribute", attribute, to: &buffer)
    object.member("window", window, to: &buffer)
    object.member("slide", slide, to: &buffer)
    object.member("functions", functions, to: &buffer) { JSONWriter.append(string: $0, to: &$1) }
    object.member("minCount", minimumCount, to: &buffer)
    object.member("aggregateOnly", isAggregateOnly, to: &buffer)
    object.member("alarm", alarm, to: &buffer)
    object.end(&buffer)
  }

  fileprivate init?(json: JSONValue) {
    guard let destination = json["destination"]?.string, let point = json["point"]?.string,
      let kind = json["kind"]?.string.flatMap(Kind.init(rawValue:))
    else { return nil }
    self.init(destination: destination, point: point, unit: json["unit"]?.string, kind: kind)
    attribute = json["attribute"]?.string
    (window, slide) = (json.count("window"), json.count("slide"))
    functions = json["functions"]?.array?.compactMap(\.string) ?? []
    minimumCount = json.count("minCount")
    isAggregateOnly = json["aggregateOnly"]?.bool ?? false
    alarm = json["alarm"]?.string
  }
}
