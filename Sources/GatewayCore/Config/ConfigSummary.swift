extension GatewayConfig {
  /// What the configuration holds, in a few words: `3 buses, 12 devices, 240 points, 1 destination`.
  package var summary: String {
    [
      Self.counted(buses.count, "bus", "buses"), Self.counted(devices.count, "device", "devices"),
      Self.counted(devices.reduce(0) { $0 + $1.points.count }, "point", "points"),
      Self.counted(destinations.count, "destination", "destinations"),
    ].joined(separator: ", ")
  }

  private static func counted(_ number: Int, _ one: String, _ many: String) -> String {
    "\(number) \(number == 1 ? one : many)"
  }
}
