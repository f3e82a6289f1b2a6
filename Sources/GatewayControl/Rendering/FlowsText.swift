// `gatewayctl flows`, for a person.
package import GatewayCore

package enum FlowsText {
  package static func of(_ report: FlowReport, _ terminal: Terminal) -> String {
    var lines = ["\(terminal.paint("FLOWS", .heading))  what leaves \(report.gateway.plain)"]
    for destination in report.destinations {
      lines.append("")
      lines.append(
        "\(terminal.paint(destination.name.plain, .heading))  \(destination.format) to \(destination.address.plain)"
      )
      let flows = report.flows.filter { $0.destination == destination.name }
      var table = TextTable([.left, .left])
      for flow in flows { append(flow, to: &table) }
      lines += flows.isEmpty ? ["  nothing"] : table.lines(terminal)
      let place = destination.getsLocation ? " and where it stands" : ""
      lines += wrapped(
        "each with the cabinet's name\(place), the point's, the time and the quality"
          + (flows.contains { $0.kind == .windows }
            ? "; windows also with how many readings were good and bad" : ""),
        terminal)
    }
    lines += ["", "\(terminal.paint("KEPT", .heading))  in the cabinet"]
    lines += kept(report).flatMap { wrapped($0, terminal) }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func append(_ flow: FlowReport.Flow, to table: inout TextTable) {
    let unit = flow.unit.map { ", \(Quantities.symbol($0))" } ?? ""
    switch flow.kind {
    case .readings: table.append([TextCell(flow.point), TextCell("each reading\(unit)")])
    case .changes: table.append([TextCell(flow.point), TextCell("readings that changed\(unit)")])
    case .alarm:
      table.append([TextCell("\(flow.point) \(flow.alarm ?? "")"), TextCell("raised and cleared")])
    case .windows:
      let slides = flow.slide < flow.window ? ", every \(time(flow.slide))" : ""
      table.append([TextCell(flow.point), TextCell("\(time(flow.window))\(slides)\(unit)")])
      table.appendNote(TextCell(flow.functions.joined(separator: " "), .faint))
    }
    if flow.isAggregateOnly { table.appendNote(TextCell("single readings stay in memory", .faint)) }
    if flow.minimumCount > 0 {
      table.appendNote(TextCell("nothing of fewer than \(flow.minimumCount) events", .faint))
    }
    if let attribute = flow.attribute { table.appendNote(TextCell("as \(attribute)", .faint)) }
  }

  private static func kept(_ report: FlowReport) -> [String] {
    let room = Quantities.size(report.capacity)
    let evict =
      report.evict == "thin" ? "then the oldest are summarised" : "then the oldest rows go"
    let age =
      report.retain.map { "whatever is older than \(time(UInt64($0))) goes, delivered or not" }
      ?? "no row goes for its age (\"retain\" sets one)"
    return [
      "a row that every destination has may be written over, \(room) at most; \(evict)", age,
      "what a platform refuses for ever waits in quarantine for a person",
    ]
      + (report.flows.contains { $0.kind == .alarm }
        ? ["alarms stay until they are delivered, in 4 MiB of their own"] : [])
  }

  private static func wrapped(_ sentence: String, _ terminal: Terminal) -> [String] {
    sentence.wrapped(terminal.width - 2).map { "  " + $0 }
  }

  private static func time(_ seconds: UInt64) -> String {
    for (length, unit) in [(UInt64(86_400), "d"), (3600, "h"), (60, "min")]
    where seconds >= length && seconds % length == 0 {
      return "\(seconds / length) \(unit)"
    }
    return "\(seconds) s"
  }
}
