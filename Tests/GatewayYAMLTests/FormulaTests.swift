internal import GatewayCore
internal import GatewayYAML
internal import Glibc
internal import Testing

/// Formulas that are right; those that are wrong are `Fixtures/formula.yaml`.
@Suite struct FormulaTests {
  static func config(_ points: [String], buses: String = "{name: lan, type: modbus-tcp, address: h}") throws
    -> GatewayConfig
  {
    let lines = points.map { "      - {\($0)}" }.joined(separator: "\n")
    let text = """
      gateway: {id: x}
      buses:
        - \(buses)
      devices:
        - name: d
          bus: lan
          points:
      \(lines)
      """
    return try ConfigFile.check(Array(text.utf8), file: "test.yaml")
  }

  private static let inputs = ["a", "b", "c", "a-b", "min", "2nd"]
  private static let values = ["d.a": 7.0, "d.b": 3, "d.c": 0, "d.a-b": 100, "d.min": 5, "d.2nd": 2]

  private static func point(_ formula: String) throws -> PointConfig {
    let points = inputs.map { "name: \"\($0)\", at: input 1, type: int16" }
    let config = try config(points + ["name: x, formula: \"\(formula)\""])
    return try #require(config.devices[0].points.last)
  }

  private static func value(_ text: String) throws -> Double {
    let formula = try #require(try point(text).formula)
    return formula.evaluate { values[formula.inputs[$0]] ?? .nan }
  }

  @Test(
    arguments: [
      ("a", 7), ("a + b * 2", 13), ("(a + b) * 2", 20), ("a - b - 1", 3), ("a / b / 2", 7.0 / 3 / 2),
      ("-a^2", -49), ("(-a)^2", 49), ("2^b^2 + 0*a", 512), ("2^-b", 0.125), ("--a", 7), ("a - -b", 10),
      ("1e-1 * a", 7 * 0.1), ("a * .5", 3.5), ("a*1.5E2", 1050),
      ("a-b", 100), ("a - b", 4), ("a -b", 4), ("a-b-b", 97), ("a-c", 7), ("b-a", -4), ("a-1", 6),
      ("a-pi", 7 - Double.pi), ("2*pi*a", 14 * Double.pi), ("a-abs(b)", 4),
      ("d.a * d.a-b", 700), ("2nd + 1", 3), ("min + 1", 6), ("min(min, a)", 5), ("max(a, b, c)", 7),
      ("avg(a, b, c, 2)", 3), ("avg(a)", 7),
      ("a > b", 1), ("a < b", 0), ("a >= 7", 1), ("a <= 6", 0), ("a == 7", 1), ("a != 7", 0),
      ("(a > b) + (b > c)", 2), ("if(a > b, 10, 20)", 10), ("if(c, 10, 20)", 20),
      ("if(c == 0, 0, a / c)", 0), ("if(c, a / c, b)", 3),
      ("abs(b - a)", 4), ("sqrt(a + 2)", 3), ("exp(c) + ln(exp(b)) + log10(1000)", 7),
      ("sin(c) + cos(c) + tan(c) + atan2(c, a)", 1), ("round(a / 2) + floor(a / 2) + ceil(a / 2)", 11),
      ("  a  +  b ", 10),
    ] as [(String, Double)])
  func aFormulaIsWhatItSays(text: String, result: Double) throws {
    let value = try Self.value(text)
    #expect(abs(value - result) < 1e-12, "\(value)")
  }

  @Test(arguments: [
    "a / c", "c / c", "sqrt(-a)", "ln(c)", "log10(-a)", "exp(1000 * a)", "1 / (a / c)", "min(a / c, 1)",
    "if(a / c, 1, 2)", "if(a, a / c, 2)", "(a / c)^0", "(-a)^0.5", "(a / c) > 1", "10^400^a", "abs(c / c)",
  ])
  func whatIsNoNumberStaysNone(text: String) throws {
    #expect(try Self.value(text).isNaN)
  }

  @Test func anInputIsNamedOnce() throws {
    #expect(try Self.point("a * b + a * d.a").formula?.inputs == ["d.a", "d.b"])
  }

  @Test(
    arguments: [
      ("t + s", "CEL"), ("t - s", "CEL"), ("min(t, s)", "CEL"), ("avg(t, s, t)", "CEL"), ("abs(t)", "CEL"),
      ("-t", "CEL"), ("round(t * 10) / 10", "CEL"), ("2 * t", "CEL"), ("t * 2", "CEL"), ("t / 3", "CEL"),
      ("if(t > s, t, s)", "CEL"), ("max(t, 0)", "CEL"), ("t * (1 + 2) / pi", "CEL"), ("t", "CEL"),
      ("t + 273.15", nil), ("t * u", nil), ("t / s", nil), ("1 / t", nil), ("t^2", nil), ("sqrt(t)", nil),
      ("t + n", nil), ("n", nil), ("t > s", nil), ("if(u > 1, t, n)", nil), ("u * n + t * n", nil),
    ] as [(String, String?)])
  func theUnitIsThatOfTheTermsWhereTheyHaveOne(text: String, unit: String?) throws {
    let inputs = [
      "name: t, at: input 1, type: int16, unit: CEL", "name: s, at: input 1, type: int16, unit: CEL",
      "name: u, at: input 1, type: int16, unit: VLT", "name: n, at: input 1, type: int16",
    ]
    let points = try Self.config(inputs + ["name: x, formula: \"\(text)\""]).devices[0].points
    #expect(points.last?.unit == unit)
    let stated = try Self.config(inputs + ["name: x, unit: KEL, formula: \"\(text)\""]).devices[0].points
    #expect(stated.last?.unit == "KEL")
  }

  @Test(arguments: [">", ">-", "|", "|+"])
  func aFormulaMayStandOnSeveralLines(style: String) throws {
    let text = """
      gateway: {id: x}
      buses: [{name: lan, type: modbus-tcp, address: h}]
      devices:
        - name: d
          bus: lan
          points:
            - {name: a, at: input 1, type: int16}
            - name: x
              formula: \(style)
                a *
                (a + 1)

            - {name: y, formula: "\\ta + 1 \\r\\n"}
      """
    let config = try ConfigFile.check(Array(text.utf8), file: "test.yaml")
    #expect(config.devices[0].points.compactMap(\.formula).map { $0.evaluate { _ in 3 } } == [12, 4])
  }

  @Test func aFormulaThatIsTooLongIsToldSo() throws {
    func problems(bytes: Int) throws -> [String] {
      do {
        let sum = "a" + String(repeating: " ", count: bytes - 5) + "+ a2"
        _ = try Self.config(["name: a, at: input 1, type: int16", "name: x, formula: \"\(sum)\""])
        return []
      } catch let problems as ConfigProblems { return problems.list.map(\.sentence) }
    }
    #expect(try problems(bytes: 4096) == [#"there is no point "a2"; did you mean "a"?"#])
    #expect(
      try problems(bytes: 4097) == [
        "a formula has at most 4096 bytes, and this one has 4097; give parts of it points of their own"
      ])
  }

  /// Before it is known, too.
  @Test func aUnitIsCarriedThroughFormulas() throws {
    let points = try Self.config([
      "name: x, formula: y + y", "name: y, formula: 2 * t", "name: t, at: input 1, type: int16, unit: CEL",
    ]).devices[0].points
    #expect(points.map(\.unit) == ["CEL", "CEL", "CEL"])
  }

  @Test func aDeviceMayHaveNothingButFormulasOnAnyBus() throws {
    for bus in [
      "{name: lan, type: modbus-tcp, address: h}", "{name: lan, type: gpio, chip: /dev/gpiochip0}",
      "{name: lan, type: serial, device: /dev/ttyS1}",
    ] {
      let text = """
        gateway: {id: x}
        buses:
          - \(bus)
          - {name: other, type: modbus-tcp, address: g}
        devices:
          - {name: e, bus: other, points: [{name: p, at: input 1, type: int16}]}
          - {name: d, bus: lan, points: [{name: twice, formula: 2 * e.p}]}
        """
      let config = try ConfigFile.check(Array(text.utf8), file: "test.yaml")
      #expect(config.devices[1].points[0].formula?.inputs == ["e.p"])
      #expect(config.devices[1].points[0].kind == .gauge)
    }
  }

  @Test(arguments: [UInt64.random(in: 0...UInt64.max), 1])
  func anyTextIsAFormulaOrAMistakeWithinIt(seed: UInt64) throws {
    print("formula seed \(seed)")
    var random = SplitMix(seed: seed)
    let parts = ["a", "b", "-", "+", "*", "(", ")", ",", "min", "if", "2", ".", "e", " ", "^", "<", "=", "x"]
    for _ in 0..<3000 {
      let text = (0..<Int.random(in: 1...20, using: &random)).map { _ in
        parts.randomElement(using: &random)!
      }.joined()
      do throws(ConfigProblems) {
        _ = try ConfigFile.check(
          Array(
            """
            gateway: {id: x}
            buses: [{name: lan, type: modbus-tcp, address: h}]
            devices:
              - name: d
                bus: lan
                points:
                  - {name: a, at: input 1, type: int16}
                  - {name: b, at: input 1, type: int16}
                  - {name: y, formula: "\(text)"}
            """.utf8), file: "test.yaml")
      } catch {
        #expect(error.list.count == 1, "seed \(seed): \(text)")
        let columns = 29...29 + text.utf8.count
        #expect(
          error.list[0].line == 9 && columns.contains(error.list[0].column), "seed \(seed): \(text) \(error)")
      }
    }
  }
}
