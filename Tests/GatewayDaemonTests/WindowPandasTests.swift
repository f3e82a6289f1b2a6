import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// Each statistic of tumbling and sliding windows is what numpy and pandas say of the same series. `GATEWAY_PYTHON`
/// names a Python that has them; without it the `python3` of the path is tried.
@Suite struct WindowPandasTests {
  private static let python = getenv("GATEWAY_PYTHON").map { String(cString: $0) } ?? "python3"

  private static let isThere: Bool = {
    let process = try? ChildProcess(
      "/usr/bin/env", [python, "-c", "import numpy, pandas"], mergesErrors: true)
    return process?.wait().status == 0
  }()

  @Test(
    .enabled(if: isThere, "SKIPPED: no Python with numpy and pandas; GATEWAY_PYTHON may name one"),
    arguments: [Window.tumbling(seconds: 60), .sliding(seconds: 60, slide: 20)])
  func windowsAreWhatPandasSays(_ window: Window) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix(seed: seed)
    let readings = series(&random)
    let rows = windows(of: readings, window)
    let directory = try TemporaryDirectory.make(prefix: "windows")
    defer { TemporaryDirectory.remove(directory) }
    let path = directory + "/windows.json"
    let file = try FileDescriptor.open(path, O_CREAT | O_WRONLY)
    var text = ByteBuffer(capacity: 1 << 16)
    text.append("{\"length\":\(window.length),\"slide\":\(window.step),\"readings\":[")
    text.append(
      readings.map { "[\($0.time.microseconds),\(Self.text($0.value)),\($0.quality.rawValue)]" }
        .joined(separator: ","))
    text.append("],\"rows\":[" + rows.map(Self.text).joined(separator: ",") + "]}")
    _ = text.withBytes { file.writeAll($0, at: 0) }
    let check = try ChildProcess(
      "/usr/bin/env", [Self.python, "Tests/GatewayDaemonTests/windows_pandas.py", path], mergesErrors: true)
    var said: [String] = []
    while let line = check.readLine(timeout: Duration.seconds(60)) { said.append(line) }
    #expect(rows.count >= 20)
    #expect(said == ["ok \(rows.count) windows"], "seed \(seed)")
  }

  /// Irregular, with failed, bad and uncertain readings, and few distinct values, so that states last.
  private func series(_ random: inout SplitMix) -> [Reading] {
    var time: Int64 = 1_800_000_000_000_000
    let end = time + 20 * 60_000_000
    var readings: [Reading] = []
    while time < end {
      time += .random(in: 1...4_000_000, using: &random)
      let moment = Moment(time: Timestamp(microseconds: time), boot: BootTime(microseconds: time - 77))
      switch Int.random(in: 0..<12, using: &random) {
      case 0: readings.append(Reading(point: 0, at: moment, failed: .timeout, timeQuality: .synced))
      case 1:
        readings.append(
          Reading(point: 0, at: moment, value: .double(9999), quality: .bad, reason: .outOfRange))
      case let draw:
        let value = Double(Int.random(in: 0..<5, using: &random)) * 90 - 90
        readings.append(
          Reading(
            point: 0, at: moment, value: .double(value), quality: draw == 2 ? .uncertain : .good,
            reason: draw == 2 ? .spike : .none))
      }
    }
    return readings
  }

  private func windows(of readings: [Reading], _ window: Window) -> [Row] {
    let all = WindowFunctions.words.reduce(into: WindowFunctions()) { $0.formUnion($1.function) }
    let point = PointDescription(name: "d.p", unit: nil, kind: .gauge, window: window, functions: all)
    var aggregator = WindowAggregator(points: [point], startedAt: Timestamp(microseconds: 0))
    var rows: [Row] = []
    for reading in readings { aggregator.add(reading) { rows.append($0) } }
    aggregator.closeDue(at: readings.last!.time.advanced(by: Duration.seconds(600))) { rows.append($0) }
    return rows
  }

  private static func text(_ value: Value?) -> String { value.map { "\($0.asDouble)" } ?? "null" }

  private static func text(_ row: Row) -> String {
    guard case .window(let summary) = row.body else { return "{}" }
    var fields = ["\"end\":\(row.time.microseconds)", "\"bad\":\(summary.bad)"]
    for (word, function) in WindowFunctions.words {
      if let value = summary.value(of: function) { fields.append("\"\(word)\":\(value.asDouble)") }
    }
    for extra in summary.extras where extra.function == .durations {
      fields.append("\"durations_\(Int(extra.state))\":\(extra.value.asDouble)")
    }
    return "{" + fields.joined(separator: ",") + "}"
  }
}
