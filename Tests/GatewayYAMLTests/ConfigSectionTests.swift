internal import GatewayCore
internal import GatewayYAML
internal import Testing

/// What each key means, in files that are right.
@Suite struct ConfigSectionTests {
  private func config(devices: String = "[]", destinations: String = "[]", rest: String = "") throws
    -> GatewayConfig
  {
    let text = """
      gateway: {id: x}
      buses: [{name: lan, type: modbus-tcp, address: h}]
      devices: \(devices)
      destinations: \(destinations)
      \(rest)
      """
    return try ConfigFile.check(Array(text.utf8), file: "test.yaml")
  }

  private func point(_ keys: String) throws -> PointConfig {
    let devices = "[{name: d, bus: lan, points: [{name: p, \(keys)}]}]"
    return try #require(try config(devices: devices).devices.first?.points.first)
  }

  @Test(
    arguments: [
      ("input 40", .input, 40), ("holding 65535", .holding, 65_535), ("coil 0", .coil, 0),
      ("discrete  2", .discrete, 2),
      ("00001", .coil, 0), ("09999", .coil, 9998), ("10001", .discrete, 0), ("30001", .input, 0),
      ("39999", .input, 9998), ("40101", .holding, 100), ("000001", .coil, 0), ("065536", .coil, 65_535),
      ("165536", .discrete, 65_535), ("365536", .input, 65_535), ("400101", .holding, 100),
    ] as [(String, RegisterTable, UInt16)])
  func bothFormsOfAnAddressMeanTheSameRegister(text: String, table: RegisterTable, address: UInt16) throws {
    let point = try point("at: \(text), type: \(table.isBits ? "bool" : "int16")")
    #expect(point.register?.table == table)
    #expect(point.register?.address == address)
  }

  @Test(arguments: [
    "input", "input -1", "input 65536", "input 0x10", "input 010", "input 1 2", "Input 1", "1", "0001",
    "00000", "000000",
    "065537", "20001", "50001", "30000", "400000", "465537", "4000001", "4e4", "\"\"",
  ])
  func otherAddressesAreRefused(text: String) {
    #expect(throws: ConfigProblems.self) { try point("at: \(text), type: int16") }
  }

  @Test(
    arguments: [
      ("int16", "32767", 0x7FFF), ("int16", "-32768", 0x8000), ("int16", "-1", 0xFFFF),
      ("int16", "0xFFFF", 0xFFFF),
      ("uint16", "65535", 0xFFFF), ("int32", "0x80000000", 0x8000_0000), ("int8", "-128", 0x80),
      ("uint64", "18446744073709551615", .max), ("uint64", "0xFFFFFFFFFFFFFFFF", .max),
      ("int64", "-9223372036854775808", 1 << 63), ("uint16, bits: 0-3", "15", 0xF),
    ] as [(String, String, UInt64)])
  func theValueThatMeansNoneIsTakenAsNumberOrPattern(type: String, text: String, pattern: UInt64) throws {
    #expect(
      try point("at: holding 1, type: \(type), invalid: \(text)").register?.layout.invalid == pattern)
  }

  @Test(arguments: [
    ("int16", "32768"), ("int16", "-32769"), ("int16", "0x10000"), ("uint16", "-1"), ("uint16", "65536"),
    ("uint16, bits: 0-3", "16"), ("uint64", "18446744073709551616"), ("uint16", "007"), ("uint16", "\"1\""),
    ("int64", "9223372036854775808"), ("uint16", "+1"), ("uint16", "0x"), ("float32", "1"), ("bcd16", "1"),
  ])
  func otherValuesThatMeanNoneAreRefused(type: String, text: String) {
    #expect(throws: ConfigProblems.self) { try point("at: holding 1, type: \(type), invalid: \(text)") }
  }

  @Test(arguments: [
    ("int16", "AB", false, false), ("uint16", "BA", false, true),
    ("int32", "ABCD", false, false), ("uint32", "CDAB", true, false), ("float32", "BADC", false, true),
    ("bcd32", "DCBA", true, true),
    ("int64", "ABCDEFGH", false, false), ("uint64", "GHEFCDAB", true, false),
    ("float64", "BADCFEHG", false, true),
    ("float64", "HGFEDCBA", true, true),
    ("float64", "ABCD", false, false), ("float64", "CDAB", true, false), ("float64", "BADC", false, true),
    ("float64", "DCBA", true, true),
  ])
  func theLettersOfAnOrderSayWhatIsExchanged(type: String, word: String, words: Bool, bytes: Bool) throws {
    let order = try point("at: holding 1, type: \(type), order: \(word)").register?.layout.order
    #expect(order == ByteOrder(wordsReversed: words, bytesSwapped: bytes))
  }

  @Test func partsOfARegisterAreNamed() throws {
    #expect(try point("at: coil 3").register?.layout == RegisterLayout(type: .bool, bitCount: 1))
    let bit = RegisterLayout(type: .bool, firstBit: 15, bitCount: 1)
    #expect(try point("at: input 3, type: bool, bit: 15").register?.layout == bit)
    let field = RegisterLayout(type: .uint32, firstBit: 4, bitCount: 28)
    #expect(try point("at: input 3, type: uint32, bits: 4-31").register?.layout == field)
    #expect(try point("at: input 3, type: int8, byte: high").register?.layout.usesHighByte == true)
    #expect(try point("at: input 3, type: int8").register?.layout.usesHighByte == false)
    #expect(try point("at: input 3, type: bcd").register?.layout.type == .bcd16)
    #expect(try point("at: input 3, type: int16").register?.layout.scale == .identity)
    #expect(
      try point("at: input 3, type: int16, scale: 0.1, offset: -40").register?.layout.scale.addend == -400)
  }

  @Test func aValueMayEndAtTheLastRegister() throws {
    #expect(try point("at: holding 65534, type: float32").register?.address == 65_534)
    #expect(throws: ConfigProblems.self) { try point("at: holding 65535, type: float32") }
    #expect(throws: ConfigProblems.self) { try point("at: holding 65533, type: float64") }
  }

  @Test func theNearestStatementCounts() throws {
    let devices = """
      [{name: a, bus: lan, points: [{name: p, at: coil 1}, {name: q, at: coil 1, every: 3s, window: raw}]},
       {name: b, bus: lan, every: 2s, functions: [sum], points: [{name: p, at: coil 1, functions: [stddev, max]}]}]
      """
    // What is said first in the file does not matter.
    let config = try config(devices: devices, rest: "defaults: {every: 7s, window: 1h, functions: [last]}")
    let points = config.devices.flatMap(\.points)
    #expect(points.map(\.every) == [.seconds(7), .seconds(3), .seconds(2)])
    #expect(points.map(\.window) == [.tumbling(seconds: 3600), .raw, .tumbling(seconds: 3600)])
    #expect(points.map(\.functions) == [.last, .last, [.standardDeviation, .max]])
  }

  @Test func nothingButTheIdIsNeeded() throws {
    let config = try ConfigFile.check(Array("gateway: {id: x}".utf8), file: "test.yaml")
    #expect(config == GatewayConfig(id: "x", buses: [], devices: [], destinations: []))
  }

  @Test(arguments: [
    "https://a.example", "HTTPS://a.example:8443/v1?x=y", "http://localhost:8080/", "http://127.0.0.1:1",
    "http://[::1]/",
  ])
  func theseURLsAreTaken(url: String) throws {
    #expect(try config(destinations: "[{name: x, url: \"\(url)\"}]").destinations.first?.url == url)
  }

  @Test func plainHTTPToAnotherMachineIsAsked() throws {
    let keys = "name: x, url: \"http://a.example/\""
    #expect(throws: ConfigProblems.self) { try config(destinations: "[{\(keys)}]") }
    #expect(throws: ConfigProblems.self) { try config(destinations: "[{\(keys), insecure: false}]") }
    #expect(try config(destinations: "[{\(keys), insecure: true}]").destinations.count == 1)
  }

  @Test(arguments: [
    "https://me:hunter2@a.example/", "htps://me:hunter2@a.example", "https:/me:hunter2@a", "hunter2 @",
  ])
  func noProblemRepeatsAPassword(url: String) {
    let problems = Fixtures.problems("gateway: {id: x}\ndestinations: [{name: x, url: \"\(url)\"}]")
    #expect(problems.count == 1)
    #expect(problems.allSatisfy { !$0.sentence.contains("hunter2") })
  }

  @Test func everyKeyOfADestinationCounts() throws {
    let keys = """
      name: x, url: "https://a.example", ack: echo, gzip: false, timeout: 1m, auth: {type: bearer, token-file: t},
      batch: {max-readings: 7, max-bytes: 8192, linger: 0s}, retry: {initial: 2s, max: 2s},
      tls: {ca: a.pem, certificate: c.pem, key: k.pem}, backfill: 256kbit/s, backlog: newest,
      proxy: "http://proxy.city.example:3128", proxy-auth: {user: u, password-file: p}
      """
    let destination = try #require(try config(destinations: "[{\(keys)}]").destinations.first)
    let expected = DestinationConfig(
      name: "x", url: "https://a.example", authentication: .bearer(tokenFile: "t"), acknowledgement: .echo,
      usesGzip: false, maximumReadings: 7, maximumBytes: 8192, linger: .zero, timeout: .seconds(60),
      retryInitial: .seconds(2), retryMaximum: .seconds(2),
      tls: DestinationConfig.TLS(authorities: "a.pem", certificate: "c.pem", key: "k.pem"),
      proxy: "http://proxy.city.example:3128", proxyAuthentication: .basic(user: "u", passwordFile: "p"),
      backfill: 256_000, backlog: .newest)
    #expect(destination == expected)
  }

  @Test func sensorThingsHasKeysOfItsOwnAndNeedsAPlace() throws {
    func problems(_ gateway: String, _ keys: String) -> [String] {
      Fixtures.problems("gateway: {\(gateway)}\ndestinations: [{name: x, format: sensorthings, \(keys)}]")
        .map(\.sentence)
    }
    let place = "id: x, location: {longitude: 2, latitude: 41}"
    #expect(problems(place, "url: \"https://a.example/v1.1/\"").isEmpty)
    #expect(
      problems("id: x", "url: \"https://a.example/v1.1\"") == [
        "\"gateway\" needs a place, location: {longitude: 2.1734, latitude: 41.3851}, for destination \"x\""
      ])
    #expect(
      problems(place, "url: \"https://a.example/v1.1?x=y\"") == [
        "\"url\" should be the service's root, such as https://city.example/v1.1, without a query (?)"
      ])
    #expect(
      problems(place, "url: \"https://a.example\", ack: echo") == [
        "\"ack\" should be left out: this format is answered row by row"
      ])
    #expect(
      problems(place, "url: \"https://a.example\", sensorthings: {failed: null, windowtime: instant}").count
        == 2)
    let text =
      "gateway: {\(place)}\ndestinations: [{name: x, url: \"https://a.example/v1.1/\", format: sensorthings, "
    let read = try ConfigFile.check(
      Array("\(text)sensorthings: {window-time: interval, failed: send, lookup: false}}]".utf8), file: "t")
    let destination = try #require(read.destinations.first)
    #expect(destination.url == "https://a.example/v1.1" && !destination.usesGzip)
    #expect(
      destination.format
        == .sensorThings(SensorThingsOptions(windowTime: .interval, failedRows: .null, looksUp: false)))
  }

  @Test func aDeviceNamesOneOfTheBuses() {
    func sentences(_ bus: String, buses: String) -> [String] {
      Fixtures.problems(
        "gateway: {id: x}\nbuses: \(buses)\ndevices: [{name: d, bus: \(bus), points: []}]"
      ).map(\.sentence)
    }
    let lan = "[{name: lan, type: modbus-tcp, address: h}]"
    #expect(sentences("lna", buses: lan) == ["there is no bus \"lna\"; did you mean \"lan\"?"])
    #expect(sentences("field", buses: lan) == ["there is no bus \"field\"; \"buses\" names \"lan\""])
    #expect(sentences("field", buses: "[]") == ["there is no bus \"field\"; \"buses\" names none"])
    let many = (0...400).map { "{name: b\($0), type: modbus-tcp, address: h}" }.joined(separator: ", ")
    #expect(sentences("b1", buses: "[\(many)]") == ["there are 401 buses; 400 are possible"])
  }

  @Test func sixteenDestinationsArePossible() throws {
    func list(_ count: Int) -> String {
      "[\((0..<count).map { "{name: d\($0), url: \"https://a.example\"}" }.joined(separator: ", "))]"
    }
    #expect(try config(destinations: list(16)).destinations.count == 16)
    #expect(throws: ConfigProblems.self) { try config(destinations: list(17)) }
  }

  @Test func tenThousandPointsArePossible() throws {
    func list(_ count: Int) -> String {
      let points = (0..<count).map { "{name: p\($0), at: coil 1}" }.joined(separator: ", ")
      return "[{name: d, bus: lan, points: [\(points)]}]"
    }
    #expect(try config(devices: list(10_000)).devices.first?.points.count == 10_000)
    #expect(throws: ConfigProblems.self) { try config(devices: list(10_001)) }
  }

  /// The catalogue's names are bounded by the bounds of their halves.
  @Test func aFullNameHas127BytesAtMost() throws {
    let name = String(repeating: "n", count: 63)
    let devices = "[{name: \(name), bus: lan, points: [{name: \(name), at: coil 1}]}]"
    #expect(try config(devices: devices).catalogue.map(\.name.utf8.count) == [127])
    #expect(throws: ConfigProblems.self) { try config(devices: "[{name: \(name)n, bus: lan, points: []}]") }
  }

  @Test(arguments: EvictionPolicy.allCases)
  func whatGoesWhenTheStoreIsFullIsOneOfTwoWords(policy: EvictionPolicy) throws {
    #expect(try config(rest: "store: {evict: \(policy.word)}").store.evict == policy)
    #expect(try config(rest: "store: {capacity: 64MiB}").store.evict == .oldest)
  }

  @Test(
    arguments: [
      ("{capacity: 8GB, cycles: 3000}", 8_000_000_000, 3000),
      ("{capacity: 7456MiB, cycles: 100}", 7456 << 20, 100),
      ("{capacity: 64MB, cycles: 1000000}", 64_000_000, 1_000_000),
      ("{capacity: 16TB, cycles: 3000}", 16_000_000_000_000, 3000),
      ("{capacity: 8GiB, cycles: 3000}", 8 << 30, 3000),
    ] as [(String, Int, Int)])
  func theFlashBudgetIsInThousandsOrInPowersOfTwo(text: String, capacity: Int, cycles: Int) throws {
    let config = try config(rest: "store: {flash: \(text)}")
    #expect(config.store.flash == FlashConfig(capacity: capacity, cycles: cycles))
  }

  @Test(
    arguments: [
      (
        "{capacity: 8G, cycles: 3000}",
        "5:27: \"capacity\" should be a size from 64MB to 16TB, or in MiB, GiB, TiB, not \"8G\""
          + "; did you mean \"8GB\"?"
      ),
      (
        "{capacity: 63MB, cycles: 3000}",
        "5:27: \"capacity\" should be a size from 64MB to 16TB, or in MiB, GiB, TiB, not \"63MB\""
      ),
      (
        "{capacity: 8GB, cycles: 99}",
        "5:40: \"cycles\" should be a whole number from 100 to 1000000, not \"99\""
      ),
      ("{capacity: 8GB}", "5:16: \"flash\" needs the key \"cycles\""),
      ("{cycles: 3000}", "5:16: \"flash\" needs the key \"capacity\""),
      ("8GB", "5:16: \"flash\" should be a mapping (key: value), not \"8GB\""),
    ])
  func aFlashBudgetThatIsNoneIsNamed(text: String, problem: String) throws {
    let problems = #expect(throws: ConfigProblems.self) { try config(rest: "store: {flash: \(text)}") }
    #expect(problems?.description == "test.yaml:\(problem)")
  }
}
