internal import GatewaySystem

/// How every figure is printed: the value, the hardware's own limit from the same run, their ratio, the goal.
enum Report {
  static func line(
    _ name: String, value: Double, unit: String, limit: Double? = nil, limitName: String = "",
    limitUnit: String? = nil, goal: String = ""
  ) {
    var text = pad(name, 46) + pad(number(value) + " " + unit, 22)
    if let limit {
      text += pad("\(limitName) \(number(limit)) \(limitUnit ?? unit), ratio \(number(value / limit))", 52)
    }
    if !goal.isEmpty { text += "goal \(goal)" }
    printOut(text + "\n")
  }

  /// The median of several runs, and from where to where they went.
  static func line(
    _ name: String, values: [Double], unit: String, limit: Double? = nil, limitName: String = "",
    goal: String = ""
  ) {
    let range = "(\(number(values.min() ?? .nan))-\(number(values.max() ?? .nan)))"
    line(
      name, value: median(values), unit: "\(unit) \(range)", limit: limit, limitName: limitName,
      limitUnit: unit, goal: goal)
  }

  static func head(_ text: String) { printOut("\n\(text)\n") }

  static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(width - text.count, 1))
  }

  /// Three significant digits, thousands grouped.
  static func number(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    if value.magnitude >= 100 {
      var digits = String(Int(value.rounded()))
      var groups: [String] = []
      while digits.count > 3 {
        groups.insert(String(digits.suffix(3)), at: 0)
        digits.removeLast(3)
      }
      return ([digits] + groups).joined(separator: ",")
    }
    let places: Double = value.magnitude >= 10 ? 10 : value.magnitude >= 1 ? 100 : 1000
    return "\((value * places).rounded() / places)"
  }
}

/// The middle of an odd number of runs.
func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
}

/// Seconds that `body` takes by the monotonic clock.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = SystemClock.monotonicMicroseconds
  try body()
  return Double(SystemClock.monotonicMicroseconds - start) / 1e6
}
