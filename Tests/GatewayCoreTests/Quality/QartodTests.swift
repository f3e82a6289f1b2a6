import GatewayCore
import Glibc
import Testing

/// The tests of `qc:` against QARTOD's reference implementation. `GATEWAY_PYTHON` names a Python that has ioos_qc;
/// what it said once about some series is in `Fixtures/qartod.txt`.
@Suite struct QartodTests {
  private static let python = getenv("GATEWAY_PYTHON").map { String(cString: $0) } ?? "python3"

  private static let isThere = QartodCase.output(of: "'\(python)' -c 'import ioos_qc.qartod'") != nil

  private static let skipped: Comment = "SKIPPED: no Python with ioos_qc; GATEWAY_PYTHON may name one"

  @Test func eachTestSaysWhatTheReferenceSaidOnce() throws {
    let file = try #require(fopen("Tests/GatewayCoreTests/Fixtures/qartod.txt", "r"))
    defer { fclose(file) }
    var bytes: [UInt8] = []
    while case let byte = getc(file), byte != EOF { bytes.append(UInt8(byte)) }
    let cases = QartodCase.list(String(decoding: bytes, as: UTF8.self))
    #expect(cases.count == 36)
    #expect(Set(cases.flatMap(\.flags)) == [1, 2, 3, 4, 9])
    for one in cases { #expect(one.differences == [], "\(one.request)\(one.flags)\n\(one.ours)") }
  }

  @Test(
    .enabled(if: isThere, skipped), arguments: [UInt64.random(in: 0...UInt64.max), 7_285_946_892_722_825_055])
  func eachTestSaysWhatTheReferenceSays(seed: UInt64) throws {
    print("qartod seed \(seed)")
    var random = SplitMix(seed: seed)
    var cases: [QartodCase] = []
    for shape in QartodSeries.allCases {
      for test in ["range", "rate", "spike", "flat", "std", "range-over"] {
        for _ in 0..<12 { cases.append(shape.make(test, &random)) }
      }
    }
    let judged = try #require(QartodCase.judged(cases, python: Self.python))
    #expect(judged.count == cases.count)
    #expect(Set(judged.flatMap(\.flags)) == [1, 2, 3, 4, 9])
    for one in judged {
      #expect(one.differences == [], "seed \(seed)\n\(one.request)\(one.flags)\n\(one.ours)")
    }
  }

  /// More readings than the state has room for: each window judged is one that the reference finds with a period of
  /// eleven to twelve twelfths.
  @Test(.enabled(if: isThere, skipped), arguments: ["std", "range-over"])
  func ofManyReadingsElevenTwelfthsOfThePeriodAreSeen(test: String) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("qartod seed \(seed)")
    var random = SplitMix(seed: seed)
    for shape in QartodSeries.allCases {
      let (values, period) = (shape.values(2000, &random), 240)
      let limits = test == "std" ? "0.5 0.2" : "1.5 0.5"
      let cases = (period - period / 12...period).map { period in
        QartodCase(
          words: "\(test) \(limits) \(period)".split(separator: " ").map(String.init),
          times: (0..<2000).map(Int64.init), values: values)
      }
      let judged = try #require(QartodCase.judged(cases, python: Self.python))
      let ours = try #require(judged.last).ours
      for index in period + period / 12..<2000 {
        let isFound = judged.contains { $0.flags[index] == 2 || $0.flags[index] == ours[index] }
        #expect(isFound, "seed \(seed), \(shape), reading \(index)")
      }
    }
  }

  /// A slow drift within the tolerance has more extremes than the state has room for.
  @Test(.enabled(if: isThere, skipped))
  func aDriftIsFoundFlatNotBeforeTheReferenceAndWithinTwoFifthsOfTheTolerance() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("qartod seed \(seed)")
    var random = SplitMix(seed: seed)
    let values = (0..<3000).map { index -> Double? in
      20 + sin(Double(index) / 150) + 0.01 * random.unit()
    }
    func flat(within tolerance: Double) -> QartodCase {
      QartodCase(
        words: ["flat", "\(tolerance)", "30", "60"], times: (0..<3000).map { Int64($0) * 2 }, values: values)
    }
    let judged = try #require(
      QartodCase.judged([flat(within: 0.25), flat(within: 0.15)], python: Self.python))
    let ours = judged[0].ours
    for index in ours.indices {
      #expect(ours[index] <= judged[0].flags[index], "seed \(seed), reading \(index)")
      #expect(ours[index] >= judged[1].flags[index], "seed \(seed), reading \(index)")
    }
    #expect(judged[0].flags != judged[1].flags)
  }
}

/// Shapes of series that tests of quality stumble over.
enum QartodSeries: CaseIterable {
  case walk, stuck, coarse, steps, spiky, onTheLimits, constant, huge

  func values(_ count: Int, _ random: inout SplitMix) -> [Double?] {
    var level = 20.0
    return (0..<count).map { index in
      let noise = random.unit() - 0.5
      switch self {
      case .walk: level += noise
      case .stuck: level += random.unit() < 0.1 ? noise : 0
      case .coarse: level = 20 + (noise * 4).rounded() / 10
      case .steps: level = 20 + Double(index / 11 % 2) * 3 + noise / 20
      case .spiky: level = 20 + noise + (random.unit() < 0.1 ? 9 * noise : 0)
      case .onTheLimits: level = 20 + [0.0, 0.5, 1, 2, 4, -2].randomElement(using: &random)!
      case .constant: break
      case .huge: level = 1e12 + noise * 6
      }
      return self != .onTheLimits && random.unit() < 0.05 ? nil : level
    }
  }

  func make(_ test: String, _ random: inout SplitMix) -> QartodCase {
    let step = Int64.random(in: 1...100, using: &random)
    let count = Int.random(in: 3...120, using: &random)
    // Times that are no multiple of the step too; a period of twelve steps at most is exact.
    let (short, long) = (step * .random(in: 1...4, using: &random), step * .random(in: 4...9, using: &random))
    let extra = Int64.random(in: 0..<step, using: &random)
    let words =
      switch test {
      case "range": "17.5 24 19 21"
      case "rate": "\(0.25 / Double(step))"
      case "spike": "0.5 2"
      case "flat": "\([0.1, 0.5, 1].randomElement(using: &random)!) \(short) \(long + extra)"
      // What tenths never amount to: at the limit itself both round.
      case "std": "0.4137 0.1093 \(long + extra)"
      default: "1 0.5 \(long + extra)"
      }
    return QartodCase(
      words: [test] + words.split(separator: " ").map(String.init),
      times: (0..<count).map { Int64($0) * step },
      values: values(count, &random))
  }
}
