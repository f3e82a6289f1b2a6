internal import GatewayCore

/// The points of one GPIO bus in the order of the configuration. Pure: made once from the checked configuration.
struct GPIOPlan: Equatable, Sendable {
  struct Point: Equatable, Sendable {
    var index: PointIndex
    /// `device.point`
    var name: String
    var line: GPIOLine
    var period: Duration
    /// A place among the bus's devices.
    var device: Int
  }

  private(set) var points: [Point] = []
  /// The places of each device's points, in the order of the bus's devices.
  private(set) var devices: [Range<Int>] = []

  init(bus: String, of config: GatewayConfig) {
    var first: PointIndex = 0
    for device in config.devices {
      if device.bus == bus {
        let start = points.count
        for (place, point) in device.points.enumerated() {
          guard let line = point.line else { continue }
          points.append(
            Point(
              index: first + PointIndex(place), name: "\(device.name).\(point.name)", line: line,
              period: point.every, device: devices.count))
        }
        devices.append(start..<points.count)
      }
      first += PointIndex(device.points.count)
    }
  }
}
