// `gatewayctl bus` as a person reads it: the load, then what goes wrong, then how fast devices answer.
package import GatewayCore

package struct BusText {
  private let report: BusReport
  private let terminal: Terminal
  private var lines: [String] = []

  /// The text, each line ended.
  package static func of(_ report: BusReport, _ terminal: Terminal) -> String {
    var text = BusText(report: report, terminal: terminal)
    text.addSummary()
    text.addLoad()
    text.addErrors()
    text.addResponses()
    text.addBadFrames()
    return text.lines.map { $0 + "\n" }.joined()
  }

  private init(report: BusReport, terminal: Terminal) {
    self.report = report
    self.terminal = terminal
  }

  private mutating func addHeading(_ title: String, _ more: String = "") {
    lines.append("")
    lines.append(terminal.paint(title, .heading) + (more.isEmpty ? "" : "  " + more))
  }

  private mutating func addLine(_ sentence: String, _ ink: Terminal.Ink = .plain) {
    for line in sentence.plain.wrapped(terminal.width - 2) { lines.append("  " + terminal.paint(line, ink)) }
  }

  private mutating func addSummary() {
    let bus = report.bus
    let rest = "  \(bus.type.plain)  "
    let name = bus.name.plain.cut(terminal.width - rest.count - bus.state.rawValue.count)
    lines.append(terminal.paint(name, .heading) + rest + terminal.paint(bus.state.rawValue, bus.state.ink))
    addLine("\(Quantities.grouped(bus.requests)) requests, \(Quantities.grouped(bus.errors)) errors")
    if let error = bus.lastError { addLine("last error: \(error)", .faint) }
  }

  private mutating func addLoad() {
    guard report.bus.utilisation != nil || report.bus.planned != nil else { return }
    addHeading("LINE")
    var table = TextTable([.left, .right])
    let ink: Terminal.Ink = report.bus.isOverloaded ? .doubtful : .plain
    if let taken = report.bus.utilisation {
      table.append([TextCell("taken"), TextCell(Quantities.percent(taken))])
    }
    if let planned = report.bus.planned {
      table.append([TextCell("planned"), TextCell(Quantities.percent(planned), ink)])
    }
    lines += table.lines(terminal)
    if report.bus.isOverloaded {
      addLine("more is asked than the line allows: periods are longer", .doubtful)
    }
  }

  private mutating func addErrors() {
    guard !report.errorKinds.isEmpty else { return }
    addHeading("ERRORS")
    var table = TextTable([.left, .right])
    for error in report.errorKinds.sorted(by: { $0.count > $1.count }) {
      table.append([TextCell(error.kind), TextCell(Quantities.grouped(error.count), .doubtful)])
    }
    lines += table.lines(terminal)
  }

  private mutating func addResponses() {
    let responses = report.responses
    guard responses.total > 0 else { return }
    let half = Quantities.responseTime(responses.bound(below: 0.5))
    let most = Quantities.responseTime(responses.bound(below: 0.99))
    addHeading("RESPONSES", "half \(half), 99 % \(most)")
    let counts = responses.counts
    guard let first = counts.firstIndex(where: { $0 > 0 }), let last = counts.lastIndex(where: { $0 > 0 })
    else { return }
    var table = TextTable([.right, .right, .left])
    let highest = counts.max() ?? 1
    // What the two columns of figures leave.
    let room = Double(terminal.width - 24)
    for bucket in first...last {
      let bound = bucket < ResponseTimes.bounds.count ? ResponseTimes.bounds[bucket] : nil
      // Whatever happened shows at least a mark.
      let length = (Double(counts[bucket]) / Double(highest) * room).rounded(.up)
      table.append([
        TextCell(Quantities.responseTime(bound)), TextCell(Quantities.grouped(counts[bucket])),
        TextCell(String(repeating: "#", count: Int(length)), .faint),
      ])
    }
    lines += table.lines(terminal)
  }

  private mutating func addBadFrames() {
    guard !report.badFrames.isEmpty else { return }
    addHeading("LAST BAD FRAMES")
    for frame in report.badFrames {
      let time = frame.time.map { Quantities.timeOfDay($0) + " " } ?? ""
      addLine("\(time)\(frame.kind), \(frame.length) bytes")
      var hex = HexText.of(frame.start)
      if frame.length > frame.start.count { hex += " …" }
      for line in hex.wrapped(terminal.width - 4) { lines.append("    " + terminal.paint(line, .faint)) }
    }
  }
}

extension Quantities {
  /// Of a share of one; never 0 for what is not nothing.
  static func percent(_ share: Double) -> String {
    if share > 0, share < 0.005 { return "<1 %" }
    return "\(Int((min(max(share, 0), 1e6) * 100).rounded())) %"
  }

  /// `≤20 ms`; nil stands for what lies above every bound.
  static func responseTime(_ microseconds: Int64?) -> String {
    guard let microseconds else { return ">10 s" }
    switch microseconds {
    case ..<1000: return "≤\(microseconds) µs"
    case ..<1_000_000: return "≤\(microseconds / 1000) ms"
    default: return "≤\(microseconds / 1_000_000) s"
    }
  }

  /// `21:01:00Z`: the time of day of the one form that times have, 2026-11-22T21:01:00.000Z.
  static func timeOfDay(_ time: Timestamp) -> String {
    String(time.description.dropFirst(11).prefix(8)) + "Z"
  }
}
