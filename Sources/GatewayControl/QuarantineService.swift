// The calls about rows that platforms refuse.
package import GatewayCore

extension ControlService {
  func listQuarantine(_ call: VarlinkCall) -> Answer {
    guard let entries = chosen(call) else { return .invalid("rows") }
    return .reply(ControlMessage.reply(.object(["rows": .array(entries.map(\.json))])))
  }

  func changeQuarantine(_ call: VarlinkCall, _ change: ([QuarantineEntry]) -> [String]) -> Answer {
    guard let entries = chosen(call) else { return .invalid("rows") }
    let problems = change(entries)
    return .reply(
      ControlMessage.reply(
        .object([
          "rows": .signed(Int64(entries.count)), "problems": .array(problems.map(JSONValue.string)),
        ])))
  }

  /// The rows that the call names by destination, number, both or neither; nil for what is no number.
  private func chosen(_ call: VarlinkCall) -> [QuarantineEntry]? {
    let destination = call.parameters["destination"]?.string
    var entries = delegate.quarantine.filter { $0.destination == destination ?? $0.destination }
    switch call.parameters["seqs"] {
    case nil, .null: break
    case .some(let given):
      guard let elements = given.array else { return nil }
      let seqs = Set(elements.compactMap(\.unsignedInteger))
      guard seqs.count == Set(elements.map { "\($0)" }).count else { return nil }
      entries = entries.filter { seqs.contains($0.row.seq) }
    }
    return entries
  }
}

extension QuarantineEntry {
  /// As `Quarantine` gives it.
  package var json: JSONValue {
    let point = row.catalogue.points.first
    var members: [String: JSONValue] = [
      "destination": .string(destination), "stream": .string("\(row.stream)"),
      "seq": ControlMessage.count(row.seq), "point": .string(point?.name ?? ""),
      "time": .string("\(row.row.time)"), "quality": .string("\(row.row.quality.word)"),
      "cause": .string(row.cause), "retried": .bool(isRetried),
    ]
    switch row.row.body {
    case .reading(let value): members["value"] = value.map { .double($0.asDouble) } ?? .null
    case .window(let summary): members["value"] = summary.count > 0 ? .double(summary.mean) : .null
    case .alarm(let event):
      members["value"] = event.value.map { .double($0.asDouble) } ?? .null
      members["alarm"] = .string(point?.alarm ?? "")
    }
    if let unit = point?.unit { members["unit"] = .string(unit) }
    return .object(members)
  }
}
