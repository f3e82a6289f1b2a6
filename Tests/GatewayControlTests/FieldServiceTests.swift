import GatewayControl
import GatewayCore
import Synchronization
import Testing

/// The methods that ask buses and chips, without a socket.
@Suite struct FieldServiceTests {
  private let cabinet = Cabinet()

  private func call(
    _ method: String, _ parameters: String, more: Bool = false, oneway: Bool = false
  ) throws -> ControlService.Answer {
    let call = VarlinkCall(
      method: "org.citygateway.\(method)", parameters: try JSONValue(parsing: parameters), isOneway: oneway,
      takesMore: more)
    return ControlService(delegate: cabinet).answer(call, mayChange: true)
  }

  private func reply(_ method: String, _ parameters: String, more: Bool = false) throws -> String {
    guard case .reply(let bytes) = try call(method, parameters, more: more) else { return "replies" }
    return String(decoding: bytes.dropLast(), as: UTF8.self)
  }

  private func error(_ name: String, _ parameters: String) -> String {
    #"{"error":"\#(name)","parameters":\#(parameters)}"#
  }

  @Test func aBusIsDescribed() throws {
    #expect(
      try reply("DescribeBus", #"{"name":"lan"}"#)
        == #"{"parameters":{"bus":{"name":"lan","type":"modbus-tcp","state":"ok","requests":3600,"#
        + #""errors":2,"lastError":null,"utilisation":0.423,"planned":0.4},"errorKinds":[],"responses":["#
        + #"{"upTo":100,"count":0},{"upTo":200,"count":0},{"upTo":500,"count":0},{"upTo":1000,"count":0},"#
        + #"{"upTo":2000,"count":3598},{"upTo":5000,"count":0},{"upTo":10000,"count":0},"#
        + #"{"upTo":20000,"count":0},{"upTo":50000,"count":0},{"upTo":100000,"count":0},"#
        + #"{"upTo":200000,"count":0},{"upTo":500000,"count":0},{"upTo":1000000,"count":0},"#
        + #"{"upTo":2000000,"count":0},{"upTo":5000000,"count":0},{"upTo":10000000,"count":0},"#
        + #"{"upTo":null,"count":0}],"badFrames":[]}}"#)
  }

  @Test func whoNamesNoBusIsToldTheirNames() throws {
    let known = #"{"bus":"lna","known":["lan"]}"#
    let wrong = error("org.citygateway.UnknownBus", known)
    #expect(try reply("DescribeBus", #"{"name":"lna"}"#) == wrong)
    let place = #""unit":7,"table":"input","address":40,"count":2"#
    #expect(try reply("Read", #"{"bus":"lna",\#(place)}"#) == wrong)
    #expect(try reply("Scan", #"{"bus":"lna"}"#, more: true) == wrong)
  }

  @Test(
    arguments: [
      ("bus", #"{"unit":7,"table":"input","address":40,"count":2}"#),
      ("unit", #"{"bus":"lan","unit":256,"table":"input","address":40,"count":2}"#),
      ("unit", #"{"bus":"lan","unit":-1,"table":"input","address":40,"count":2}"#),
      ("unit", #"{"bus":"lan","unit":"7","table":"input","address":40,"count":2}"#),
      ("table", #"{"bus":"lan","unit":7,"table":"inputs","address":40,"count":2}"#),
      ("table", #"{"bus":"lan","unit":7,"address":40,"count":2}"#),
      ("address", #"{"bus":"lan","unit":7,"table":"input","address":65536,"count":2}"#),
      ("count", #"{"bus":"lan","unit":7,"table":"input","address":40,"count":0}"#),
      ("count", #"{"bus":"lan","unit":7,"table":"input","address":40,"count":126}"#),
      ("count", #"{"bus":"lan","unit":7,"table":"coil","address":40,"count":2001}"#),
      ("count", #"{"bus":"lan","unit":7,"table":"input","address":65535,"count":2}"#),
      ("count", #"{"bus":"lan","unit":7,"table":"input","address":40}"#),
    ])
  func aWrongReadNamesItsParameterAndAsksNoBus(_ parameter: String, _ parameters: String) throws {
    #expect(
      try reply("Read", parameters)
        == error("org.varlink.service.InvalidParameter", #"{"parameter":"\#(parameter)"}"#))
    #expect(cabinet.state.withLock { $0.questions.isEmpty })
  }

  @Test func aReadUpToTheLastRegisterIsAllowed() throws {
    for parameters in [
      #"{"bus":"lan","unit":0,"table":"holding","address":65535,"count":1}"#,
      #"{"bus":"lan","unit":255,"table":"holding","address":65411,"count":125}"#,
      #"{"bus":"lan","unit":1,"table":"discrete","address":0,"count":2000}"#,
    ] {
      #expect(try reply("Read", parameters) == "replies")
    }
  }

  @Test func aBusThatTakesNoMoreQuestionsSaysSo() throws {
    cabinet.state.withLock { $0.mostQuestions = 0 }
    #expect(
      try reply("Read", #"{"bus":"lan","unit":7,"table":"input","address":40,"count":2}"#)
        == error("org.citygateway.BusOccupied", #"{"bus":"lan"}"#))
  }

  @Test func aOnewayReadIsCancelled() throws {
    _ = try call("Read", #"{"bus":"lan","unit":7,"table":"input","address":40,"count":2}"#, oneway: true)
    #expect(cabinet.state.withLock { $0.questions.map(\.isCancelled) } == [true])
  }

  @Test(
    arguments: [
      (.bits([true, false]), #"{"bits":[true,false],"unit":7}"#),
      (.exception(2), #"{"exception":2,"reason":"illegal-address","unit":7}"#),
      (.failed(.timeout, cause: "no answer"), #"{"cause":"no answer","reason":"timeout","unit":7}"#),
      (.words([0, 65535]), #"{"unit":7,"words":[0,65535]}"#),
    ] as [(BusFinding, String)])
  func aReadSaysWhatCameOfIt(_ finding: BusFinding, _ parameters: String) throws {
    cabinet.state.withLock { $0.answering = { _ in finding } }
    guard
      case .replies(let replies) = try call(
        "Read", #"{"bus":"lan","unit":7,"table":"input","address":40,"count":2}"#)
    else {
      Issue.record("the read is answered at once")
      return
    }
    let message = replies.next(at: BootTime(microseconds: 0)).map { String(decoding: $0, as: UTF8.self) }
    #expect(message == "{\"parameters\":\(parameters)}\0")
    #expect(replies.isFinished)
  }

  @Test func aScanNeedsMoreAndUnitsInOrder() throws {
    #expect(try reply("Scan", #"{"bus":"lan"}"#) == error("org.varlink.service.ExpectedMore", "{}"))
    for (parameter, parameters) in [
      ("from", #"{"bus":"lan","from":256}"#), ("to", #"{"bus":"lan","to":"9"}"#),
      ("to", #"{"bus":"lan","from":9,"to":8}"#), ("bus", "{}"),
    ] {
      #expect(
        try reply("Scan", parameters, more: true)
          == error("org.varlink.service.InvalidParameter", #"{"parameter":"\#(parameter)"}"#))
    }
    #expect(try reply("Scan", #"{"bus":"lan"}"#, more: true) == "replies")
    let asked = cabinet.state.withLock { $0.questions[0].inquiries }
    #expect(asked == (1...247).map { .probe(unit: $0) })
  }

  @Test func aChipIsDescribedOrItsFailureNamed() throws {
    #expect(
      try reply("DescribeChip", #"{"chip":"gpio9"}"#)
        == error("org.citygateway.UnknownChip", #"{"chip":"gpio9","known":["cabinet","/dev/gpiochip0"]}"#))
    cabinet.state.withLock { $0.chip = .failed("Permission denied") }
    #expect(
      try reply("DescribeChip", #"{"chip":"cabinet"}"#)
        == error("org.citygateway.ChipFailed", #"{"cause":"Permission denied","chip":"cabinet"}"#))
    cabinet.state.withLock { $0.chip = .report(.cabinet) }
    let text = try reply("DescribeChip", #"{"chip":"cabinet"}"#)
    let parameters = try #require(try JSONValue(parsing: text)["parameters"])
    #expect(ChipReport(json: parameters) == .cabinet)
    #expect(
      text.hasPrefix(
        #"{"parameters":{"path":"/dev/gpiochip0","lines":[{"offset":4,"name":"GPIO4","held":true,"#
          + #""holder":"gatewayd","output":false,"activeLow":true,"level":null,"point":"io.door","value":1}"#)
    )
    #expect(
      try reply("DescribeChip", "{}")
        == error("org.varlink.service.InvalidParameter", #"{"parameter":"chip"}"#))
  }

  @Test(arguments: ["lan", "old"])
  func aReportIsReadBackAsItWasWritten(_ bus: String) throws {
    cabinet.state.withLock { $0.snapshot = .troubled }
    let text = try reply("DescribeBus", #"{"name":"\#(bus)"}"#)
    let parameters = try #require(try JSONValue(parsing: text)["parameters"])
    #expect(BusReport(json: parameters) == cabinet.report(onBus: bus))
  }
}
