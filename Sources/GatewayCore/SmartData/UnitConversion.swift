/// From one UN/CEFACT unit to another of the same kind: `(value · numerator / denominator)`, in between temperatures
/// shifted.
package struct UnitConversion: Equatable, Sendable {
  private var numerator = 1.0
  private var denominator = 1.0
  /// Added before and after, in the units of either side.
  private var before = 0.0
  private var after = 0.0

  /// No change.
  package init() {}

  /// nil where one of the units is not known or they measure different things.
  package init?(from one: String, to other: String) {
    if one == other { return }
    guard let from = Self.table[one], let to = Self.table[other], from.kind == to.kind else { return nil }
    let divisor = Self.commonDivisor(from.numerator * to.denominator, from.denominator * to.numerator)
    numerator = Double(from.numerator * to.denominator / divisor)
    denominator = Double(from.denominator * to.numerator / divisor)
    before = from.offset
    after = -to.offset
  }

  package func apply(_ value: Double) -> Double {
    self == UnitConversion() ? value : Self.rounded((value + before) * numerator / denominator + after)
  }

  /// To twelve digits: 293.2 - 273.15 is 20.05 to everybody but a computer.
  private static func rounded(_ value: Double) -> Double {
    var power = 1.0
    while value.magnitude * power < 1e11 && power < 1e22 { power *= 10 }
    return (value * power).rounded() / power
  }

  private struct Unit {
    var kind: String
    var numerator: Int
    var denominator: Int
    /// Added to a value, makes it count from where the kind's base counts.
    var offset: Double
  }

  private static func commonDivisor(_ one: Int, _ other: Int) -> Int {
    other == 0 ? one : commonDivisor(other, one % other)
  }

  /// Whether the two can be told apart: a code that is not in the table may mean anything.
  static func isKnown(_ code: String) -> Bool { table[code] != nil }

  // UN/CEFACT Recommendation 20, common codes: code, kind, and its size in the kind's base.
  private static let table: [String: Unit] = {
    var table: [String: Unit] = [:]
    func add(_ kind: String, _ units: [(code: String, numerator: Int, denominator: Int)]) {
      for unit in units {
        table[unit.code] = Unit(
          kind: kind, numerator: unit.numerator, denominator: unit.denominator, offset: 0)
      }
    }
    add("share", [("C62", 1, 1), ("P1", 1, 100)])
    add("pressure", [("PAL", 1, 1), ("A97", 100, 1), ("MBR", 100, 1), ("KPA", 1000, 1), ("BAR", 100_000, 1)])
    add("speed", [("MTS", 1, 1), ("KMH", 5, 18), ("HM", 1397, 3125), ("KNT", 463, 900)])
    add("angle", [("DD", 1, 1)])
    add("length", [("MTR", 1, 1), ("CMT", 1, 100), ("MMT", 1, 1000), ("KMT", 1000, 1), ("FOT", 381, 1250)])
    add("area", [("MTK", 1, 1), ("KMK", 1_000_000, 1)])
    add("volume", [("MTQ", 1, 1), ("LTR", 1, 1000)])
    add("flow", [("MQS", 1, 1), ("MQH", 1, 3600), ("G51", 1, 1000)])
    add("time", [("SEC", 1, 1), ("C26", 1, 1000), ("MIN", 60, 1), ("HUR", 3600, 1), ("DAY", 86_400, 1)])
    add("power", [("WTT", 1, 1), ("KWT", 1000, 1), ("MAW", 1_000_000, 1)])
    add("reactive power", [("D44", 1, 1), ("KVR", 1000, 1)])
    add("apparent power", [("D46", 1, 1), ("KVA", 1000, 1)])
    add("energy", [("WHR", 1, 1), ("KWH", 1000, 1), ("MWH", 1_000_000, 1)])
    add("reactive energy", [("K3", 1, 1)])
    add("apparent energy", [("C79", 1, 1)])
    add("current", [("AMP", 1, 1), ("4K", 1, 1000)])
    add("voltage", [("VLT", 1, 1), ("2Z", 1, 1000), ("KVT", 1000, 1)])
    add("frequency", [("HTZ", 1, 1), ("KHZ", 1000, 1)])
    add("irradiance", [("D54", 1, 1)])
    add("illuminance", [("LUX", 1, 1)])
    add("level", [("2N", 1, 1)])
    add("density", [("GQ", 1, 1), ("GP", 1000, 1)])
    add("fraction", [("59", 1, 1), ("61", 1, 1000)])
    table["CEL"] = Unit(kind: "temperature", numerator: 1, denominator: 1, offset: 0)
    table["KEL"] = Unit(kind: "temperature", numerator: 1, denominator: 1, offset: -273.15)
    table["FAH"] = Unit(kind: "temperature", numerator: 5, denominator: 9, offset: -32)
    return table
  }()
}
