import GatewayCore
import GatewaySimulator
import GatewaySystem
import Testing

/// Each fault, as a Modbus client meets it.
@Suite struct FieldFaultTests {
  private let field: FieldSimulator
  private let request = modbusRequest(3, at: 0, count: 1)
  private let answer: [UInt8] = [0, 1, 0, 0, 0, 5, 1, 3, 2, 0, 42]

  init() throws {
    let device = FieldDevice(units: nil, registers: [FieldRegister(.holding, 0, words: [42])])
    field = try FieldSimulator(
      FieldDescription(servers: [FieldServer(devices: [device]), FieldServer(devices: [device])]))
  }

  private func strike(_ kind: FieldFault.Kind) throws {
    try field.set(FieldFault(kind), for: FaultTerm(count: 1))
  }

  private func client(_ server: Int = 0) throws -> TestClient { TestClient(field.addresses[server])! }

  @Test func aDelayedAnswerHoldsUpThoseBehindIt() throws {
    try strike(.delay(.milliseconds(80)))
    let client = try client()
    let start = SystemClock.boot
    client.send(request + modbusRequest(3, at: 0, count: 1, transaction: 2))
    let answers = client.receive(22)
    #expect(answers.first(where: { $0 != 0 }) == 1)
    #expect(answers.count == 22 && answers[12] == 2)
    #expect(start.duration(to: SystemClock.boot) >= .milliseconds(80))
  }

  @Test func aLateAnswerComesAfterTheNext() throws {
    try strike(.late(.milliseconds(80)))
    let client = try client()
    client.send(request + modbusRequest(3, at: 0, count: 1, transaction: 2))
    let answers = client.receive(22)
    #expect(answers.count == 22 && answers[1] == 2 && answers[12] == 1)
  }

  @Test func silenceIsForTheCountedRequestsOnly() throws {
    try strike(.silent)
    let client = try client()
    client.send(request + modbusRequest(3, at: 0, count: 1, transaction: 2))
    #expect(client.receive(22, timeout: .milliseconds(150)).prefix(2) == [0, 2])
    #expect(field.stats.servers[0].faults == 1)
  }

  @Test func exceptionsAreAsAsked() throws {
    try strike(.exception(6))
    #expect(try client().receiving(9, after: request) == [0, 1, 0, 0, 0, 3, 1, 0x83, 6])
  }

  @Test func garbageIsNotTheAnswer() throws {
    try strike(.garbage)
    let garbage = try client().receiving(8, after: request)
    #expect(garbage.count == 8 && garbage != Array(answer.prefix(8)))
  }

  @Test func aShortFrameEndsTheConnection() throws {
    try strike(.short)
    let client = try client()
    client.send(request)
    let (bytes, isClosed) = client.receiveAll()
    #expect(bytes == Array(answer.prefix(5)))
    #expect(isClosed)
  }

  @Test(arguments: [(FieldFault.Kind.wrongTransaction, 1), (.wrongUnit, 6), (.wrongFunction, 7)])
  func oneByteOfTheHeadIsWrong(_ kind: FieldFault.Kind, _ place: Int) throws {
    try strike(kind)
    let bytes = try client().receiving(11, after: request)
    try #require(bytes.count == 11)
    #expect(answer.indices.filter { answer[$0] != bytes[$0] } == [place])
  }

  @Test func closeAnswersNothing() throws {
    try strike(.close)
    let client = try client()
    client.send(request)
    let (bytes, isClosed) = client.receiveAll()
    #expect(bytes.isEmpty && isClosed)
  }

  @Test func aRefusingServerComesBackOnItsPort() throws {
    let old = try client()
    #expect(old.receiving(11, after: request) == answer)
    try field.set(FieldFault(.unplug, server: 0), for: FaultTerm(duration: .milliseconds(150)))
    #expect(old.isClosed())
    #expect(TestClient(field.addresses[0]) == nil)
    #expect(try client(1).receiving(11, after: request) == answer)
    #expect(try eventually { TestClient(field.addresses[0])?.receiving(11, after: request) == answer })
  }

  @Test func clearingEndsEveryFault() throws {
    try field.set(FieldFault(.unplug, server: 0))
    try field.set(FieldFault(.silent))
    try field.clearFaults()
    #expect(try client().receiving(11, after: request) == answer)
  }

  @Test func faultsStrikeOnlyTheirServerAndUnit() throws {
    try field.set(FieldFault(.exception(4), server: 1, unit: 3))
    #expect(
      try client(1).receiving(9, after: modbusRequest(3, at: 0, count: 1, unit: 3)).suffix(2) == [0x83, 4])
    #expect(try client(1).receiving(11, after: request) == answer)
    #expect(try client(0).receiving(11, after: modbusRequest(3, at: 0, count: 1, unit: 3)).last == 42)
  }

  @Test func aShareStrikesAboutThatManyAndAnEndedTermNone() throws {
    try field.set(FieldFault(.exception(4)), for: FaultTerm(share: 0.3))
    let client = try client()
    for _ in 0..<1000 { _ = client.receiving(9, after: request) }
    // 1000 throws at 0.3: five standard deviations are 72. The dice are seeded.
    #expect((228...372).contains(Int(field.stats.servers[0].faults)))
    try field.clearFaults()
    try field.set(FieldFault(.silent), for: FaultTerm(duration: .zero))
    #expect(try self.client().receiving(11, after: request) == answer)
  }

  @Test func theControlPortSetsAndClearsFaults() throws {
    let control = try FieldControl(field, listen: ListenAddress())
    defer { control.stop() }
    #expect(http("POST", "/fault?kind=exception&code=6&server=0&unit=1", at: control.address)?.status == 200)
    #expect(try client().receiving(9, after: request).suffix(2) == [0x83, 6])
    #expect(http("DELETE", "/fault", at: control.address)?.status == 200)
    #expect(try client().receiving(11, after: request) == answer)
    let stats = try #require(http("GET", "/stats", at: control.address)?.json)
    #expect(stats["requests"]?.integer == 2 && stats["faults"]?.integer == 1)
    for wrong in [
      "kind=nonsense", "kind=delay", "kind=exception&code=0", "kind=silent&unit=300", "kind=silent&server=2",
      "kind=silent&share=2", "kind=silent&seconds=x", "",
    ] {
      #expect(http("POST", "/fault?\(wrong)", at: control.address)?.status == 400)
    }
  }
}

/// Whether `condition` comes true within five seconds.
func eventually(_ condition: () throws -> Bool) throws -> Bool {
  let pause = try EventSignal()
  for _ in 0..<250 {
    if try condition() { return true }
    pause.wait(timeout: .milliseconds(20))
  }
  return false
}
