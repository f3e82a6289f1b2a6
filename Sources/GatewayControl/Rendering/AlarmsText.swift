// `gatewayctl alarms`, for a person.
package import GatewayCore

package enum AlarmsText {
  /// An alarm a line, those that are raised first, the latest of them at the top.
  package static func of(_ alarms: [AlarmReport], at now: Timestamp, _ terminal: Terminal) -> String {
    guard !alarms.isEmpty else { return "the configuration has no alarms\n" }
    let raised = alarms.filter(\.isRaised).sorted { since($0) > since($1) }
    let others = alarms.filter { !$0.isRaised }
    var table = TextTable([.left, .left, .right, .right])
    for alarm in raised + others {
      table.append([
        TextCell("\(alarm.point) \(alarm.name)"),
        TextCell(alarm.isRaised ? "RAISED" : "cleared", alarm.isRaised ? .bad : .plain),
        TextCell(alarm.since.map { Quantities.age(of: $0, at: now) } ?? "-"),
        TextCell(alarm.raisings == 0 ? "" : "\(Quantities.grouped(alarm.raisings))x"),
      ])
      guard alarm.isRaised else { continue }
      table.appendNote(TextCell("since \(alarm.since.map { "\($0)" } ?? "before the start")", .faint))
      if let value = alarm.value {
        let unit = alarm.unit.map { " \(Quantities.symbol($0))" } ?? ""
        table.appendNote(TextCell("value \(Quantities.text(value))\(unit)", .faint))
      }
    }
    let count =
      raised.isEmpty ? "none of \(alarms.count) is raised" : "\(raised.count) of \(alarms.count) raised"
    return ([terminal.paint("ALARMS", .heading) + "  \(count)"] + table.lines(terminal))
      .map { $0 + "\n" }.joined()
  }

  private static func since(_ alarm: AlarmReport) -> Timestamp {
    alarm.since ?? Timestamp(microseconds: .min)
  }
}
