extension DestinationConfig {
  /// What the platform speaks.
  package enum Format: Equatable, Sendable {
    /// The contract's native batch.
    case json
    case influx(InfluxConfig)
    case thingsboard(ThingsBoardConfig)
    /// Entities for an NGSI-LD broker; the URL is the broker's base.
    case ngsi(NGSIConfig)
    /// `CreateObservations`; the URL is the service's root.
    case sensorThings(SensorThingsOptions)

    /// What came last is what the platform shows: rows must leave in their order.
    package var keepsOrder: Bool {
      switch self {
      case .json, .influx, .thingsboard, .sensorThings: false
      case .ngsi(let config): config.history == .upsert
      }
    }

    /// What is old goes elsewhere than what is new, and changes nothing of the present there.
    package var hasHistory: Bool {
      if case .ngsi(let config) = self { config.history == .temporal } else { false }
    }

    /// Whether requests are compressed unless the configuration says otherwise.
    var isUsuallyGzip: Bool {
      switch self {
      case .json, .influx: true
      // None of these is known to unpack requests.
      case .thingsboard, .ngsi, .sensorThings: false
      }
    }

    /// Whether the configured URL is only the beginning of what is posted to.
    var addsPath: Bool {
      switch self {
      case .json: false
      case .influx, .thingsboard, .ngsi, .sensorThings: true
      }
    }
  }
}
