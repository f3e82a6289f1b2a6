internal import GatewayCore
internal import GatewayYAML
internal import Testing

/// What belongs to a destination's format.
@Suite struct FormatConfigTests {
  private func destination(_ keys: String) throws -> DestinationConfig {
    let text = """
      gateway: {id: x}
      buses: [{name: lan, type: modbus-tcp, address: h}]
      devices: []
      destinations:
        - {name: p, \(keys)}
      """
    return try #require(try ConfigFile.check(Array(text.utf8), file: "test.yaml").destinations.first)
  }

  private func problems(_ keys: String) -> String {
    let problems = #expect(throws: ConfigProblems.self) { try destination(keys) }
    return problems?.description ?? ""
  }

  @Test func influxHasADatabaseOrABucket() throws {
    let old = try destination(
      "url: \"https://i.example:8086/\", format: influx, influx: {database: city, retention: week}")
    #expect(old.format == .influx(InfluxConfig(place: .database("city", retentionPolicy: "week"))))
    #expect(old.url == "https://i.example:8086", "the format adds a path")
    #expect(old.usesGzip)
    let new = try destination(
      "url: \"https://i.example\", format: influx, gzip: false,"
        + " influx: {org: city, bucket: b, precision: ns, measurement: \"{device}-{point}\"}")
    #expect(
      new.format
        == .influx(
          InfluxConfig(
            place: .bucket("b", organization: "city"), precision: .nanoseconds,
            measurement: "{device}-{point}")))
    #expect(!new.usesGzip)
  }

  @Test func thingsBoardHasTokensInFiles() throws {
    let many = try destination(
      "url: \"https://t.example\", format: thingsboard, thingsboard: {token-file: \"tb-{device}\"}")
    #expect(many.format == .thingsboard(ThingsBoardConfig(tokenFile: "tb-{device}")))
    #expect(!many.usesGzip, "ThingsBoard does not unpack")
    let one = ThingsBoardConfig(tokenFile: "/etc/token")
    #expect(!one.hasDevices && one.tokenFile(of: "io") == "/etc/token")
    #expect(ThingsBoardConfig(tokenFile: "tb-{device}").tokenFile(of: "io") == "tb-io")
  }

  @Test(
    arguments: [
      ("format: influx", "\"influx\""), ("format: influx, influx: {}", "either \"database\""),
      ("format: influx, influx: {database: a, org: b, bucket: c}", "either \"database\""),
      ("format: influx, influx: {org: b}", "either \"database\""),
      ("format: influx, influx: {org: b, bucket: c, retention: d}", "either \"database\""),
      ("format: influx, influx: {database: a, precision: m}", "\"precision\" should be s, ms, us or ns"),
      ("format: influx, influx: {database: a, measurement: \"#x\"}", "begins with a letter"),
      ("format: influx, influx: {database: a, measurement: \"{unit}\"}", "begins with a letter"),
      ("format: influx, influx: {databse: a}", "did you mean \"database\"?"),
      ("influx: {database: a}", "\"influx\" needs \"format: influx\""),
      ("format: influx, influx: {database: a}, ack: echo", "\"ack: echo\" is for \"format: json\""),
      ("format: thingsboard", "a destination needs the key \"thingsboard\""),
      ("format: thingsboard, thingsboard: {}", "\"thingsboard\" needs the key \"token-file\""),
      ("format: thingsboard, thingsboard: {token-file: \"{dev}\"}", "with {device} in it"),
      ("format: json, thingsboard: {token-file: t}", "\"thingsboard\" needs \"format: thingsboard\""),
    ])
  func whatIsWrongIsSaidOnce(keys: String, sentence: String) {
    let problems = problems("url: \"https://i.example\", \(keys)")
    #expect(problems.contains(sentence), "\(problems)")
    #expect(problems.split(separator: "\n").count == (keys.contains("databse") ? 2 : 1), "\(problems)")
  }

  @Test func theURLEndsBeforeThePath() {
    let problems = problems("url: \"https://i.example/write?db=x\", format: influx, influx: {database: a}")
    #expect(
      problems
        == "test.yaml:5:20: \"url\" should end before the path: the format adds it, with what follows \"?\"")
  }
}
