// Points and their last readings, as `status`, `sensors` and `watch` show them.
package import GatewayCore

/// Points in columns: name, value, unit, age, quality.
struct PointTable {
  private let isWide: Bool
  private let now: Timestamp
  private var table = TextTable([.left, .right, .left, .right, .left])

  init(at now: Timestamp, _ terminal: Terminal) {
    isWide = terminal.isWide
    self.now = now
  }

  mutating func append(_ point: StatusSnapshot.Point, named name: String) {
    let quality = Self.quality(point)
    table.append([
      TextCell(name), TextCell(point.value.map(Quantities.text) ?? "-"),
      TextCell(point.unit.map(Quantities.symbol) ?? ""),
      TextCell(point.time.map { Quantities.age(of: $0, at: now) } ?? "-"), isWide ? quality : TextCell(""),
    ])
    // A column for the few points that need it would cost all of them their names.
    if !isWide && !quality.text.isEmpty { table.appendNote(quality) }
  }

  func lines(_ terminal: Terminal) -> [String] { table.lines(terminal) }

  /// Empty when there is nothing to say: the reading is good, or there was none yet.
  static func quality(_ point: StatusSnapshot.Point) -> TextCell {
    guard point.quality != .good, point.time != nil else { return TextCell("") }
    let reason = point.reason == .none ? "" : " \(point.reason.word)"
    return TextCell("\(point.quality.word)\(reason)", point.quality == .bad ? .bad : .doubtful)
  }
}

package enum SensorsText {
  /// `gatewayctl sensors`: one line for each point, below its device's name; each line ended.
  package static func of(
    _ points: [StatusSnapshot.Point], at now: Timestamp, _ terminal: Terminal
  ) -> String {
    var lines: [String] = []
    var device: String?
    var table = PointTable(at: now, terminal)
    for point in points {
      let parts = point.name.split(separator: ".", maxSplits: 1).map(String.init)
      let name = parts.count == 2 ? parts[0] : ""
      if name != device {
        lines += table.lines(terminal)
        table = PointTable(at: now, terminal)
        lines.append(terminal.paint(name.plain, .heading))
        device = name
      }
      table.append(point, named: parts.last ?? point.name)
    }
    lines += table.lines(terminal)
    return lines.map { $0 + "\n" }.joined()
  }
}

package enum ReadingText {
  /// `gatewayctl watch`: one reading, `21:01:00Z canopy.temperature 17.3 °C`, the line ended.
  package static func of(_ reading: StatusSnapshot.Point, _ terminal: Terminal) -> String {
    var parts: [String] = []
    if let time = reading.time { parts.append(Quantities.timeOfDay(time)) }
    parts.append(reading.name.plain)
    parts.append(reading.value.map(Quantities.text) ?? "-")
    if let unit = reading.unit.map(Quantities.symbol), !unit.isEmpty { parts.append(unit) }
    let quality = PointTable.quality(reading)
    if !quality.text.isEmpty { parts.append(terminal.paint(quality.text, quality.ink)) }
    return parts.joined(separator: " ") + "\n"
  }
}
