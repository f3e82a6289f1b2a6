package import GatewayCore

package enum ChipText {
  /// `gatewayctl gpio`: one line for each of the chip's; each line ended.
  package static func of(_ report: ChipReport, _ terminal: Terminal) -> String {
    let rest = report.lines.count == 1 ? "  1 line" : "  \(report.lines.count) lines"
    let title = terminal.paint(report.path.plain.cut(terminal.width - rest.count), .heading) + rest
    var table = TextTable([.right, .left, .left, .left, .right])
    for line in report.lines {
      table.append([
        TextCell(String(line.offset)), TextCell(line.name ?? "-"), TextCell(direction(of: line)),
        TextCell(holder(of: line)), TextCell(value(of: line)),
      ])
      if line.point != nil, !line.isHeld {
        table.appendNote(TextCell("the gateway does not hold its point's line", .doubtful))
      }
    }
    return ([title] + table.lines(terminal)).map { $0 + "\n" }.joined()
  }

  private static func direction(of line: ChipReport.Line) -> String {
    (line.isOutput ? "out" : "in") + (line.isActiveLow ? " low" : "")
  }

  /// What the gateway calls it says more than that the gateway holds it.
  private static func holder(of line: ChipReport.Line) -> String {
    line.point ?? line.holder ?? (line.isHeld ? "held" : "")
  }

  private static func value(of line: ChipReport.Line) -> String {
    if let value = line.value { return Quantities.text(value) }
    return line.level.map { $0 ? "1" : "0" } ?? ""
  }
}
