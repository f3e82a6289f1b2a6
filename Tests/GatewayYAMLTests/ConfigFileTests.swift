internal import GatewayCore
internal import GatewaySystem
internal import GatewayYAML
internal import Glibc
internal import Testing

/// Whole files, from their bytes to a configuration or to sentences at their places.
@Suite struct ConfigFileTests {
  /// Each `X.yaml` of the folder is wrong, and `X.expected` is what a program prints about it.
  @Test(arguments: Fixtures.names)
  func everyProblemOfAWrongFileIsNamedAtItsPlace(name: String) throws {
    let bytes = try readFile("\(Fixtures.folder)/\(name).yaml")
    let expected = try Fixtures.text("\(Fixtures.folder)/\(name).expected")
    var printed = ""
    do throws(ConfigProblems) { _ = try ConfigFile.check(bytes, file: "\(name).yaml") } catch {
      printed = "\(error)\n"
    }
    #expect(printed == expected)
  }

  @Test func fixturesAreFound() { #expect(Fixtures.names.contains("ten-mistakes")) }

  @Test func tenMistakesAreTenProblems() throws {
    #expect(Fixtures.problems(try Fixtures.text("\(Fixtures.folder)/ten-mistakes.yaml")).count == 10)
  }

  @Test func theExampleCanBeRun() throws {
    let config = try ConfigFile.load(path: Fixtures.example)
    #expect(config.id == "cabinet-0417")
    #expect(config.location == Location(longitude: 2.1734, latitude: 41.3851))
    #expect(
      config.store == StoreConfig(capacity: 256 << 20, commit: .seconds(1), retain: .seconds(30 * 86_400)))
    #expect(
      config.buses.map(\.link) == [
        .modbusTCP(host: "192.0.2.10", port: 502), .modbusTCP(host: "plc.yard.example", port: 502),
        .modbusRTU(
          SerialLine(device: "/dev/serial/by-path/platform-usb-0:1:1.0-port0", baud: 9600, parity: .even)),
        .modbusRTUOverTCP(host: "192.0.2.11", port: 4001, baud: 19_200), .gpio(chip: "/dev/gpiochip0"),
        .serial(SerialLine(device: "/dev/ttyS1", baud: 4800)),
      ])
    #expect(config.devices.map(\.unit) == [7, 1, 3, 1, 1])
    #expect(config.devices.map(\.points.count) == [8, 7, 1, 3, 2])
    var destination = DestinationConfig(name: "platform", url: "https://data.city.example/v1/batches")
    destination.authentication = .bearer(tokenFile: "platform-token")
    #expect(config.destinations == [destination])
  }

  /// What the example says to be the usual values is what stands there when nothing is written.
  @Test func theExampleStatesTheDefaults() throws {
    let minimal = """
      gateway: {id: x}
      buses: [{name: b, type: modbus-tcp, address: h}]
      devices: [{name: d, bus: b, points: [{name: p, at: coil 0}]}]
      destinations: [{name: platform, url: "https://data.city.example/v1/batches"}]
      """
    let example = try ConfigFile.load(path: Fixtures.example)
    let config = try ConfigFile.check(Array(minimal.utf8), file: "minimal.yaml")
    #expect(config.store.capacity == example.store.capacity)
    #expect(config.store.commit == example.store.commit)
    #expect(config.buses[0].timeout == example.buses[0].timeout)
    #expect(config.buses[0].turnaround == example.buses[0].turnaround)
    var destination = example.destinations[0]
    destination.authentication = .none
    #expect(config.destinations == [destination])
    let point = config.devices[0].points[0]
    #expect(point.every == .seconds(1))
    #expect(point.window == .tumbling(seconds: 60))
    #expect(point.functions == .standard)
  }

  @Test func aFileThatCannotBeReadIsNotAProblemOfItsText() {
    do throws(ConfigFile.Failure) {
      _ = try ConfigFile.load(path: "/nonexistent/gateway.yaml")
      Issue.record("loaded what is not there")
    } catch {
      guard case .unreadable(let cause) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(cause.code == ENOENT)
      #expect(error.description == "cannot read \"/nonexistent/gateway.yaml\": No such file or directory")
    }
  }

  @Test func jsonIsYAMLToo() throws {
    let json = """
      {"gateway": {"id": "cabinet-1"}, "store": {"capacity": 16777216, "commit": "500ms"},
      \t"buses": [{"name": "lan", "type": "modbus-tcp", "address": "[::1]:1502", "timeout": "250ms"}],
       "devices": [{"name": "d", "bus": "lan", "unit": 3, "points": [
         {"name": "p", "at": "00012", "scale": 1}, {"name": "q", "at": "input 1", "type": "int16", "scale": 0.5}]}],
       "destinations": [{"name": "x", "url": "http:\\/\\/[::1]:8080\\/", "gzip": false}]}
      """
    #expect(Fixtures.problems(json).map(\.sentence) == ["\"scale\" is not for a bool"])
    let right = json.replacing("\"at\": \"00012\", \"scale\": 1", with: "\"at\": \"00012\"")
    let config = try ConfigFile.check(Array(right.utf8), file: "gateway.json")
    #expect(config.buses[0].link == .modbusTCP(host: "::1", port: 1502))
    #expect(config.devices[0].points[0].register?.table == .coil)
    #expect(config.devices[0].points[0].register?.address == 11)
    #expect(config.destinations[0].url == "http://[::1]:8080/")
    #expect(!config.destinations[0].usesGzip)
  }
}
