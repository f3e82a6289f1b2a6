// `gatewayctl quarantine`, for a person.
package import GatewayCore

package enum QuarantineText {
  /// A row a line, and what the platform says below.
  package static func list(of rows: [JSONValue], _ terminal: Terminal) -> String {
    guard !rows.isEmpty else { return "no row is in quarantine\n" }
    var table = TextTable([.left, .right, .left, .right])
    for row in rows {
      table.append([
        TextCell(text(row, "destination")), TextCell("\(row["seq"]?.unsignedInteger ?? 0)"),
        TextCell(text(row, "point")), TextCell(value(row)),
      ])
      table.appendNote(TextCell(text(row, "time"), .faint))
      let isRetried = row["retried"]?.bool == true
      table.appendNote(TextCell((isRetried ? "queued again; " : "") + text(row, "cause"), .doubtful))
    }
    return table.lines(terminal, indent: 0).map { $0 + "\n" }.joined()
  }

  /// All there is, a member a line.
  package static func details(of rows: [JSONValue]) -> String {
    guard !rows.isEmpty else { return "no such row is in quarantine\n" }
    let keys = ["destination", "stream", "point", "time", "quality", "cause"]
    return rows.map { row in
      let lines = ["seq \(row["seq"]?.unsignedInteger ?? 0)", "value \(value(row))"]
      return (lines + keys.map { "\($0) \(text(row, $0))" }).map { $0 + "\n" }.joined()
    }.joined(separator: "\n")
  }

  private static func text(_ row: JSONValue, _ key: String) -> String { row[key]?.string?.plain ?? "" }

  private static func value(_ row: JSONValue) -> String {
    guard let number = row["value"]?.double else { return "none" }
    let unit = row["unit"]?.string.map { " \(Quantities.symbol($0))" } ?? ""
    return Quantities.text(.double(number)) + unit
  }
}
