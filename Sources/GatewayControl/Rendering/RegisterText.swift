// `gatewayctl read`: what a device gave, and what it may mean.
package import GatewayCore

package struct RegisterReport: Equatable, Sendable {
  package enum Content: Equatable, Sendable {
    case bits([Bool])
    /// The type and the order as far as the technician knows them; with a type whole values only.
    case words([UInt16], as: RegisterType?, ByteOrder?)
  }

  package var bus: String
  package var unit: UInt8
  package var place: RegisterAddress
  package var content: Content

  package init(bus: String, unit: UInt8, place: RegisterAddress, content: Content) {
    self.bus = bus
    self.unit = unit
    self.place = place
    self.content = content
  }

  fileprivate var length: Int {
    switch content {
    case .bits(let bits): bits.count
    case .words(let words, _, _): words.count
    }
  }

  /// For each type that comes into question its orders, the likeliest first.
  fileprivate var guesses: [[OrderGuess]] {
    guard case .words(let words, let type, let order) = content else { return [] }
    guard let type else {
      return Self.usualTypes.filter { $0.registers <= words.count }
        .map { OrderGuess.ranked($0, Array(words.prefix($0.registers))) }
    }
    let ranked = OrderGuess.ranked(type, words)
    return [order.map { order in ranked.filter { $0.layout.order == order } } ?? ranked]
  }

  private static let usualTypes: [RegisterType] = [
    .uint16, .int16, .uint32, .int32, .float32, .uint64, .int64, .float64,
  ]

  /// For programs; the likeliest order of each type first, null for what is not a number.
  package var json: [UInt8] {
    var buffer = ByteBuffer()
    var object = ObjectWriter(&buffer)
    object.member("bus", bus, to: &buffer)
    object.member("unit", UInt64(unit), to: &buffer)
    object.member("table", "\(place.table.word)", to: &buffer)
    object.member("address", UInt64(place.address), to: &buffer)
    switch content {
    case .bits(let bits): object.member("bits", bits, to: &buffer) { $1.append($0 ? "true" : "false") }
    case .words(let words, _, _):
      object.member("words", words, to: &buffer) { JSONWriter.append(integer: UInt64($0), to: &$1) }
      object.member("readings", guesses.flatMap { $0 }, to: &buffer) { guess, buffer in
        var object = ObjectWriter(&buffer)
        object.member("type", guess.layout.type.rawValue, to: &buffer)
        object.member("order", guess.word, to: &buffer)
        object.member("values", guess.readings, to: &buffer) { reading, buffer in
          guard case .value(let value) = reading else { return buffer.append("null") }
          JSONWriter.append(value: value, to: &buffer)
        }
        object.end(&buffer)
      }
    }
    object.end(&buffer)
    return buffer.copyBytes()
  }
}

package struct RegisterText {
  private let report: RegisterReport
  private let terminal: Terminal
  private var lines: [String] = []

  /// The text, each line ended.
  package static func of(_ report: RegisterReport, _ terminal: Terminal) -> String {
    var text = RegisterText(report: report, terminal: terminal)
    text.addTitle()
    switch report.content {
    case .bits(let bits): text.add(bits)
    case .words(let words, nil, _):
      text.add(words)
      text.addUsualReadings()
    case .words(let words, .some(let type), _):
      if words.count == type.registers { text.addOrders(words) } else { text.addValues(words) }
    }
    return text.lines.map { $0 + "\n" }.joined()
  }

  private init(report: RegisterReport, terminal: Terminal) {
    self.report = report
    self.terminal = terminal
  }

  private mutating func addTitle() {
    let first = Int(report.place.address)
    let last = first + report.length - 1
    let place = "\(report.place.table.word) \(first)" + (last > first ? "-\(last)" : "")
    let rest = "  unit \(report.unit)  \(place)"
    let bus = report.bus.plain.cut(terminal.width - rest.count)
    lines.append(terminal.paint(bus, .heading) + rest)
  }

  private mutating func addLine(_ sentence: String, _ ink: Terminal.Ink = .plain) {
    for line in sentence.wrapped(terminal.width - 2) { lines.append("  " + terminal.paint(line, ink)) }
  }

  private mutating func add(_ bits: [Bool]) {
    var table = TextTable([.right, .right])
    for (offset, bit) in bits.enumerated() {
      table.append([TextCell(String(Int(report.place.address) + offset)), TextCell(bit ? "1" : "0")])
    }
    lines += table.lines(terminal)
  }

  /// Each register in hexadecimal, as bits and as a whole number.
  private mutating func add(_ words: [UInt16]) {
    var table = TextTable([.right, .left, .left, .right])
    for (offset, word) in words.enumerated() {
      table.append([
        TextCell(String(Int(report.place.address) + offset)), TextCell(HexText.of(word)),
        TextCell(Self.bits(of: word), .faint), TextCell(String(word)),
      ])
    }
    lines += table.lines(terminal)
  }

  /// In groups of four, so that a bit's number can be counted.
  private static func bits(of word: UInt16) -> String {
    stride(from: 12, through: 0, by: -4).map { shift in
      let group = String(word >> UInt16(shift) & 15, radix: 2)
      return String(repeating: "0", count: 4 - group.count) + group
    }.joined(separator: " ")
  }

  private mutating func addUsualReadings() {
    lines.append("")
    var table = TextTable([.left, .left, .right])
    for guess in report.guesses.compactMap(\.first) {
      table.append([
        TextCell(guess.layout.type.rawValue), TextCell(guess.word),
        Self.cell(guess.readings.first ?? .notANumber, guess.layout.type),
      ])
    }
    lines += table.lines(terminal)
    addLine("each in its likeliest order; with --type in every one", .faint)
  }

  /// One value in every order that comes into question.
  private mutating func addOrders(_ words: [UInt16]) {
    addLine(words.map { HexText.of($0) }.joined(separator: " "), .faint)
    let guesses = report.guesses.first ?? []
    let isOpen = Set(guesses.map(\.readings)).count > 1
    var table = TextTable([.left, .right, .left])
    for (place, guess) in guesses.enumerated() {
      table.append([
        TextCell(guess.word), Self.cell(guess.readings.first ?? .notANumber, guess.layout.type),
        TextCell(isOpen && place == 0 ? "likeliest" : "", .good),
      ])
    }
    lines += table.lines(terminal)
  }

  /// Several values in the likeliest order.
  private mutating func addValues(_ words: [UInt16]) {
    let guesses = report.guesses.first ?? []
    guard let best = guesses.first else { return }
    let width = best.layout.type.registers
    var table = TextTable([.right, .left, .right])
    for (place, reading) in best.readings.enumerated() {
      let start = place * width
      table.append([
        TextCell(String(Int(report.place.address) + start)),
        TextCell(words[start..<start + width].map { HexText.of($0) }.joined(separator: " "), .faint),
        Self.cell(reading, best.layout.type),
      ])
    }
    lines += table.lines(terminal)
    if guesses.count > 1 { addLine("in order \(best.word), the likeliest; --order asks for another", .faint) }
  }

  private static func cell(_ reading: Decoded, _ type: RegisterType) -> TextCell {
    switch reading {
    // The digits that a single has; as a double it would show digits that nobody sent. A whole number is exact.
    case .value(.double(let number)) where type == .float32 && number.rounded() != number:
      TextCell(Quantities.text(.double(Double(Float(number).description) ?? number)))
    case .value(.double(let number)) where type == .float32 && number.magnitude >= 1e9:
      TextCell(Float(number).description)
    case .value(let value): TextCell(Quantities.text(value))
    case .notANumber: TextCell("not a number", .faint)
    }
  }
}
