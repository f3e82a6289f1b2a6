import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc

/// Simulated serial lines, their links in a directory of their own. Each word says its line, unit and address.
final class ModbusLines: Sendable {
  let links: [String]
  let field: FieldSimulator
  private let directory: String

  init(_ count: Int = 1, pace: LinePace? = nil, devices: (Int) -> [FieldDevice]) throws {
    directory = try TemporaryDirectory.make(prefix: "modbus-lines")
    let links = (0..<count).map { [directory] in "\(directory)/line\($0)" }
    self.links = links
    field = try FieldSimulator(
      FieldDescription(
        servers: links.indices.map {
          FieldServer(.terminal(link: links[$0]), pace: pace, devices: devices($0))
        }))
  }

  deinit {
    field.stop()
    TemporaryDirectory.remove(directory)
  }

  /// One canopy on each line.
  static func canopies(_ count: Int = 1, pace: LinePace? = nil) throws -> ModbusLines {
    try ModbusLines(count, pace: pace) { line in
      [FieldDevice(units: [7], registers: [FieldRegister(.input, 0, words: words(line, 7, 0..<2))])]
    }
  }

  static func word(_ line: Int, _ unit: UInt8, _ address: Int) -> UInt16 {
    UInt16(line << 12 | Int(unit) << 8 | address)
  }

  static func words(_ line: Int, _ unit: UInt8, _ addresses: Range<Int>) -> [UInt16] {
    addresses.map { word(line, unit, $0) }
  }

  /// What the canopy on a line holds.
  static func canopyValues(_ line: Int = 0) -> [Value?] {
    words(line, 7, 0..<2).map { .unsigned(UInt64($0)) }
  }

  func bench(
    _ line: Int = 0, baud: Int = 115_200, timeout: Duration = .seconds(10),
    _ devices: [DeviceConfig] = [canopy()]
  ) throws -> Bench {
    let bench = try Bench(serialBus(links[line], baud: baud, timeout: timeout), devices)
    bench.surroundings = self
    return bench
  }
}

func serialBus(_ path: String, baud: Int = 115_200, timeout: Duration = .seconds(10)) -> BusConfig {
  BusConfig(name: "lan", link: .modbusRTU(SerialLine(device: path, baud: baud)), timeout: timeout)
}

extension Bench {
  /// Polls, each time as if hours had passed, until there are good values; what came last.
  func pollUntilGood() -> [Reading] {
    var readings: [Reading] = []
    var hours = 0
    waitUntil {
      hours += 1
      readings = poll(after: .seconds(3600 * hours))
      return readings.allSatisfy { $0.quality == .good }
    }
    return readings
  }
}
