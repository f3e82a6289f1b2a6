// `gatewayctl store` as a person reads it: how full it is and when it will be, who lacks what, how the medium
// wears.
package import GatewayCore

package struct StoreText {
  /// Runs of one destination that are shown; more are counted.
  private static let mostRuns = 5

  private let report: StoreReport
  private let terminal: Terminal
  private var lines: [String] = []

  /// The text, each line ended.
  package static func of(_ report: StoreReport, _ terminal: Terminal) -> String {
    var text = StoreText(report: report, terminal: terminal)
    text.addFilling()
    text.addSegments()
    text.addDestinations()
    text.addAlarms()
    text.addFlash()
    return text.lines.map { $0 + "\n" }.joined()
  }

  private init(report: StoreReport, terminal: Terminal) {
    self.report = report
    self.terminal = terminal
  }

  private mutating func addHeading(_ title: String, _ more: String = "") {
    if !lines.isEmpty { lines.append("") }
    lines.append(terminal.paint(title, .heading) + (more.isEmpty ? "" : "  " + more))
  }

  private mutating func addLine(_ sentence: String, _ ink: Terminal.Ink = .plain) {
    for line in sentence.plain.wrapped(terminal.width - 2) { lines.append("  " + terminal.paint(line, ink)) }
  }

  private mutating func addFilling() {
    let used = Quantities.size(UInt64(clamping: report.used))
    addHeading("STORE", "\(used) of \(Quantities.size(UInt64(clamping: report.capacity)))")
    if let fault = report.fault { addLine(fault, .bad) }
    if let oldest = report.oldest {
      addLine("oldest row waits for \(Quantities.age(of: oldest, at: report.now))")
    }
    addLine("full at the present rate: \(words(report.full))")
    addLine("full if nothing is delivered: \(words(report.fullWithoutDelivery))")
  }

  private func words(_ forecast: StoreReport.Forecast) -> String {
    switch forecast {
    case .unknown: "not known yet, measured for \(Quantities.age(report.rate.measured))"
    case .never: "never"
    case .after(let seconds): "in \(Quantities.age(seconds))"
    }
  }

  private mutating func addSegments() {
    let segments = report.segments
    addHeading("SEGMENTS", "\(segments.total) of \(Quantities.size(UInt64(clamping: segments.slotBytes)))")
    var table = TextTable([.left, .right])
    for (title, count, ink) in [
      ("used", segments.used, .plain), ("free", segments.free, .plain),
      ("failed", segments.failed, segments.failed > 0 ? Terminal.Ink.doubtful : .plain),
    ] {
      table.append([TextCell(title), TextCell(Quantities.grouped(UInt64(clamping: count)), ink)])
    }
    lines += table.lines(terminal)
  }

  private mutating func addDestinations() {
    addHeading("UNDELIVERED")
    var table = TextTable([.left, .right, .right])
    for destination in report.destinations {
      let isNobody = destination.name == DeliveryLedger.nobody
      table.append([
        TextCell(isNobody ? "(no destination)" : destination.name),
        TextCell("\(Quantities.grouped(destination.queued)) rows"),
        TextCell(destination.oldest.map { Quantities.age(of: $0, at: report.now) } ?? ""),
      ])
      for run in destination.runs.prefix(Self.mostRuns) { table.appendNote(TextCell(words(run), .faint)) }
      let more = destination.runs.dropFirst(Self.mostRuns)
      guard !more.isEmpty else { continue }
      let rows = more.reduce(UInt64(0)) { $0.addingReportingOverflow($1.rowCount).partialValue }
      table.appendNote(TextCell("and \(more.count) more runs with \(Quantities.grouped(rows)) rows", .faint))
    }
    lines += table.lines(terminal)
  }

  private func words(_ run: ClosedRange<UInt64>) -> String {
    "\(run.lowerBound)…\(run.upperBound), \(Quantities.grouped(run.rowCount))"
  }

  private mutating func addAlarms() {
    guard let alarms = report.alarms else { return }
    let used = Quantities.size(UInt64(clamping: alarms.used))
    addHeading("ALARMS", "\(used) of \(Quantities.size(UInt64(clamping: alarms.capacity)))")
    let age = alarms.oldest.map { ", the oldest for \(Quantities.age(of: $0, at: report.now))" } ?? ""
    addLine("\(Quantities.grouped(alarms.queued)) rows undelivered" + (alarms.queued > 0 ? age : ""))
  }

  private mutating func addFlash() {
    addHeading("FLASH", report.life.map { $0.device.plain } ?? "")
    if let perDay = report.rate.writtenPerDay {
      addLine("\(Quantities.size(UInt64(min(max(perDay, 0), 1e18)))) written per day")
    } else {
      addLine("written per day: not known yet, measured for \(Quantities.age(report.rate.measured))")
    }
    addYears()
    addLife()
    addLine("stored at least every \(Quantities.interval(report.commitInterval))")
  }

  private mutating func addYears() {
    guard let budget = report.budget else {
      return addLine("expected life: not known, \"store\" has no \"flash\"", .faint)
    }
    let factor = Int(StoreReport.writeAmplification)
    let terms = "\(Quantities.size(UInt64(clamping: budget.capacity))), \(budget.cycles) cycles, "
    let assumed = "\(factor) bytes programmed for each written"
    guard let years = report.years else {
      return addLine("expected life: not known yet (\(terms)\(assumed))")
    }
    let text =
      years < 1 ? "\(Int(years * 12)) months" : years >= 100 ? "over 100 years" : "\(Int(years)) years"
    addLine("expected life: \(text) (\(terms)\(assumed))", years < 2 ? .doubtful : .plain)
  }

  private mutating func addLife() {
    guard let life = report.life else { return }
    if let tenths = life.usedTenths {
      addLine(
        tenths > 10
          ? "it says: all of its life is used"
          : "it says: \(tenths * 10 - 10) to \(tenths * 10) % of its life are used",
        tenths >= 10 ? .doubtful : .plain)
    }
    if let sentence = life.sentence { addLine(sentence, life.state.ink) }
  }
}

extension ClosedRange<UInt64> {
  /// Rows from the wire may span everything.
  fileprivate var rowCount: UInt64 {
    let (count, overflow) = (upperBound - lowerBound).addingReportingOverflow(1)
    return overflow ? .max : count
  }
}

extension Quantities {
  /// `100 ms`, `1 s`: of times that are no ages.
  fileprivate static func interval(_ seconds: Double) -> String {
    seconds < 1 ? "\(Int(max(seconds, 0) * 1000)) ms" : "\(Int(min(seconds, 1e9))) s"
  }
}
