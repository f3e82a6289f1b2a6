// The methods that look at the field: what a bus and a chip are like, and what a device on a bus says.
internal import GatewayCore

extension ControlService {
  func describeBus(_ call: VarlinkCall) -> Answer {
    guard let name = call.parameters["name"]?.string else { return .invalid("name") }
    guard let report = delegate.report(onBus: name) else { return unknownBus(name) }
    return .reply(ControlMessage.reply { report.appendJSON(to: &$0) })
  }

  func describeChip(_ call: VarlinkCall) -> Answer {
    guard let chip = call.parameters["chip"]?.string else { return .invalid("chip") }
    switch delegate.report(onChip: chip) {
    case .report(let report): return .reply(ControlMessage.reply { report.appendJSON(to: &$0) })
    case .unknown(let known):
      return .error("UnknownChip", ["chip": .string(chip), "known": .array(known.map(JSONValue.string))])
    case .failed(let cause): return .error("ChipFailed", ["chip": .string(chip), "cause": .string(cause)])
    }
  }

  func read(_ call: VarlinkCall) -> Answer {
    let given = call.parameters
    guard let bus = given["bus"]?.string else { return .invalid("bus") }
    guard let unit = given["unit"]?.integer.flatMap(UInt8.init(exactly:)) else { return .invalid("unit") }
    let tables = RegisterTable.allCases
    guard let table = tables.first(where: { "\($0.word)" == given["table"]?.string }) else {
      return .invalid("table")
    }
    guard let address = given["address"]?.integer.flatMap(UInt16.init(exactly:)) else {
      return .invalid("address")
    }
    // One request is one turn on the bus; nobody's polls wait for more.
    guard let count = given["count"]?.integer.flatMap(UInt16.init(exactly:)),
      (1...table.requestLimit).contains(Int(count)), Int(address) + Int(count) <= 65_536
    else { return .invalid("count") }
    return ask(
      [.read(unit: unit, table: table, address: address, count: count)], bus, call, ReadReplies.init)
  }

  func scan(_ call: VarlinkCall) -> Answer {
    guard let bus = call.parameters["bus"]?.string else { return .invalid("bus") }
    guard call.takesMore else { return .serviceError("ExpectedMore", [:]) }
    guard let first = unit(call.parameters["from"], else: 1) else { return .invalid("from") }
    guard let last = unit(call.parameters["to"], else: 247), first <= last else { return .invalid("to") }
    let probes = (first...last).map { BusInquiry.probe(unit: $0) }
    let delegate = delegate
    return ask(probes, bus, call) { answers in
      ScanReplies(answers, probes: probes.count, devices: delegate.devices(onBus: bus)) {
        delegate.ask($0, ofBus: bus)
      }
    }
  }

  private func unit(_ given: JSONValue?, else usual: UInt8) -> UInt8? {
    switch given {
    case nil, .null: usual
    case .some(let value): value.integer.flatMap(UInt8.init(exactly:))
    }
  }

  private func ask(
    _ inquiries: [BusInquiry], _ bus: String, _ call: VarlinkCall,
    _ replies: (any BusAnswers) -> any PendingReplies
  ) -> Answer {
    guard delegate.busNames.contains(bus) else { return unknownBus(bus) }
    guard let answers = delegate.ask(inquiries, ofBus: bus) else {
      return .error("BusOccupied", ["bus": .string(bus)])
    }
    return .replies(replies(answers))
  }

  private func unknownBus(_ name: String) -> Answer {
    .error(
      "UnknownBus",
      ["bus": .string(name), "known": .array(delegate.busNames.map(JSONValue.string))])
  }
}
