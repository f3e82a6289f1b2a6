/// Which ThingsBoard devices the rows belong to.
package struct ThingsBoardConfig: Equatable, Sendable {
  /// The file of the access token. With `{device}` in it each device of the gateway is one of ThingsBoard's, with a
  /// file of its own; without, all rows are one device's.
  package var tokenFile: String

  package init(tokenFile: String) { self.tokenFile = tokenFile }

  package var hasDevices: Bool { tokenFile.contains("{device}") }

  package func tokenFile(of device: String) -> String { tokenFile.replacing("{device}", with: device) }
}

extension DestinationConfig.Format {
  /// ThingsBoard does not unpack.
  var isUsuallyGzip: Bool {
    switch self {
    case .json, .influx: true
    // Brokers do not unpack requests.
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
