internal import GatewayCore
internal import GatewayYAML
internal import Testing

/// From `entity` and `attribute` to what an NGSI-LD destination writes, or to sentences.
@Suite struct EntityConfigTests {
  private func text(_ device: String, _ destination: String = "", gateway: String = "") -> String {
    """
    gateway: {id: cab17\(gateway)}
    buses: [{name: lan, type: modbus-tcp, address: h}]
    devices:
      - {name: aq, bus: lan, \(device)}
    destinations: [{name: broker, url: "https://broker.city.example/", format: ngsi-ld\(destination)}]
    """
  }

  private let place = ", location: {longitude: 2.1734, latitude: 41.3851}"

  private func ngsi(_ device: String, _ destination: String = "") throws -> (DestinationConfig, NGSIConfig) {
    let bytes = Array(text(device, destination, gateway: place).utf8)
    let config = try ConfigFile.check(bytes, file: "test.yaml")
    let destination = config.destinations[0]
    guard case .ngsi(let ngsi) = destination.format else {
      throw ConfigProblems(file: "no ngsi", Fixtures.problems(""))
    }
    return (destination, ngsi)
  }

  private func sentences(_ device: String, _ destination: String = "", gateway: String? = nil) -> [String] {
    Fixtures.problems(text(device, destination, gateway: gateway ?? place)).map(\.sentence)
  }

  private func point(_ rest: String, _ type: String = "AirQualityObserved") -> String {
    "entity: {type: \(type)}, points: [{name: p, at: input 0, type: uint16, \(rest)}]"
  }

  @Test func theSmallestMappingIsComplete() throws {
    let (destination, ngsi) = try ngsi(point("unit: GQ, attribute: no2"))
    #expect(destination.url == "https://broker.city.example" && !destination.usesGzip)
    #expect(
      ngsi
        == NGSIConfig(entities: [
          EntityConfig(
            id: "urn:ngsi-ld:AirQualityObserved:cab17:aq", type: "AirQualityObserved",
            location: Location(longitude: 2.1734, latitude: 41.3851),
            attributes: [EntityAttribute(point: "aq.p", name: "no2")])
        ]))
  }

  @Test func everyKeyIsRead() throws {
    let device = """
      entity: {type: Streetlight, id: "urn:ngsi-ld:Streetlight:s1", location: {longitude: 1, latitude: 2},
          fixed: {status: ok, circuit: C 7, refDevice: ["urn:ngsi-ld:Device:d1"], lanternHeight: 4.5}},
        points: [{name: lamp, at: coil 0, attribute: {name: powerState, map: {0: "off", 1: "on"}}},
          {name: amps, at: input 1, type: uint16, unit: 4K, attribute: {name: current, value: max}}]
      """
    let (_, ngsi) = try ngsi(
      device, ", tenant: city, context: link, context-url: \"https://c.example/c.jsonld\", gzip: true")
    #expect(ngsi.tenant == "city" && ngsi.context == .link && ngsi.contextURL == "https://c.example/c.jsonld")
    let entity = try #require(ngsi.entities.first)
    #expect(
      entity.id == "urn:ngsi-ld:Streetlight:s1" && entity.location == Location(longitude: 1, latitude: 2))
    #expect(
      entity.fixed == [
        #""status":{"type":"Property","value":"ok"}"#, #""circuit":{"type":"Property","value":"C 7"}"#,
        #""refDevice":{"type":"Relationship","object":["urn:ngsi-ld:Device:d1"]}"#,
        #""lanternHeight":{"type":"Property","value":4.5}"#,
      ])
    #expect(
      entity.attributes == [
        EntityAttribute(point: "aq.lamp", name: "powerState", statistic: .last, words: [0: "off", 1: "on"]),
        EntityAttribute(point: "aq.amps", name: "current", statistic: .max),
      ])
  }

  @Test func devicesMayShareAnEntity() throws {
    let file = """
      gateway: {id: x, location: {longitude: 1, latitude: 2}}
      buses: [{name: lan, type: modbus-tcp, address: h}]
      devices:
        - {name: gas, bus: lan, entity: {type: AirQualityObserved, id: "urn:a:1"},
           points: [{name: p, at: input 0, type: uint16, unit: GQ, attribute: no2}]}
        - {name: air, bus: lan, entity: {type: AirQualityObserved, id: "urn:a:1"},
           points: [{name: p, at: input 0, type: uint16, unit: CEL, attribute: temperature}]}
      destinations: [{name: broker, url: "https://h", format: ngsi-ld}]
      """
    let config = try ConfigFile.check(Array(file.utf8), file: "t")
    guard case .ngsi(let ngsi) = config.destinations[0].format else { return #expect(Bool(false)) }
    #expect(ngsi.entities.count == 1 && ngsi.entities[0].attributes.map(\.point) == ["gas.p", "air.p"])
    let twice = file.replacing("unit: CEL, attribute: temperature", with: "unit: GQ, attribute: no2")
    #expect(
      Fixtures.problems(twice).map(\.sentence) == ["\"no2\" of \"urn:a:1\" has a value already, in line 5"])
    let types = file.replacing(
      "{type: AirQualityObserved, id: \"urn:a:1\"},\n     points: [{name: p, at: input 0, type: uint16, unit: CEL",
      with:
        "{type: WeatherObserved, id: \"urn:a:1\"},\n     points: [{name: p, at: input 0, type: uint16, unit: CEL"
    )
    #expect(
      Fixtures.problems(types).map(\.sentence) == [
        "entity \"urn:a:1\" has type AirQualityObserved in line 4, and one entity has one type"
      ])
  }

  @Test func mistakesAreNamed() {
    let expected: [(String, String)] = [
      (
        point("unit: GQ, attribute: pm26"),
        "AirQualityObserved has no attribute \"pm26\"; did you mean \"pm25\"?"
      ),
      (
        point("unit: CEL, attribute: no2"),
        "\"no2\" of AirQualityObserved is in GQ, GP, 59 or 61, and the point's CEL cannot be made into that"
      ),
      (
        point("attribute: temperature"),
        "\"temperature\" of AirQualityObserved is in CEL: the point should say its \"unit\""
      ),
      (
        point("attribute: relativeHumidity"),
        "\"relativeHumidity\" of AirQualityObserved is a share from 0 to 1: the point should say \"unit: P1\" (per cent) or C62"
      ),
      (point("attribute: dateObserved"), "\"dateObserved\" is no measured value: a point cannot be it"),
      (
        point("attribute: typeofLocation"),
        "\"typeofLocation\" is a word: say what the numbers mean, {name: typeofLocation, map: {0: …, 1: …}}"
      ),
      (
        point("attribute: {name: typeofLocation, map: {0: indor}}"),
        "\"0\" should be indoor or outdoor, not \"indor\"; did you mean \"indoor\"?"
      ),
      (point("unit: GQ, attribute: {name: no2, map: {0: off}}"), "\"no2\" is a number: it takes no \"map\""),
      (
        point("unit: DD, attribute: {name: windDirection, value: mean}"),
        "350 and 10 degrees are north, not south: a direction takes \"vmean\" (\"kind: direction\"), or last"
      ),
      (
        point("unit: 2N, attribute: LAeq", "NoiseLevelObserved"),
        "decibels have no mean: \"LAeq\" needs \"window: raw\", or {name: LAeq, value: last} (or max)"
      ),
      (
        point("unit: WTT, attribute: activePower", "ThreePhaseAcMeasurement"),
        "\"activePower\" has parts: it should be \"activePower.L1\", \"activePower.L2\" or \"activePower.L3\""
      ),
      (
        point("kind: counter, attribute: intensity", "TrafficFlowObserved"),
        "\"intensity\" counts within the period, and a counter counts for ever: the point should have \"increase\" among its \"functions\", or say which \"value\""
      ),
      (
        point("unit: VLT, attribute: phaseVoltage.L1", "ACMeasurement"),
        "ACMeasurement needs \"phaseType\", one of singlePhase, threePhase: under \"fixed\", or as the \"attribute\" of a point"
      ),
      (
        "points: [{name: p, at: input 0, type: uint16, attribute: no2}], entity: {type: AirQuality}",
        "\"type\" should be \(alternatives(SmartModel.all.map(\.name))), not \"AirQuality\"; did you mean \"AirQualityObserved\"?"
      ),
      (
        "entity: {type: WeatherObserved, id: \"urn:a b\"}, points: [{name: p, at: input 0, type: uint16}]",
        "\"id\" should be a URI such as urn:ngsi-ld:Device:d1 of letters, digits and \"-._~:\", 256 at most, not the text \"urn:a b\""
      ),
      (
        "entity: {type: WeatherObserved, fixed: {dateObserved: x}}, points: [{name: p, at: input 0, type: uint16}]",
        "\"dateObserved\" is written by the gateway and cannot be fixed"
      ),
      (
        "entity: {type: AirQualityObserved, fixed: {reliability: 2}}, points: [{name: p, at: input 0, type: uint16}]",
        "\"reliability\" should be a number from 0 to 1, not \"2\""
      ),
    ]
    for (device, sentence) in expected { #expect(sentences(device) == [sentence]) }
    let alone = sentences("points: [{name: p, at: input 0, type: uint16, attribute: no2}]")
    #expect(
      alone.contains("\"attribute\" needs an \"entity\" at the device, such as {type: AirQualityObserved}"))
    #expect(
      alone.contains(
        "ngsi-ld needs at least one device with an \"entity\", such as {type: AirQualityObserved}"))
    #expect(
      sentences(point("unit: GQ, attribute: no2"), gateway: "") == [
        "AirQualityObserved needs a \"location\", here or under \"gateway\""
      ])
  }

  @Test func theTemporalAPITakesTheBacklogWhereThatIsSaid() throws {
    let device = point("unit: GQ, attribute: no2")
    let (destination, usual) = try ngsi(device)
    #expect(usual.history == .upsert && destination.format.keepsOrder && !destination.format.hasHistory)
    let (other, temporal) = try ngsi(device, ", history: temporal, backlog: newest, backfill: 256kbit/s")
    #expect(temporal.history == .temporal && !other.format.keepsOrder && other.format.hasHistory)
    #expect(other.backlog == .newest && other.backfill == 256_000)
  }

  @Test func aDestinationsMistakesAreNamed() {
    let device = point("unit: GQ, attribute: no2")
    #expect(sentences(device, ", ack: echo").first?.hasPrefix("\"ack\" is for the json format") == true)
    #expect(sentences(device, ", backlog: newest").first?.hasPrefix("\"backlog\" is not for ngsi-ld") == true)
    #expect(sentences(device, ", history: upsert, backfill: 1Mbit/s").count == 1)
    #expect(
      sentences(device, ", history: temporl, backlog: newest") == [
        "\"history\" should be upsert or temporal, not \"temporl\"; did you mean \"temporal\"?"
      ])
    #expect(
      Fixtures.problems(
        text(device, ", history: temporal", gateway: place).replacing("format: ngsi-ld", with: "format: json")
      ).map(\.sentence) == ["\"history\" needs \"format: ngsi-ld\""])
    #expect(sentences(device, ", tenant: \"a b\"").count == 1)
    #expect(sentences(device, ", context-url: nowhere").count == 1)
    #expect(
      sentences(device, ", context: links") == [
        "\"context\" should be body or link, not \"links\"; did you mean \"link\"?"
      ])
    let whole = text(device, gateway: place).replacing(
      "example/\"", with: "example/ngsi-ld/v1/entityOperations/upsert\"")
    #expect(Fixtures.problems(whole).count == 1)
    let two = text(device, ", context: link", gateway: place).replacing(
      "destinations:",
      with:
        "  - {name: w, bus: lan, entity: {type: WeatherObserved}, points: [{name: p, at: input 0, type: uint16}]}\ndestinations:"
    )
    #expect(
      Fixtures.problems(two).map(\.sentence).first?.hasPrefix("one Link header cannot name the contexts of")
        == true)
  }

  @Test func everyProfilesMappingFitsItsModels() throws {
    let fixed = [
      "ACMeasurement": ", fixed: {phaseType: singlePhase}",
      "StreetlightControlCabinet": ", fixed: {workingMode: automatic, refStreetlightGroup: [\"urn:g:1\"]}",
    ]
    var mapped = 0
    for (profile, models) in [
      ("eastron-sdm630", ["ThreePhaseAcMeasurement", "StreetlightControlCabinet"]),
      ("eastron-sdm72d", ["ThreePhaseAcMeasurement", "StreetlightControlCabinet"]),
      ("abb-b23", ["ThreePhaseAcMeasurement", "StreetlightControlCabinet"]),
      ("carlo-gavazzi-em340", ["ThreePhaseAcMeasurement", "StreetlightControlCabinet"]),
      ("schneider-iem3155", ["ThreePhaseAcMeasurement", "StreetlightControlCabinet"]),
      ("eastron-sdm120", ["ACMeasurement"]), ("eastron-sdm230", ["ACMeasurement"]),
      ("gill-windsonic", ["WeatherObserved", "AirQualityObserved"]),
      ("lufft-ws600-umb", ["WeatherObserved", "AirQualityObserved"]),
      ("xy-md02", ["WeatherObserved", "AirQualityObserved"]), ("nova-sds011", ["AirQualityObserved"]),
      ("plantower-pms5003", ["AirQualityObserved"]), ("maxbotix-mb7389", ["FloodMonitoring"]),
      ("sonbest-sm7901", ["NoiseLevelObserved"]),
    ] {
      for model in models {
        for bus in ["lan", "mast"] {
          let text = """
            gateway: {id: x, location: {longitude: 1, latitude: 2}}
            buses: [{name: lan, type: modbus-tcp, address: h}, {name: mast, type: serial, device: /dev/ttyS1, baud: 9600}]
            devices: [{name: d, bus: \(bus), profile: \(profile), entity: {type: \(model)\(fixed[model] ?? "")}}]
            destinations: [{name: broker, url: "https://h", format: ngsi-ld}]
            """
          let store = ProfileStore(places: [Fixtures.profiles])
          do throws(ConfigProblems) {
            let config = try ConfigFile.check(Array(text.utf8), file: "t", profiles: store)
            guard case .ngsi(let ngsi) = config.destinations[0].format else { continue }
            #expect(!ngsi.entities[0].attributes.isEmpty, "\(profile) as \(model)")
            mapped += 1
          } catch {
            // Each profile is for one of the two buses.
            #expect(error.description.contains("is for a"), "\(profile) as \(model): \(error)")
          }
        }
      }
    }
    #expect(mapped == 22)
  }
}
