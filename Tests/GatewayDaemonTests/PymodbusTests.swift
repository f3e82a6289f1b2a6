import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// The real gateway reads a device that somebody else wrote: pymodbus, over each of the links. `GATEWAY_PYTHON` names
/// a Python that has pymodbus and pyserial; without it the `python3` of the path is tried.
@Suite(.serialized) struct PymodbusTests {
  private static let python = getenv("GATEWAY_PYTHON").map { String(cString: $0) } ?? "python3"

  private static let isThere: Bool = {
    let probe = ["-c", "import serial; from pymodbus.simulator import SimDevice"]
    let process = try? ChildProcess("/usr/bin/env", [python] + probe, mergesErrors: true)
    return process?.wait().status == 0
  }()

  /// The same values stand in pymodbus_device.py; 0x0A58 is 0000 1010 0101 1000.
  private static let points: [(name: String, key: String, value: Value)] = [
    ("int16", "at: input 0, type: int16", .signed(-123)),
    ("uint16", "at: input 1, type: uint16", .unsigned(65413)),
    ("int32", "at: input 2, type: int32", .signed(-2)),
    ("uint32", "at: input 4, type: uint32", .unsigned(2_147_483_649)),
    ("int64", "at: input 10, type: int64", .signed(.min)),
    ("uint64", "at: input 14, type: uint64", .unsigned(.max)),
    ("float32", "at: input 20, type: float32", .double(21.5)),
    ("float64", "at: input 22, type: float64", .double(3.6)),
    ("bcd", "at: input 30, type: bcd16", .unsigned(1234)),
    ("field", "at: input 31, type: uint16, bits: 3-7", .unsigned(11)),
    ("bit", "at: input 31, type: bool, bit: 9", .unsigned(1)),
    ("high", "at: input 31, type: uint8, byte: high", .unsigned(10)),
    ("holding", "at: holding 0, type: uint16", .unsigned(7)),
    ("first", "at: holding 100, type: uint16", .unsigned(1000)),
    ("last", "at: holding 224, type: uint16", .unsigned(1124)),
    ("coil", "at: coil 5", .unsigned(1)), ("discrete", "at: discrete 10", .unsigned(1)),
  ]

  @Test(
    .enabled(if: isThere, "SKIPPED: no Python with pymodbus and pyserial; GATEWAY_PYTHON may name one"),
    arguments: ["tcp", "rtu-tcp", "rtu"])
  func aDeviceOfAnotherMakeIsReadRightOnEveryLink(_ link: String) throws {
    let device = try ChildProcess(
      "/usr/bin/env", [Self.python, "Tests/GatewayDaemonTests/pymodbus_device.py", link])
    let place = try #require(device.readLine(timeout: .seconds(30)))
    let cabinet = try Cabinet(devices: 1)
    let lines = Self.points.map { "      - {name: \($0.name), \($0.key)}" }
    try cabinet.write(
      config: """
        gateway: {id: independent}
        store: {capacity: 16MiB, commit: 100ms}
        defaults: {every: 250ms}
        buses: [{name: bus, type: modbus-\(link), \(Self.keys(link, place)), timeout: 2s}]
        devices:
          - name: d
            bus: bus
            unit: 1
            points:
        \(lines.joined(separator: "\n"))
              - {name: nobody, at: input 8, type: uint16}
        destinations: [{name: platform, url: "\(cabinet.platform.url)"}]
        """)
    try cabinet.startAndWait()
    var points: [String: JSONValue] = [:]
    try cabinet.wait("every point to be good", within: .seconds(60)) {
      for point in cabinet.status()?["points"]?.array ?? [] { points[point["name"]?.string ?? ""] = point }
      return Self.points.allSatisfy { points["d.\($0.name)"]?["quality"]?.string == "good" }
        && points["d.nobody"]?["quality"]?.string == "bad"
    }
    for point in Self.points {
      #expect(points["d.\(point.name)"]?["value"].map(Self.text) == Self.text(point.value), "\(point.name)")
    }
    #expect(try cabinet.stop() == 0)
  }

  private static func keys(_ link: String, _ place: String) -> String {
    link == "rtu" ? "device: \(place), baud: 19200, format: 8N1" : "address: \"\(place)\""
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .signed(let number): "\(number)"
    case .unsigned(let number): "\(number)"
    case .double(let number): "\(number)"
    default: "\(value)"
    }
  }

  private static func text(_ value: Value) -> String {
    switch value {
    case .signed(let number): "\(number)"
    case .unsigned(let number): "\(number)"
    case .double(let number): "\(number)"
    }
  }
}
