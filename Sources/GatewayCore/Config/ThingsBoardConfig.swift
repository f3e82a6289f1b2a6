/// Which ThingsBoard devices the rows belong to.
package struct ThingsBoardConfig: Equatable, Sendable {
  /// The file of the access token. With `{device}` in it each device of the gateway is one of ThingsBoard's, with a
  /// file of its own; without, all rows are one device's.
  package var tokenFile: String

  package init(tokenFile: String) { self.tokenFile = tokenFile }

  package var hasDevices: Bool { tokenFile.contains("{device}") }

  package func tokenFile(of device: String) -> String { tokenFile.replacing("{device}", with: device) }
}
