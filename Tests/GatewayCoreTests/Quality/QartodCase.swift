import GatewayCore
import Glibc

/// One series, one test, and what ioos_qc says; as `qartod_reference.py` writes and reads it.
struct QartodCase {
  var words: [String]
  /// Whole seconds.
  var times: [Int64]
  /// nil: missing.
  var values: [Double?]
  /// QARTOD's: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing.
  var flags: [Int] = []

  static func list(_ text: String) -> [QartodCase] {
    var cases: [QartodCase] = []
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ").map(String.init)
      let rest = Array(words.dropFirst())
      switch words.first {
      case "case": cases.append(QartodCase(words: rest, times: [], values: []))
      case "times": cases[cases.count - 1].times = rest.compactMap { Int64($0) }
      case "values": cases[cases.count - 1].values = rest.map { $0 == "nan" ? nil : Double($0) }
      default: cases[cases.count - 1].flags = rest.compactMap { Int($0) }
      }
    }
    return cases
  }

  var request: String {
    let values = values.map { $0.map { "\($0)" } ?? "nan" }
    return """
      case \(words.joined(separator: " "))
      times \(times.map { "\($0)" }.joined(separator: " "))
      values \(values.joined(separator: " "))

      """
  }

  /// The cases with their flags, by ioos_qc itself; nil where it cannot be run.
  static func judged(_ cases: [QartodCase], python: String) -> [QartodCase]? {
    var template = Array("/tmp/qartod-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    defer { unlink(path) }
    guard descriptor >= 0, let file = fdopen(descriptor, "w") else { return nil }
    for one in cases { fputs(one.request, file) }
    fclose(file)
    let script = "Tests/GatewayCoreTests/Quality/qartod_reference.py"
    return output(of: "'\(python)' \(script) < \(path)").map(list)
  }

  static func output(of command: String) -> String? {
    guard let pipe = popen("\(command) 2>/dev/null", "r") else { return nil }
    var bytes: [UInt8] = []
    while case let byte = getc(pipe), byte != EOF { bytes.append(UInt8(byte)) }
    return pclose(pipe) == 0 ? String(decoding: bytes, as: UTF8.self) : nil
  }

  var tests: QualityTests {
    let numbers = words.dropFirst().compactMap { Double($0) }
    var tests = QualityTests()
    switch words[0] {
    case "range":
      tests.range = .init(
        suspect: .init(least: numbers[2], most: numbers[3]), bad: .init(least: numbers[0], most: numbers[1]))
    case "rate": tests.rate = numbers[0]
    case "spike": tests.spike = .init(suspect: numbers[0], bad: numbers[1])
    case "flat":
      tests.flat = .init(
        tolerance: numbers[0],
        times: .init(suspect: Int64(numbers[1]) * 1_000_000, bad: Int64(numbers[2]) * 1_000_000))
    default:
      tests.attenuation = .init(
        usesRange: words[0] == "range-over", limits: .init(suspect: numbers[0], bad: numbers[1]),
        period: Int64(numbers[2]) * 1_000_000)
    }
    return tests
  }

  /// What we say, as flags: 2 is never among them.
  var ours: [Int] {
    var (state, flags) = (QualityState(), [Int]())
    func take(_ reading: Reading) {
      guard reading.value != nil else { return flags.append(9) }
      flags.append(reading.quality == .good ? 1 : reading.quality == .uncertain ? 3 : 4)
    }
    for (time, value) in zip(times, values) {
      // Any boot will do.
      let moment = Moment(
        time: Timestamp(microseconds: time * 1_000_000),
        boot: BootTime(microseconds: time * 1_000_000 + 777))
      let reading =
        value.map { Reading(point: 0, at: moment, value: .double($0)) }
        ?? Reading(point: 0, at: moment, failed: .timeout, timeQuality: .synced)
      state.judge(reading, by: tests, take)
    }
    state.flush(take)
    return flags
  }

  /// Where we differ from what ioos_qc says.
  var differences: [Int] {
    let ours = ours
    guard ours.count == flags.count else { return Array(flags.indices) }
    let first = zip(times, values).first { $0.1 != nil }?.0 ?? 0
    return flags.indices.filter { index in
      !isUndefined(index, first) && ours[index] != (flags[index] == 2 ? 1 : flags[index])
    }
  }

  /// Where the two are meant to differ; there ioos_qc
  /// - judges attenuation by what there is, before a whole period has been seen,
  /// - gives up on the range over a period of which a reading is missing,
  /// - has a reading flat that is the only one left of its time, and one for a duration of which the beginning is not seen:
  ///   a part of a step of the series, or readings that are missing before the first.
  private func isUndefined(_ index: Int, _ first: Int64) -> Bool {
    let age = times[index] - first
    if let test = tests.attenuation {
      return age < test.period / 1_000_000 || (flags[index] == 2 && test.usesRange)
    }
    guard let flat = tests.flat?.times, let suspect = flat.suspect, let bad = flat.bad else { return false }
    let step = times[1] - times[0]
    if age < bad / 1_000_000, bad / 1_000_000 % step != 0 || first != times[0] { return true }
    return !(0..<index).contains {
      values[$0] != nil && times[$0] >= times[index] - suspect / 1_000_000
    }
  }
}
