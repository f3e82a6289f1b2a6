// What leaves of a point whose readings are somebody's.
extension TreatmentCheck {
  func privacy(_ keys: inout MappingReader, _ window: Window, _ treatment: inout PointTreatment) {
    let publish = keys.take("publish")
    let word = publish.flatMap { keys.read($0, "publish", Self.publication) }
    treatment.publishesOnlyAggregates = word == true
    if let publish, word == true, window == .raw {
      log.add(
        publish,
        "\"publish: aggregate\" needs a window, such as \"window: 15m\"; this point's readings leave raw")
    }
    let least = keys.take("min-count")
    treatment.minimumCount = UInt64(
      least.flatMap { keys.read($0, "min-count", .integer(2...1_000_000)) } ?? 0)
    if let least, window == .raw {
      log.add(least, "\"min-count\" needs a window, such as \"window: 15m\"; this point's readings leave raw")
    }
  }

  private static var publication: ScalarForm<Bool> {
    .word(
      [("all", false), ("aggregate", true)],
      synonyms: ["aggregated": "aggregate", "aggregates": "aggregate", "raw": "all"])
  }
}
