internal import GatewayCore
internal import GatewayYAML
internal import Testing

/// What is said about profiles that are wrong, missing or misused.
@Suite struct ProfileProblemTests {
  private let site: ProfileSite

  init() throws { site = try ProfileSite() }

  @Test func manyDevicesShareOneProfileAndItsMistakesAreSaidOnce() throws {
    try site.write(
      "profile: {maker: M, model: N, document: d}\nbus: modbus\npoints:\n  - {name: p, at: inptu 0, type: int16}\n",
      to: "\(site.own)/bad.yaml")
    let found = site.problems("bus: lan, profile: bad}, {name: e, bus: lan, unit: 2, profile: bad")
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("\(site.own)/bad.yaml:4:19: \"at\" should be a table") == true)
    #expect(found.first?.hasSuffix("did you mean \"input 0\"?") == true)
  }

  @Test func aMistakeIsReportedWhereItStands() throws {
    try site.write(
      """
      profile: {maker: M, modle: N, document: d}
      bus: modbsu
      unit: 1
      evry: 5s
      points:
        - {name: p, at: input 0, type: int17}
        - {name: p, at: input 1, type: int16}
      """, to: "\(site.own)/bad.yaml")
    let file = "\(site.own)/bad.yaml"
    let own = "gateway.yaml:4:71: \"scale\" should be a number other than 0, not \"x\""
    #expect(
      site.problems("bus: lan, profile: bad, points: [{name: q, scale: x, at: input 2, type: int16}]") == [
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
      site.problems("bus: lan, profile: meter, points: [{name: energy, typ: int16, scale: 0}]") == [
        "gateway.yaml:4:71: \"typ\" is not a key of a point; did you mean \"type\"?",
        "gateway.yaml:4:90: \"scale\" should be a number other than 0, not \"0\"",
      ])
  }

  @Test func aPointThatAlmostHasTheProfilesNameIsTakenForAMistake() {
    #expect(
      site.problems("bus: lan, profile: meter, points: [{name: enrgy, scale: 2}]") == [
        "gateway.yaml:4:63: profile \"meter\" has no point \"enrgy\"; did you mean \"energy\"?"
      ])
    #expect(
      site.problems("bus: lan, profile: meter, points: [{name: enrgy, at: input 9, type: int16}]") == [])
  }

  @Test func aProfileThatIsNotThereIsNamedWithTheNearestAndThePlaces() {
    let places = "in \"\(site.own)\", \"\(site.installed)\""
    #expect(
      site.problems("bus: lan, profile: metre") == [
        "gateway.yaml:4:40: there is no profile \"metre\" \(places); did you mean \"meter\"?"
      ])
    #expect(
      site.problems("bus: lan, profile: xyz") == ["gateway.yaml:4:40: there is no profile \"xyz\" \(places)"])
  }

  @Test(arguments: [
    "../installed/meter", "/etc/passwd", "..", "Meter", "a b", "\"\"", "[meter]", "meter.yaml",
  ])
  func aProfilesNameCannotLeadOutOfItsDirectory(name: String) {
    let found = site.problems("bus: lan, profile: \(name)")
    #expect(found.count == 1)
    #expect(found.first?.contains("\"profile\" should be the name of a profile") == true)
  }

  @Test func onlyNamesPointsOfTheProfile() {
    #expect(
      site.problems("bus: lan, profile: meter, only: [enrgy, power, zzz]") == [
        "gateway.yaml:4:54: profile \"meter\" has no point \"enrgy\"; did you mean \"energy\"?",
        "gateway.yaml:4:68: profile \"meter\" has no point \"zzz\"; its points are power, energy",
      ])
    #expect(site.problems("bus: lan, profile: meter, only: []").count == 1)
    #expect(site.problems("bus: lan, profile: meter, only: energy").count == 1)
    #expect(
      site.problems("bus: lan, only: [a], points: []") == [
        "gateway.yaml:4:37: \"only\" chooses among the points of a profile; this device has no \"profile\""
      ])
  }

  @Test func aProfileIsForItsKindOfBus() {
    #expect(
      site.problems("bus: pins, profile: meter") == [
        "gateway.yaml:4:41: profile \"meter\" is for a modbus bus, and \"pins\" is a gpio bus"
      ])
  }

  @Test func whatCannotBeReadSaysWhy() throws {
    try site.write("profile: {maker: [", to: "\(site.own)/torn.yaml")
    try site.write(String(repeating: "#", count: ProfileStore.maximumBytes + 1), to: "\(site.own)/huge.yaml")
    try site.makeFolder("\(site.own)/folder.yaml")
    #expect(site.problems("bus: lan, profile: torn").first?.hasPrefix("\(site.own)/torn.yaml:") == true)
    #expect(
      site.problems("bus: lan, profile: huge") == [
        "gateway.yaml:4:40: cannot read \"\(site.own)/huge.yaml\": File too large"
      ])
    #expect(
      site.problems("bus: lan, profile: folder") == [
        "gateway.yaml:4:40: cannot read \"\(site.own)/folder.yaml\": Is a directory"
      ])
    try site.write("", to: "\(site.own)/empty.yaml")
    #expect(
      site.problems("bus: lan, profile: empty").first?.hasPrefix("\(site.own)/empty.yaml:1:1: ") == true)
    try site.write("[a]", to: "\(site.own)/list.yaml")
    #expect(site.problems("bus: lan, profile: list").first?.hasPrefix("\(site.own)/list.yaml:1:1: ") == true)
  }
}
