// `gatewayctl read BUS UNIT "input 40" [--type float32] [--order CDAB] [--count N]`: registers or bits of any
// device on a bus, read by the daemon between its polls. Exits 69 when the device does not give them.
internal import GatewayControl
internal import GatewayCore

/// What the command line asks for.
private struct ReadQuestion {
  let bus: String
  let unit: UInt8
  let place: RegisterAddress
  let type: RegisterType?
  let order: ByteOrder?
  /// Values of `type`, else registers or bits; nil where it was left open.
  let count: Int?

  init(_ invocation: Invocation) throws(UsageError) {
    let arguments = invocation.arguments
    bus = arguments[0]
    unit = UInt8(try Invocation.understand(arguments[1], "the unit", .integer(0...255)))
    // Quotes are easily forgotten: `read lan 7 input 40`.
    let place = arguments[2...].joined(separator: " ")
    self.place = try Invocation.understand(place, "the register", RegisterAddress.form)
    type = try invocation.option("--type", RegisterType.form)
    order = try Self.order(invocation, type)
    let width = type?.registers ?? 1
    count = try invocation.option("--count", .integer(1...self.place.table.requestLimit / width))
    try check()
  }

  private static func order(_ invocation: Invocation, _ type: RegisterType?) throws(UsageError) -> ByteOrder?
  {
    guard let type, type != .int8, type != .uint8 else {
      let isGiven = try invocation.option("--order", .text("an order")) != nil
      if isGiven { throw UsageError(sentence: "--order needs a --type of whole registers") }
      return nil
    }
    return try invocation.option("--order", .word(ByteOrder.words(registers: type.registers)))
  }

  private func check() throws(UsageError) {
    if place.table.isBits, type ?? .bool != .bool || order != nil {
      throw UsageError(sentence: "a \(place.table.word) is one bit; it needs no --type")
    }
    if !place.table.isBits, type == .bool {
      throw UsageError(
        sentence: "bool is for coils and discrete inputs; without --type a register shows its bits")
    }
    if Int(place.address) + length > 65_536 {
      throw UsageError(sentence: "there is no \(place.table.word) beyond 65535")
    }
  }

  /// Registers or bits to read. Two registers where nothing is said: what most values take.
  var length: Int {
    if place.table.isBits { return count ?? 1 }
    if type == nil, count == nil { return place.address == .max ? 1 : 2 }
    return (count ?? 1) * (type?.registers ?? 1)
  }

  /// Whether less may be read than `length`.
  var isOpen: Bool { type == nil && count == nil && length > 1 }

  func parameters(length: Int) -> [String: JSONValue] {
    [
      "bus": .string(bus), "unit": .signed(Int64(unit)), "table": .string("\(place.table.word)"),
      "address": .signed(Int64(place.address)), "count": .signed(Int64(length)),
    ]
  }
}

extension Invocation {
  func runRead() throws(UsageError) -> Int32 {
    let question = try ReadQuestion(self)
    do throws(CallFailure) {
      var reply = try ask(question, question.length)
      // The second register may be none of the device's; the first is what was asked for.
      if question.isOpen, reply.parameters["exception"]?.integer == 2 { reply = try ask(question, 1) }
      guard let answer = reading(question, reply.parameters) else {
        return refuse(question, reply)
      }
      if wantsJSON { printJSON(answer.json) } else { printOut(RegisterText.of(answer, terminal)) }
      return ExitCode.ok
    } catch {
      return error.exitCode
    }
  }

  private func ask(_ question: ReadQuestion, _ length: Int) throws(CallFailure) -> VarlinkReply {
    // The polls go first, and a device that is silent takes its timeout.
    try call("Read", question.parameters(length: length), timeout: .seconds(90))
  }

  /// nil when the device gave none.
  private func reading(_ question: ReadQuestion, _ reply: JSONValue) -> RegisterReport? {
    let content: RegisterReport.Content
    if let bits = reply["bits"]?.array?.compactMap(\.bool), !bits.isEmpty {
      content = .bits(bits)
    } else {
      let words =
        reply["words"]?.array?.compactMap { $0.unsignedInteger.flatMap(UInt16.init(exactly:)) } ?? []
      guard !words.isEmpty, words.count % (question.type?.registers ?? 1) == 0 else { return nil }
      content = .words(words, as: question.type, question.order)
    }
    return RegisterReport(bus: question.bus, unit: question.unit, place: question.place, content: content)
  }

  private func refuse(_ question: ReadQuestion, _ reply: VarlinkReply) -> Int32 {
    let reason = reply.parameters["reason"]?.string ?? "the answer makes no sense"
    let cause =
      if let code = reply.parameters["exception"]?.integer {
        "the device answers \(reason) (exception \(code))"
      } else {
        reply.parameters["cause"]?.string ?? reason
      }
    let place = "\(question.place.table.word) \(question.place.address)"
    let sentence = "cannot read \(place) of unit \(question.unit) on bus \"\(question.bus)\": \(cause)"
    if wantsJSON { printJSONError(sentence, reply.parameters) } else { printError(sentence.plain) }
    return ExitCode.unavailable
  }
}
