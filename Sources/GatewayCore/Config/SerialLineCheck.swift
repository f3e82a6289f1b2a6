/// A serial port's keys, the same for every bus that has one.
extension ConfigCheck {
  /// `format` is what the protocol's specification has where the file says nothing.
  /// `dataBits`: those that the protocol needs; nil where it takes any.
  func serialLine(_ keys: inout MappingReader, format: String, dataBits: Int? = nil) -> SerialLine {
    var line = SerialLine(device: keys.require("device", Self.devicePath("/dev/ttyS1")) ?? "")
    line.baud = keys.optional("baud", Self.baud) ?? line.baud
    let node = keys.take("format")
    let framing = node.flatMap { keys.read($0, "format", Self.format) } ?? Self.framing(format)
    if let node, let dataBits, let framing, framing.0 != dataBits {
      log.add(node, "Modbus RTU sends bytes and needs \(dataBits) data bits: \(quoted(format)), 8N1 or 8N2")
    }
    if let framing { (line.dataBits, line.parity, line.stopBits) = framing }
    line.rs485 =
      keys.optional(
        "rs485",
        .word(
          [("none", .none), ("kernel", .kernel), ("rts-up", .rtsUp), ("rts-down", .rtsDown)],
          synonyms: ["auto": "none", "rts": "rts-up", "driver": "kernel", "true": "kernel", "false": "none"])
      ) ?? .none
    return line
  }

  static func devicePath(_ example: String) -> ScalarForm<String> {
    ScalarForm(
      "the absolute path of a device such as \(example)",
      nearest: { text in isName(text, others: "-_.:") ? "/dev/\(text)" : nil },
      parse: { text, _ in
        let isLine = text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        return isLine && text.hasPrefix("/") && 2...255 ~= text.utf8.count ? text : nil
      })
  }

  static var baud: ScalarForm<Int> {
    let words = SerialLine.bauds.map(String.init)
    return ScalarForm(
      alternatives(words),
      nearest: { nearestWord(to: $0, in: words) },
      parse: { text, isPlain in
        isPlain ? wholeNumber(text).flatMap { SerialLine.bauds.contains($0) ? $0 : nil } : nil
      })
  }

  private static var format: ScalarForm<(Int, SerialLine.Parity, Int)> {
    ScalarForm(
      "data bits, parity and stop bits such as 8N1, 8E1 or 7E1",
      nearest: { framing($0.uppercased()) == nil ? nil : $0.uppercased() },
      parse: { text, _ in framing(text) })
  }

  private static func framing(_ text: String) -> (Int, SerialLine.Parity, Int)? {
    let letters = Array(text)
    guard letters.count == 3, let data = letters[0].wholeNumberValue, 7...8 ~= data,
      let stop = letters[2].wholeNumberValue, 1...2 ~= stop
    else { return nil }
    switch letters[1] {
    case "N": return (data, .none, stop)
    case "E": return (data, .even, stop)
    case "O": return (data, .odd, stop)
    default: return nil
    }
  }
}
