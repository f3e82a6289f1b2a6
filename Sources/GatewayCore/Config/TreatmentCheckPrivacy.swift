// What leaves of a point whose readings are somebody's.
extension TreatmentCheck {
  func privacy(_ keys: inout MappingReader, _ point: PointConfig, _ treatment: inout PointTreatment) {
    let window = point.window
    let publish = keys.take("publish")
    let word = publish.flatMap { keys.read($0, "publish", Self.publication) }
    treatment.publishesOnlyAggregates = word == true
    if let publish, word == true, window == .raw {
      log.add(
        publish,
        "\"publish: aggregate\" needs a window, such as \"window: 15m\"; this point's readings leave raw")
    }
    if let publish, word == true { checkWindow(of: point, publish) }
    let least = keys.take("min-count")
    treatment.minimumCount = UInt64(
      least.flatMap { keys.read($0, "min-count", .integer(2...1_000_000)) } ?? 0)
    if let least, window == .raw {
      log.add(least, "\"min-count\" needs a window, such as \"window: 15m\"; this point's readings leave raw")
    }
  }

  /// Neither windows of one reading nor the difference of two that lie over each other are to be one.
  private func checkWindow(of point: PointConfig, _ publish: ConfigNode) {
    if case .sliding = point.window {
      log.add(
        publish,
        "\"publish: aggregate\" needs a window that does not slide: the difference of two rows would be a reading"
      )
    } else if point.window != .raw, point.window.length < 2 * point.every.microseconds {
      log.add(publish, "\"publish: aggregate\" needs a window of at least two readings: twice \"every\"")
    }
  }

  private static var publication: ScalarForm<Bool> {
    .word(
      [("all", false), ("aggregate", true)],
      synonyms: ["aggregated": "aggregate", "aggregates": "aggregate", "raw": "all"])
  }
}
