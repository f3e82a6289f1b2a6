internal import GatewayCore
internal import GatewaySystem
internal import GatewayYAML
internal import Testing

/// Each profile that is installed, from what the device answers to values computed without the gateway.
@Suite struct ProfileImageTests {
  static let profiles = ProfileStore(places: [Fixtures.profiles]).names()

  private func config(_ profile: String) throws -> GatewayConfig {
    let root = try YAMLReader.read(try readFile("\(Fixtures.profiles)/\(profile).yaml"))
    let type = root["bus"]?.text == "serial" ? "serial" : "modbus-rtu"
    let text = """
      gateway: {id: x}
      buses: [{name: b, type: \(type), device: /dev/ttyS0, baud: 9600}]
      devices: [{name: d, bus: b, profile: \(profile)}]
      """
    return try ConfigFile.check(
      Array(text.utf8), file: "test.yaml", profiles: ProfileStore(places: [Fixtures.profiles]))
  }

  @Test func thereAreProfilesForTwelveDevices() { #expect(Self.profiles.count >= 12) }

  @Test(arguments: profiles)
  func everyPointOfAProfileHasItsValueFromARawImage(profile: String) throws {
    let config = try config(profile)
    let device = config.devices[0]
    let plan = PollPlan(bus: config.buses[0], of: config)
    for image in try ProfileImage.read(profile) {
      #expect(Set(device.points.map(\.name)) == Set(image.values.keys), "the points of profile and image")
      if let frame = device.frame {
        try check(frame, device.points, image)
      } else {
        for request in plan.requests {
          #expect(request.count <= device.maximumRegisters)
          try check(request, device.points, image)
        }
        #expect(plan.requests.reduce(0) { $0 + $1.items.count } == device.points.count)
      }
    }
  }

  private func check(_ request: PollRequest, _ points: [PointConfig], _ image: ProfileImage) throws {
    // What lies between the points is nobody's, and must not matter.
    let words = (0..<Int(request.count)).map { offset in
      image.registers[
        ProfileImage.Register(table: "\(request.table.word)", address: Int(request.address) + offset)]
        ?? 0xDEAD
    }
    for item in request.items {
      let decoded = words.withUnsafeBufferPointer { buffer in
        RegisterDecoder.decode(item.layout, buffer.baseAddress! + Int(item.offset))
      }
      let value: Value? = if case .value(let value) = decoded { value } else { nil }
      try check(value, points[Int(item.point)].name, image)
    }
  }

  /// The frame comes behind noise and the end of another one, as it does when a port is opened.
  private func check(_ config: FrameConfig, _ points: [PointConfig], _ image: ProfileImage) throws {
    var decoder = FrameDecoder(config.shape)
    let bytes = [0x00, 0x42, 0xAA, 0x52] + image.frame.suffix(3) + image.frame + image.frame
    #expect(bytes.withUnsafeBytes { decoder.append($0) } == bytes.count)
    var frames = 0
    while let event = decoder.next() {
      guard case .frame(let frame) = event else { continue }
      frames += 1
      for point in points {
        let reading = config.read(try #require(point.field), in: frame)
        let value: Value? = if case .value(let value) = reading { value } else { nil }
        #expect(reading != .other, "\(point.name)")
        try check(value, point.name, image)
      }
    }
    #expect(frames >= 1)
    #expect(decoder.statistics.badChecksums == 0)
  }

  private func check(_ value: Value?, _ point: String, _ image: ProfileImage) throws {
    let expected = try #require(image.values[point])
    #expect(value?.asDouble == expected, "\(point)")
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
