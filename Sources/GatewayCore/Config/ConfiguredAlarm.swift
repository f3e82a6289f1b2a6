/// One alarm of a configuration, with what it is of.
package struct ConfiguredAlarm: Equatable, Sendable {
  /// What the alarm watches: a place in `GatewayConfig.catalogue`.
  package var point: PointIndex
  /// The alarm's own, for the catalogue of alarms.
  package var description: PointDescription
  package var config: AlarmConfig
  /// No value of the point may leave the gateway.
  package var hidesValue: Bool

  package init(point: PointIndex, description: PointDescription, config: AlarmConfig, hidesValue: Bool) {
    (self.point, self.description) = (point, description)
    (self.config, self.hidesValue) = (config, hidesValue)
  }
}

extension GatewayConfig {
  /// Every alarm, in the order of the file.
  package var alarms: [ConfiguredAlarm] {
    var alarms: [ConfiguredAlarm] = []
    var first: PointIndex = 0
    for device in devices {
      for alarm in DeviceConfig.alarms(of: device) {
        alarms.append(alarm)
        alarms[alarms.count - 1].point += first
      }
      first += PointIndex(device.points.count)
    }
    return alarms
  }

  package var hasAlarms: Bool {
    devices.contains { $0.points.contains { !$0.treatment.alarms.isEmpty } }
  }
}

extension DeviceConfig {
  /// `point` counts from the device's first.
  static func alarms(of device: DeviceConfig) -> [ConfiguredAlarm] {
    device.points.enumerated().flatMap { place, point in
      point.treatment.alarms.map { alarm in
        ConfiguredAlarm(
          point: PointIndex(place),
          description: PointDescription(
            name: "\(device.name).\(point.name)", unit: point.unit, kind: .alarm, window: .raw, functions: [],
            alarm: alarm.name),
          config: alarm, hidesValue: point.treatment.publishesOnlyAggregates)
      }
    }
  }
}
