internal import GatewayCore
internal import GatewaySystem
internal import GatewayYAML
internal import Glibc
internal import Testing

/// Two directories of profiles that go with it, the installed one with a profile `meter`; and what a configuration
/// with one device makes of them.
final class ProfileSite {
  let own: String
  let installed: String
  /// What is to be removed, each directory before what is in it.
  private var made: [String] = []

  init() throws {
    var template = Array("/tmp/gateway-profiles-XXXXXX".utf8CString)
    let root = try #require(mkdtemp(&template).map { String(cString: $0) })
    (own, installed) = ("\(root)/profiles", "\(root)/installed")
    made = [root]
    try makeFolder(own)
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

  func makeFolder(_ path: String) throws {
    try makeDirectory(path)
    made.append(path)
  }

  func write(_ text: String, to path: String) throws {
    let file = try #require(fopen(path, "w"))
    made.append(path)
    fputs(text, file)
    fclose(file)
  }

  func load(_ device: String, rest: String = "") -> Result<DeviceConfig, ConfigProblems> {
    let text = """
      gateway: {id: x}
      buses: [{name: lan, type: modbus-tcp, address: h}, {name: pins, type: gpio, chip: /dev/gpiochip0},
       {name: mast, type: serial, device: /dev/ttyS1, baud: 9600}]
      devices: [{name: d, \(device)}]
      \(rest)
      """
    do throws(ConfigProblems) {
      let store = ProfileStore(places: [own, installed])
      return .success(
        try ConfigFile.check(Array(text.utf8), file: "gateway.yaml", profiles: store).devices[0])
    } catch { return .failure(error) }
  }

  func device(_ text: String, rest: String = "") throws -> DeviceConfig {
    try load(text, rest: rest).get()
  }

  func problems(_ text: String) -> [String] {
    guard case .failure(let problems) = load(text) else { return [] }
    return problems.description.split(separator: "\n").map(String.init)
  }
}
