/// The mapping `influx` of a destination with that format.
extension ConfigCheck {
  /// nil where it cannot be read, which was said.
  func influx(_ keys: inout MappingReader) -> InfluxConfig? {
    guard var keys = requireMapping("influx", of: &keys) else { return nil }
    let precision = keys.optional("precision", .word(InfluxConfig.Precision.allCases.map { ($0.word, $0) }))
    let measurement = keys.optional("measurement", Self.measurement)
    let place = place(&keys)
    keys.finish()
    guard let place else { return nil }
    var config = InfluxConfig(place: place)
    config.precision = precision ?? config.precision
    config.measurement = measurement ?? config.measurement
    return config
  }

  private func place(_ keys: inout MappingReader) -> InfluxConfig.Place? {
    let name = ScalarForm<String>.text("a name", limit: 256)
    let database = keys.optional("database", name)
    let policy = keys.optional("retention", name)
    let organization = keys.optional("org", name)
    let bucket = keys.optional("bucket", name)
    switch (keys.take("database") != nil, keys.take("org") != nil, keys.take("bucket") != nil) {
    case (true, false, false): return database.map { .database($0, retentionPolicy: policy) }
    case (false, true, true) where keys.take("retention") == nil:
      return bucket.flatMap { bucket in organization.map { .bucket(bucket, organization: $0) } }
    default:
      log.add(
        keys.node,
        "\"influx\" needs either \"database\" (version 1, perhaps with \"retention\") or \"org\" and \"bucket\""
          + " (version 2)")
      return nil
    }
  }

  /// A line that begins with # is a comment; names that begin with _ are InfluxDB's own.
  private static var measurement: ScalarForm<String> {
    let places = ["{gateway}", "{device}", "{point}"]
    return .text("").map(
      "a name that begins with a letter, perhaps with {gateway}, {device} or {point} in it"
    ) { text in
      let rest = places.reduce(text) { $0.replacing($1, with: "x") }
      guard let first = rest.unicodeScalars.first, first.properties.isAlphabetic else { return nil }
      return rest.contains { "{}\\".contains($0) } ? nil : text
    }
  }
}
