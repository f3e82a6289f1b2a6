internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem

/// Simulated serial lines for the benchmarks, their links in a directory of their own.
final class BenchLines {
  let directory: String
  let links: [String]
  let field: FieldSimulator

  init(
    _ count: Int, pace: LinePace? = nil, recording: Duration? = nil, devices: (Int) -> [FieldDevice]
  ) throws {
    directory = try TemporaryDirectory.make(prefix: "gateway-lines")
    let links = (0..<count).map { [directory] in "\(directory)/line\($0)" }
    self.links = links
    field = try FieldSimulator(
      FieldDescription(
        servers: links.indices.map {
          FieldServer(.terminal(link: links[$0]), pace: pace, devices: devices($0))
        }),
      recordingPeriod: recording)
  }

  deinit {
    field.stop()
    TemporaryDirectory.remove(directory)
  }

  /// A configuration that reads `registers` of each unit's holding registers from 0 on, with windows of a minute.
  func config(
    baud: Int, timeout: String, every: String, registers: Int, platform: String, units: (Int) -> [Int]
  ) -> String {
    var text = """
      gateway: {id: bench}
      store: {capacity: 64MiB, commit: 1s}
      defaults: {every: \(every), window: 1m}
      destinations: [{name: platform, url: "\(platform)"}]
      buses:

      """
    for (line, link) in links.enumerated() {
      text += "  - {name: l\(line), type: modbus-rtu, device: \(link), baud: \(baud), format: 8N1,"
      text += " timeout: \(timeout)}\n"
    }
    text += "devices:\n"
    for line in links.indices {
      for unit in units(line) {
        text += "  - name: d\(line)-\(unit)\n    bus: l\(line)\n    unit: \(unit)\n    points:\n"
        for register in 0..<registers {
          text += "      - {name: r\(register), at: holding \(register), type: uint16}\n"
        }
      }
    }
    return text
  }
}
