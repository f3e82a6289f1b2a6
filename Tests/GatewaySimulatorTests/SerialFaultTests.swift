import GatewayCore
import GatewaySystem
import Testing

@testable import GatewaySimulator

/// Each fault of a line, as a master meets it.
@Suite struct SerialFaultTests {
  private let place = TestLink()
  private let field: FieldSimulator
  private let line: TestLine
  private let request = rtuRequest(3, at: 0, count: 2)
  private let answer = rtuSealed([1, 3, 4, 0x12, 0x34, 0xAB, 0xCD])

  init() throws {
    let device = FieldDevice(
      units: nil,
      registers: [
        FieldRegister(.holding, 0, words: [0x1234, 0xABCD]), FieldRegister(.holding, requestsAt: 8),
      ])
    field = try FieldSimulator(
      FieldDescription(servers: [
        FieldServer(.terminal(link: place.path), devices: [device]), FieldServer(devices: [device]),
      ]))
    line = try #require(TestLine(place.path))
  }

  private func strike(_ kind: FieldFault.Kind, count: Int = 1) throws {
    try field.set(FieldFault(kind), for: FaultTerm(count: count))
  }

  /// All that comes until nothing came for a while.
  private func everything(after request: [UInt8]) -> [UInt8] {
    line.send(request)
    return line.receive(1) + line.receive(.max, timeout: .milliseconds(60))
  }

  @Test func aLateAnswerIsTheOneThatWasRightWhenItWasAskedFor() throws {
    try strike(.late(.milliseconds(100)))
    line.send(rtuRequest(3, at: 8, count: 2))
    #expect(line.receive(1, timeout: .milliseconds(20)).isEmpty)
    let other = rtuSealed([2, 3, 4, 0x12, 0x34, 0xAB, 0xCD])
    #expect(line.receiving(9, after: rtuRequest(3, at: 0, count: 2, unit: 2)) == other)
    // The device has counted that one as well: it is the same one. Its own next answer waits for the late one.
    #expect(line.receiving(9, after: rtuRequest(3, at: 8, count: 2)) == rtuSealed([1, 3, 4, 0, 0, 0, 1]))
    #expect(line.receive(9) == rtuSealed([1, 3, 4, 0, 0, 0, 3]))
  }

  @Test func foreignFramesAreSoundAndOfAnotherUnitFunctionOrLengthInTurn() throws {
    try strike(.foreign, count: 60)
    var followed = 0
    for turn in 0..<60 {
      let bytes = everything(after: request)
      let foreign =
        bytes.count > answer.count && Array(bytes.suffix(9)) == answer ? Array(bytes.dropLast(9)) : bytes
      followed += foreign.count == bytes.count ? 0 : 1
      #expect(foreign == rtuSealed(Array(foreign.dropLast(2))))
      let differs = [foreign[0] != 1, foreign[1] != 3, foreign[2] != 4 || foreign.count != 9]
      #expect(differs == (0..<3).map { $0 == turn % 3 })
      #expect(!foreign[3...].starts(with: [0x12, 0x34]))
    }
    // Sixty throws of a coin; the dice are seeded.
    #expect((15...45).contains(followed))
  }

  @Test func aCorruptAnswerIsAsLongAsTheRightOneAndItsChecksumIsWrong() throws {
    try strike(.corrupt, count: 200)
    for _ in 0..<200 {
      let bytes = line.receiving(9, after: request)
      let flipped = zip(bytes, answer).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
      #expect((1...8).contains(flipped))
      #expect(bytes != rtuSealed(Array(bytes.dropLast(2))))
    }
  }

  @Test func noiseComesBeforeTheAnswer() throws {
    try strike(.noise)
    let bytes = everything(after: request)
    #expect((1...8).contains(bytes.count - answer.count))
    #expect(Array(bytes.suffix(answer.count)) == answer)
  }

  @Test func anEchoIsTheRequestBeforeTheAnswer() throws {
    try strike(.echo)
    #expect(line.receiving(17, after: request) == request + answer)
  }

  @Test func aFragmentedAnswerIsWholeInTheEnd() throws {
    try strike(.fragment(.milliseconds(4)))
    let start = SystemClock.boot
    #expect(line.receiving(9, after: request) == answer)
    #expect(start.duration(to: SystemClock.boot) >= .milliseconds(8 * 4))
  }

  @Test func silenceAndAnEndThatALineDoesNotHaveAreNoAnswer() throws {
    for kind in [FieldFault.Kind.silent, .close] {
      try strike(kind)
      line.send(request)
      #expect(line.receive(1, timeout: .milliseconds(60)).isEmpty)
    }
    #expect(line.receiving(9, after: request) == answer)
  }

  @Test(
    arguments: [
      (FieldFault.Kind.wrongUnit, [0x54, 3, 4, 0x12, 0x34, 0xAB, 0xCD]),
      (.wrongFunction, [1, 4, 4, 0x12, 0x34, 0xAB, 0xCD]), (.exception(6), [1, 0x83, 6]),
    ] as [(FieldFault.Kind, [UInt8])])
  func aWrongAnswerIsSound(_ kind: FieldFault.Kind, _ body: [UInt8]) throws {
    try strike(kind)
    #expect(line.receiving(body.count + 2, after: request) == rtuSealed(body))
  }

  @Test func aShortAnswerIsItsFirstHalf() throws {
    try strike(.short)
    #expect(everything(after: request) == Array(answer.prefix(4)))
    #expect(line.receiving(9, after: request) == answer)
  }

  @Test func aBabblingPortSendsWithoutEndUntilItIsCleared() throws {
    try field.set(FieldFault(.babble, server: 0))
    #expect(line.receive(5000).count == 5000)
    try field.clearFaults()
    _ = line.receive(.max, timeout: .milliseconds(100))
    #expect(line.receiving(9, after: request) == answer)
  }

  @Test func aBabblingPacedLineIsNeverFasterThanItsBaudRateAndLeavesNoGap() throws {
    let other = TestLink()
    let server = FieldServer(.terminal(link: other.path), pace: LinePace(baud: 9600), devices: [])
    let field = try FieldSimulator(FieldDescription(servers: [server]))
    let line = try #require(TestLine(other.path))
    let start = SystemClock.boot
    try field.set(FieldFault(.babble))
    #expect(line.receive(200).count == 200)
    #expect(start.duration(to: SystemClock.boot) >= .microseconds(200 * 1041))
    let stats = field.stats.servers[0].line
    #expect(stats.busy >= .microseconds(200 * 1041))
  }

  @Test func faultsStrikeOnlyTheirUnit() throws {
    try field.set(FieldFault(.silent, server: 0, unit: 5))
    line.send(rtuRequest(3, at: 0, count: 2, unit: 5))
    #expect(line.receive(1, timeout: .milliseconds(60)).isEmpty)
    #expect(line.receiving(9, after: request) == answer)
  }

  // MARK: - Over TCP

  private func tcpAnswer(_ kind: FieldFault.Kind, _ count: Int) throws -> [UInt8] {
    try strike(kind)
    return TestClient(field.addresses[0])!.receiving(count, after: modbusRequest(3, at: 0, count: 2))
  }

  private let tcp: [UInt8] = [0, 1, 0, 0, 0, 7, 1, 3, 4, 0x12, 0x34, 0xAB, 0xCD]

  @Test func theSameFaultsHaveTheirSenseOverTCP() throws {
    #expect(try tcpAnswer(.echo, 25) == modbusRequest(3, at: 0, count: 2) + tcp)
    #expect(try tcpAnswer(.fragment(.milliseconds(2)), 13) == tcp)
    #expect(try tcpAnswer(.noise, 14).count == 14)
    for _ in 0..<20 {
      let corrupt = try tcpAnswer(.corrupt, 13)
      #expect(corrupt != tcp && corrupt.suffix(4) == tcp.suffix(4))
    }
    for place in [6, 7, 5, 1] {
      let foreign = try tcpAnswer(.foreign, 11)
      #expect(foreign.count == 11 && foreign[place] != tcp[place])
    }
    try field.set(FieldFault(.babble, server: 1))
    #expect(TestClient(field.addresses[0])!.receive(3000).count == 3000)
  }

  @Test func theControlPortKnowsThemAll() throws {
    let control = try FieldControl(field, listen: ListenAddress())
    defer { control.stop() }
    for kind in [
      "foreign", "corrupt", "noise", "echo", "fragment", "fragment&ms=3", "late&ms=20", "babble", "unplug",
      "silent",
    ] {
      #expect(http("POST", "/fault?kind=\(kind)&server=0&seconds=0.01", at: control.address)?.status == 200)
    }
  }
}
