// `gatewayctl scan`: the units that answer, as they are found.
package import GatewayCore

/// A unit that answered, as `Scan` tells of it.
package struct FoundUnit: Equatable, Sendable {
  package var unit: UInt8
  /// Maker, product and version, as far as it says them.
  package var identity: [String]
  /// The tables that it answers for; only looked for where it says nothing.
  package var tables: [String]
  package var exception: UInt8?
  package var isGarbled: Bool
  /// The configured device with this unit.
  package var device: String?

  /// nil where there is no unit.
  package init?(json: JSONValue) {
    guard let unit = json["unit"]?.integer.flatMap(UInt8.init(exactly:)) else { return nil }
    self.unit = unit
    identity = json["identity"]?.array?.compactMap(\.string) ?? []
    tables = json["tables"]?.array?.compactMap(\.string) ?? []
    exception = json["exception"]?.integer.flatMap(UInt8.init(exactly:))
    isGarbled = json["garbled"]?.bool ?? false
    device = json["device"]?.string
  }
}

package enum ScanText {
  /// One unit; each line ended.
  package static func of(_ found: FoundUnit, _ terminal: Terminal) -> String {
    let number = String(found.unit)
    let title = String(repeating: " ", count: 3 - number.count) + number + "  "
    let device = found.device.map { " [\($0)]" } ?? ""
    let text = (looks(of: found) + device).plain.wrapped(terminal.width - title.count)
    let margin = String(repeating: " ", count: title.count)
    let ink: Terminal.Ink = found.isGarbled ? .doubtful : .plain
    return text.enumerated().map { index, line in
      (index == 0 ? title : margin) + terminal.paint(line, ink) + "\n"
    }.joined()
  }

  private static func looks(of found: FoundUnit) -> String {
    if found.isGarbled { return "answers garbage: are there two devices with this unit?" }
    let identity = found.identity.filter { !$0.isEmpty }
    if !identity.isEmpty { return identity.joined(separator: " ") }
    if !found.tables.isEmpty { return "does not say what it is; has \(found.tables.joined(separator: ", "))" }
    guard let code = found.exception else { return "does not say what it is" }
    return "answers only \(QualityReason(modbusException: code).word) (exception \(code))"
  }

  /// For a line that is overwritten.
  package static func progress(_ parameters: JSONValue) -> String {
    let (asked, total, answering) = numbers(parameters)
    return "\(asked) of \(total) asked, \(answering) \(answering == 1 ? "answers" : "answer")"
  }

  package static func end(_ parameters: JSONValue, _ terminal: Terminal) -> String {
    let (_, total, answering) = numbers(parameters)
    var sentences = ["\(answering) of \(total) \(total == 1 ? "unit answers" : "units answer")"]
    if let trouble = parameters["trouble"]?.string { sentences.append("last trouble: \(trouble.plain)") }
    return sentences.flatMap { $0.wrapped(terminal.width) }.map { $0 + "\n" }.joined()
  }

  private static func numbers(_ parameters: JSONValue) -> (UInt64, UInt64, UInt64) {
    func number(_ key: String) -> UInt64 { parameters[key]?.unsignedInteger ?? 0 }
    return (number("asked"), number("total"), number("answering"))
  }
}
