internal import GatewayCore
internal import GatewaySystem
internal import GatewayYAML
internal import Glibc
internal import Testing

/// What a device makes of its profile, with profiles of the test's own in directories of its own.
@Suite final class ProfileTests {
  private let site: String
  private let installed: String
  /// What is to be removed, each directory before what is in it.
  private var made: [String] = []

  init() throws {
    var template = Array("/tmp/gateway-profiles-XXXXXX".utf8CString)
    let root = try #require(mkdtemp(&template).map { String(cString: $0) })
    (site, installed) = ("\(root)/profiles", "\(root)/installed")
    made = [root]
    try makeFolder(site)
    try makeFolder(installed)
    try write(
      """
      profile: {maker: M, model: N, document: "M N manual, section 1"}
      bus: modbus
      every: 5s
      max-registers: 20
      points:
        - {name: power, at: input 0, type: float32, unit: WTT}
        - {name: energy, at: input 2, type: uint32, scale: 0.1, unit: KWH, kind: counter, every: 60s}
      """, to: "\(installed)/meter.yaml")
  }

  deinit { for path in made.reversed() { remove(path) } }

  private func makeFolder(_ path: String) throws {
    try makeDirectory(path)
    made.append(path)
  }

  private func write(_ text: String, to path: String) throws {
    let file = try #require(fopen(path, "w"))
    made.append(path)
    fputs(text, file)
    fclose(file)
  }

  private func load(_ device: String, rest: String = "") -> Result<DeviceConfig, ConfigProblems> {
    let text = """
      gateway: {id: x}
      buses: [{name: lan, type: modbus-tcp, address: h}, {name: pins, type: gpio, chip: /dev/gpiochip0}]
      devices: [{name: d, \(device)}]
      \(rest)
      """
    do throws(ConfigProblems) {
      let store = ProfileStore(places: [site, installed])
      return .success(
        try ConfigFile.check(Array(text.utf8), file: "gateway.yaml", profiles: store).devices[0])
    } catch { return .failure(error) }
  }

  private func device(_ text: String, rest: String = "") throws -> DeviceConfig {
    try load(text, rest: rest).get()
  }

  private func problems(_ text: String) -> [String] {
    guard case .failure(let problems) = load(text) else { return [] }
    return problems.description.split(separator: "\n").map(String.init)
  }

  @Test func aDeviceHasThePointsAndKeysOfItsProfile() throws {
    let device = try device("bus: lan, unit: 3, profile: meter")
    #expect(device.unit == 3)
    #expect(device.maximumRegisters == 20)
    #expect(device.points.map(\.name) == ["power", "energy"])
    #expect(device.points.map(\.every) == [.seconds(5), .seconds(60)])
    #expect(device.points.map(\.kind) == [.gauge, .counter])
    #expect(device.points[1].register?.address == 2)
  }

  @Test func theProfileKnowsBetterThanTheDefaults() throws {
    let device = try device("bus: lan, profile: meter", rest: "defaults: {every: 1s, window: 10s}")
    #expect(device.points.map(\.every) == [.seconds(5), .seconds(60)])
    #expect(device.points[0].window == .tumbling(seconds: 10))
  }

  @Test func whatTheDeviceSaysWinsOverTheProfileAndItsPoints() throws {
    let device = try device("bus: lan, profile: meter, every: 2s, max-registers: 10, window: raw")
    #expect(device.maximumRegisters == 10)
    #expect(device.points.map(\.every) == [.seconds(2), .seconds(2)])
    #expect(device.points.map(\.window) == [.raw, .raw])
  }

  @Test func aListedPointReplacesItsKeysOneByOneAndAddsNewOnes() throws {
    let device = try device(
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
    #expect(try device("bus: lan, profile: meter, only: [energy]").points.map(\.name) == ["energy"])
    let listed = try device("bus: lan, profile: meter, only: [power], points: [{name: energy, every: 9s}]")
    #expect(listed.points.map(\.name) == ["power", "energy"])
  }

  @Test func aSitesOwnProfileStandsInForAnInstalledOne() throws {
    try write(
      "profile: {maker: M, model: N, document: ours}\nbus: modbus\npoints: [{name: own, at: coil 0}]",
      to: "\(site)/meter.yaml")
    #expect(try device("bus: lan, profile: meter").points.map(\.name) == ["own"])
  }

  @Test func manyDevicesShareOneProfileAndItsMistakesAreSaidOnce() throws {
    try write(
      "profile: {maker: M, model: N, document: d}\nbus: modbus\npoints:\n  - {name: p, at: inptu 0, type: int16}\n",
      to: "\(site)/bad.yaml")
    let found = problems("bus: lan, profile: bad}, {name: e, bus: lan, unit: 2, profile: bad")
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("\(site)/bad.yaml:4:19: \"at\" should be a table") == true)
    #expect(found.first?.hasSuffix("did you mean \"input 0\"?") == true)
  }

  @Test func aMistakeIsReportedWhereItStands() throws {
    try write(
      """
      profile: {maker: M, modle: N, document: d}
      bus: modbsu
      unit: 1
      evry: 5s
      points:
        - {name: p, at: input 0, type: int17}
        - {name: p, at: input 1, type: int16}
      """, to: "\(site)/bad.yaml")
    let file = "\(site)/bad.yaml"
    let own = "gateway.yaml:3:71: \"scale\" should be a number other than 0, not \"x\""
    #expect(
      problems("bus: lan, profile: bad, points: [{name: q, scale: x, at: input 2, type: int16}]") == [
        own,
        "\(file):1:10: \"profile\" needs the key \"model\"",
        "\(file):1:21: \"modle\" is not a key of \"profile\"; did you mean \"model\"?",
        "\(file):2:6: \"bus\" should be modbus or serial, not \"modbsu\"; did you mean \"modbus\"?",
        "\(file):3:1: \"unit\" is the device's own and does not belong in a profile",
        "\(file):4:1: \"evry\" is not a key of profile \"bad\"; did you mean \"every\"?",
        "\(file):6:34: \"type\" should be bool, int8, uint8, int16, uint16, int32, uint32, int64, uint64, float32,"
          + " float64, bcd16, bcd32 or bcd, not \"int17\"; did you mean \"int16\"?",
        "\(file):7:12: the name \"p\" stands twice among the points of device \"d\", first in line 6; names are unique",
      ])
  }

  @Test func aMistakeOfTheDeviceInAProfilesPointIsTheDevices() {
    #expect(
      problems("bus: lan, profile: meter, points: [{name: energy, typ: int16, scale: 0}]") == [
        "gateway.yaml:3:71: \"typ\" is not a key of a point; did you mean \"type\"?",
        "gateway.yaml:3:90: \"scale\" should be a number other than 0, not \"0\"",
      ])
  }

  @Test func aProfileThatIsNotThereIsNamedWithTheNearestAndThePlaces() {
    let places = "in \"\(site)\", \"\(installed)\""
    #expect(
      problems("bus: lan, profile: metre") == [
        "gateway.yaml:3:40: there is no profile \"metre\" \(places); did you mean \"meter\"?"
      ])
    #expect(
      problems("bus: lan, profile: xyz") == ["gateway.yaml:3:40: there is no profile \"xyz\" \(places)"])
  }

  @Test(arguments: [
    "../installed/meter", "/etc/passwd", "..", "Meter", "a b", "\"\"", "[meter]", "meter.yaml",
  ])
  func aProfilesNameCannotLeadOutOfItsDirectory(name: String) {
    let found = problems("bus: lan, profile: \(name)")
    #expect(found.count == 1)
    #expect(found.first?.contains("\"profile\" should be the name of a profile") == true)
  }

  @Test func onlyNamesPointsOfTheProfile() {
    #expect(
      problems("bus: lan, profile: meter, only: [enrgy, power, zzz]") == [
        "gateway.yaml:3:54: profile \"meter\" has no point \"enrgy\"; did you mean \"energy\"?",
        "gateway.yaml:3:68: profile \"meter\" has no point \"zzz\"; its points are power, energy",
      ])
    #expect(problems("bus: lan, profile: meter, only: []").count == 1)
    #expect(problems("bus: lan, profile: meter, only: energy").count == 1)
    #expect(
      problems("bus: lan, only: [a], points: []") == [
        "gateway.yaml:3:37: \"only\" chooses among the points of a profile; this device has no \"profile\""
      ])
  }

  @Test func aProfileIsForItsKindOfBus() {
    #expect(
      problems("bus: pins, profile: meter") == [
        "gateway.yaml:3:41: profile \"meter\" is for a modbus bus, and \"pins\" is a gpio bus"
      ])
  }

  @Test func whatCannotBeReadSaysWhy() throws {
    try write("profile: {maker: [", to: "\(site)/torn.yaml")
    try write(String(repeating: "#", count: ProfileStore.maximumBytes + 1), to: "\(site)/huge.yaml")
    try makeFolder("\(site)/folder.yaml")
    #expect(problems("bus: lan, profile: torn").first?.hasPrefix("\(site)/torn.yaml:") == true)
    #expect(
      problems("bus: lan, profile: huge") == [
        "gateway.yaml:3:40: cannot read \"\(site)/huge.yaml\": File too large"
      ])
    #expect(
      problems("bus: lan, profile: folder") == [
        "gateway.yaml:3:40: cannot read \"\(site)/folder.yaml\": Is a directory"
      ])
    try write("", to: "\(site)/empty.yaml")
    #expect(problems("bus: lan, profile: empty").first?.hasPrefix("\(site)/empty.yaml:1:1: ") == true)
    try write("[a]", to: "\(site)/list.yaml")
    #expect(problems("bus: lan, profile: list").first?.hasPrefix("\(site)/list.yaml:1:1: ") == true)
  }

  @Test func profilesAreFoundBesideTheConfigurationThatIsLoaded() throws {
    let path = String(site.dropLast("profiles".count)) + "gateway.yaml"
    try write(
      "profile: {maker: M, model: N, document: d}\nbus: modbus\npoints: [{name: own, at: coil 0}]",
      to: "\(site)/own.yaml")
    try write(
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
