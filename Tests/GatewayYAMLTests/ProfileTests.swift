internal import GatewayCore
internal import GatewayYAML
internal import Testing

/// What a device makes of its profile.
@Suite struct ProfileTests {
  private let site: ProfileSite

  init() throws { site = try ProfileSite() }

  @Test func aDeviceHasThePointsAndKeysOfItsProfile() throws {
    let device = try site.device("bus: lan, unit: 3, profile: meter")
    #expect(device.unit == 3)
    #expect(device.maximumRegisters == 20)
    #expect(device.points.map(\.name) == ["power", "energy"])
    #expect(device.points.map(\.every) == [.seconds(5), .seconds(60)])
    #expect(device.points.map(\.kind) == [.gauge, .counter])
    #expect(device.points[1].register?.address == 2)
  }

  @Test func theProfileKnowsBetterThanTheDefaults() throws {
    let device = try site.device("bus: lan, profile: meter", rest: "defaults: {every: 1s, window: 10s}")
    #expect(device.points.map(\.every) == [.seconds(5), .seconds(60)])
    #expect(device.points[0].window == .tumbling(seconds: 10))
  }

  @Test func whatTheDeviceSaysWinsOverTheProfileAndItsPoints() throws {
    let device = try site.device("bus: lan, profile: meter, every: 2s, max-registers: 10, window: raw")
    #expect(device.maximumRegisters == 10)
    #expect(device.points.map(\.every) == [.seconds(2), .seconds(2)])
    #expect(device.points.map(\.window) == [.raw, .raw])
  }

  @Test func aListedPointReplacesItsKeysOneByOneAndAddsNewOnes() throws {
    let device = try site.device(
      "bus: lan, profile: meter, points: [{name: fault, at: coil 1}, {name: energy, scale: 0.01, every: 10s}]"
    )
    #expect(device.points.map(\.name) == ["power", "energy", "fault"])
    let energy = device.points[1]
    #expect(energy.register?.layout.scale.scale == 0.01)
    #expect(energy.register?.layout.type == .uint32)
    #expect(energy.every == .seconds(10))
    #expect(energy.unit == "KWH")
    #expect(energy.kind == .counter)
  }

  @Test func onlyTakesWhatItNamesAndWhatTheDeviceLists() throws {
    #expect(try site.device("bus: lan, profile: meter, only: [energy]").points.map(\.name) == ["energy"])
    let listed = try site.device(
      "bus: lan, profile: meter, only: [power], points: [{name: energy, every: 9s}]")
    #expect(listed.points.map(\.name) == ["power", "energy"])
  }

  @Test func aProfileForASerialLineBringsItsFrameAndADevicesOwnReplacesItWhole() throws {
    try site.write(
      """
      profile: {maker: M, model: N, document: d}
      bus: serial
      frame: {type: line, delimiter: "\\r", prefix: R}
      points: [{name: level, field: 1}]
      """, to: "\(site.own)/talker.yaml")
    let device = try site.device("bus: mast, profile: talker")
    #expect(device.frame == FrameConfig(shape: .lines(delimiter: [0x0D])))
    #expect(device.points[0].field?.selector == [UInt8(ascii: "R")])
    let other = try site.device("bus: mast, profile: talker, frame: {type: nmea, sentence: MWV}")
    #expect(other.frame == FrameConfig(shape: .nmea(needsChecksum: true)))
    #expect(other.points[0].field?.selector == Array("MWV".utf8))
    // What only the profile could have brought is not missed where there is none of that name.
    #expect(site.problems("bus: mast, profile: talkr").count == 1)
    #expect(
      site.problems("bus: lan, profile: talker") == [
        "gateway.yaml:4:40: profile \"talker\" is for a serial bus, and \"lan\" is a modbus-tcp bus"
      ])
  }

  @Test func aSitesOwnProfileStandsInForAnInstalledOne() throws {
    try site.write(
      "profile: {maker: M, model: N, document: ours}\nbus: modbus\npoints: [{name: own, at: coil 0}]",
      to: "\(site.own)/meter.yaml")
    #expect(try site.device("bus: lan, profile: meter").points.map(\.name) == ["own"])
  }

  @Test func profilesAreFoundBesideTheConfigurationThatIsLoaded() throws {
    let path = String(site.own.dropLast("profiles".count)) + "gateway.yaml"
    try site.write(
      "profile: {maker: M, model: N, document: d}\nbus: modbus\npoints: [{name: own, at: coil 0}]",
      to: "\(site.own)/own.yaml")
    try site.write(
      """
      gateway: {id: x}
      buses: [{name: lan, type: modbus-tcp, address: h}]
      devices: [{name: d, bus: lan, profile: own}]
      """, to: path)
    #expect(try ConfigFile.load(path: path).devices[0].points.map(\.name) == ["own"])
    #expect(ProfileStore(beside: "gateway.yaml").places.first == "profiles")
    #expect(ProfileStore(beside: path).places.last == "/usr/share/gateway/profiles")
  }
}
