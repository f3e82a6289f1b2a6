internal import GatewayCore
internal import GatewaySystem
internal import GatewayYAML
internal import Testing

/// Each profile that is installed, from what the device answers to values computed without the gateway.
@Suite struct ProfileImageTests {
  static let profiles = ProfileStore(places: [Fixtures.profiles]).names()

  private func config(_ profile: String) throws -> GatewayConfig {
    let text = """
      gateway: {id: x}
      buses: [{name: b, type: modbus-rtu, device: /dev/ttyS0, baud: 9600}]
      devices: [{name: d, bus: b, unit: 1, profile: \(profile)}]
      """
    return try ConfigFile.check(
      Array(text.utf8), file: "test.yaml", profiles: ProfileStore(places: [Fixtures.profiles]))
  }

  @Test func profilesAreFound() { #expect(Self.profiles.contains("eastron-sdm630")) }

  @Test(arguments: profiles)
  func everyPointOfAProfileHasItsValueFromARawImage(profile: String) throws {
    let config = try config(profile)
    let plan = PollPlan(bus: config.buses[0], of: config)
    let names = config.devices[0].points.map(\.name)
    for image in try ProfileImage.read(profile) {
      #expect(Set(names) == Set(image.values.keys), "the points of the profile and of the image")
      for request in plan.requests { try check(request, names, image) }
    }
    #expect(plan.requests.reduce(0) { $0 + $1.items.count } == names.count)
  }

  private func check(_ request: PollRequest, _ names: [String], _ image: ProfileImage) throws {
    // What lies between the points is nobody's, and must not matter.
    let words = (0..<Int(request.count)).map { offset in
      image.registers[
        ProfileImage.Register(table: "\(request.table.word)", address: Int(request.address) + offset)]
        ?? 0xDEAD
    }
    for item in request.items {
      let name = names[Int(item.point)]
      let expected = try #require(image.values[name])
      let decoded = words.withUnsafeBufferPointer { buffer in
        RegisterDecoder.decode(item.layout, buffer.baseAddress! + Int(item.offset))
      }
      switch decoded {
      case .notANumber: #expect(expected == nil, "\(name) has no value")
      case .value(.double(let value)): #expect(value == expected, "\(name)")
      case .value(.signed(let value)): #expect(Double(value) == expected, "\(name)")
      case .value(.unsigned(let value)): #expect(Double(value) == expected, "\(name)")
      }
    }
  }

  /// What a technician relies on when he changes one meter for another.
  @Test(arguments: profiles)
  func namesUnitsAndKindsAreThoseOfTheOtherProfiles(profile: String) throws {
    let units = ["power": "WTT", "import-energy": "KWH", "frequency": "HTZ", "temperature": "CEL"]
    for point in try config(profile).devices[0].points {
      if let unit = units[point.name] { #expect(point.unit == unit, "\(point.name)") }
      #expect((point.kind == .counter) == (point.name.contains("energy") || point.name == "rain"))
    }
  }

  @Test(arguments: profiles)
  func everyProfileCitesItsDocument(profile: String) throws {
    let root = try YAMLReader.read(try readFile("\(Fixtures.profiles)/\(profile).yaml"))
    let document = try #require(root["profile"]?["document"]?.text)
    #expect(document.count > 20)
  }

  /// The lines that the example shows as a comment are a device that can be run.
  @Test func theExamplesProfileCanBeRun() throws {
    let text = try Fixtures.text(Fixtures.example)
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let first = try #require(lines.firstIndex(of: "  # - name: mains"))
    for place in first..<lines.endIndex {
      guard lines[place].hasPrefix("  # ") else { break }
      lines[place] = "  " + lines[place].dropFirst(4)
    }
    let whole = lines.joined(separator: "\n")
    let store = ProfileStore(places: [Fixtures.profiles])
    let config = try ConfigFile.check(Array(whole.utf8), file: "gateway.yaml", profiles: store)
    let mains = try #require(config.devices.last)
    #expect(mains.points.map(\.name) == ["voltage-l1", "power", "import-energy"])
    #expect(mains.points.map(\.every) == [.seconds(1), .seconds(10), .seconds(10)])
  }
}
