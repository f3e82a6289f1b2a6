import GatewayCore
import GatewaySystem
import Glibc
import Testing

@testable import GatewaySimulator

/// Modbus RTU as a master meets it: on a real pty, and over TCP as a serial server passes it on.
@Suite struct SerialFieldTests {
  private let place = TestLink()
  private var link: String { place.path }
  private let devices = [
    FieldDevice(
      units: [1],
      registers: [
        FieldRegister(.coil, 3, words: [1, 0, 1, 1]), FieldRegister(.discrete, 0, words: [0, 1]),
        FieldRegister(.input, 5, words: [0x0102]), FieldRegister(.holding, 0, words: [0x1234, 0xABCD]),
        FieldRegister(.holding, requestsAt: 10),
      ]),
    FieldDevice(units: nil, registers: [FieldRegister(.holding, 0, words: [7])]),
  ]

  private func field(pace: LinePace? = nil, delay: Duration = .zero) throws -> FieldSimulator {
    var devices = devices
    for place in devices.indices { devices[place].delay = delay }
    return try FieldSimulator(
      FieldDescription(servers: [
        FieldServer(.terminal(link: link), pace: pace, devices: devices),
        FieldServer(.rtuOverTCP(ListenAddress()), devices: devices),
      ]))
  }

  private static let exchanges: [(request: [UInt8], answer: [UInt8])] = [
    (rtuRequest(1, at: 3, count: 4), [1, 1, 1, 0b1101]), (rtuRequest(2, at: 0, count: 2), [1, 2, 1, 0b10]),
    (rtuRequest(3, at: 0, count: 2), [1, 3, 4, 0x12, 0x34, 0xAB, 0xCD]),
    (rtuRequest(4, at: 5, count: 1), [1, 4, 2, 1, 2]),
    (rtuRequest(3, at: 0, count: 1, unit: 247), [247, 3, 2, 0, 7]),
    (rtuRequest(3, at: 99, count: 1), [1, 0x83, 2]), (rtuRequest(3, at: 0, count: 126), [1, 0x83, 3]),
    (rtuRequest(6, at: 0, count: 1), [1, 0x86, 1]),
    (rtuSealed([1, 16, 0, 0, 0, 1, 2, 0, 5]), [1, 0x90, 1]), (rtuSealed([1, 0x2B]), [1, 0xAB, 1]),
  ]

  @Test(arguments: exchanges)
  func aSlaveAnswersOnALineAndBehindASerialServer(_ request: [UInt8], _ answer: [UInt8]) throws {
    let field = try field()
    defer { field.stop() }
    let answer = rtuSealed(answer)
    #expect(try #require(TestLine(link)).receiving(answer.count, after: request) == answer)
    #expect(TestClient(field.addresses[0])!.receiving(answer.count, after: request) == answer)
  }

  @Test func whatIsNotForASlaveOrDamagedIsIgnoredInSilence() throws {
    var some = devices
    some.removeLast()
    let field = try FieldSimulator(
      FieldDescription(servers: [FieldServer(.terminal(link: link), devices: some)]))
    defer { field.stop() }
    let line = try #require(TestLine(link))
    var damaged = rtuRequest(3, at: 0, count: 1)
    damaged[3] ^= 1
    for silent in [damaged, rtuRequest(3, at: 0, count: 1, unit: 9), rtuRequest(3, at: 0, count: 1, unit: 0)]
    {
      line.send(silent)
      #expect(line.receive(1, timeout: .milliseconds(60)).isEmpty)
    }
    #expect(line.receiving(7, after: rtuRequest(3, at: 0, count: 1)) == rtuSealed([1, 3, 2, 0x12, 0x34]))
    #expect(field.stats.servers[0].line.damaged == 1 && field.stats.servers[0].requests == 3)
  }

  @Test func aDeviceCountsTheRequestsItWasAsked() throws {
    let field = try field()
    defer { field.stop() }
    let line = try #require(TestLine(link))
    for number in 1...300 {
      let answer = line.receiving(9, after: rtuRequest(3, at: 10, count: 2))
      #expect(answer == rtuSealed([1, 3, 4, 0, 0, UInt8(number >> 8), UInt8(number & 255)]))
    }
  }

  @Test func aGatewayThatClosesAndOpensFindsThePortAsItWas() throws {
    let field = try field()
    defer { field.stop() }
    for _ in 0..<20 {
      let line = try #require(TestLine(link))
      #expect(line.receiving(7, after: rtuRequest(3, at: 0, count: 1)).count == 7)
    }
  }

  @Test func bytesTakeTheirTimeOnThePacedLine() throws {
    let field = try field(pace: LinePace(baud: 9600), delay: .milliseconds(5))
    defer { field.stop() }
    let line = try #require(TestLine(link))
    let start = SystemClock.boot
    line.send(rtuRequest(3, at: 0, count: 2))
    _ = line.receive(1)
    let first = start.duration(to: SystemClock.boot)
    #expect(line.receive(8).count == 8)
    let all = start.duration(to: SystemClock.boot)
    // Eight characters, the silence, the delay, one character; eight more for the rest.
    #expect(first >= .microseconds(8333 + 3645 + 5000 + 1041))
    #expect(all >= .microseconds(8333 + 3645 + 5000 + 9 * 1041))
    let stats = field.stats.servers[0]
    #expect(stats.line.busy == .microseconds(8334 + 9375) && stats.line.silenceViolations == 0)
    #expect(stats.line.bytesIn == 8 && stats.line.bytesOut == 9)
  }

  @Test func aMasterThatLeavesOutTheSilenceIsCounted() throws {
    let field = try field(pace: LinePace(baud: 1200))
    defer { field.stop() }
    let line = try #require(TestLine(link))
    // The silence at 1200 baud is 29 ms.
    for number in 0..<3 {
      if number == 2 { _ = line.receive(1, timeout: .milliseconds(60)) }
      #expect(line.receiving(7, after: rtuRequest(3, at: 0, count: 1)).count == 7)
    }
    #expect(field.stats.servers[0].line.silenceViolations == 1)
    #expect(field.stats.json["lines"]?["0"]?["silenceViolations"]?.integer == 1)
  }

  @Test func anUnpluggedPortHangsUpAndComesBackAsAnother() throws {
    let field = try field()
    defer { field.stop() }
    let old = try #require(TestLine(link))
    #expect(old.receiving(7, after: rtuRequest(3, at: 0, count: 1)).count == 7)
    let name = destination(link)
    try field.set(FieldFault(.unplug, server: 0), for: FaultTerm(duration: .milliseconds(150)))
    #expect(old.hasHungUp && TestLine(link) == nil)
    #expect(try eventually { destination(link) != nil })
    #expect(destination(link) != name)
    let line = try #require(TestLine(link))
    #expect(line.receiving(7, after: rtuRequest(3, at: 0, count: 1)).count == 7)
  }

  @Test func aPortThatNobodyHeldComesBackAsAnotherToo() throws {
    let field = try field()
    defer { field.stop() }
    for _ in 0..<3 {
      let name = destination(link)
      try field.set(FieldFault(.unplug, server: 0))
      #expect(destination(link) == nil)
      try field.clearFaults()
      #expect(destination(link) != nil && destination(link) != name)
    }
  }

  @Test func theLinkGoesWithTheFieldAndNoFileIsTakenForOne() throws {
    let field = try field()
    field.stop()
    #expect(destination(link) == nil)
    let file = Glibc.open(link, O_CREAT | O_WRONLY, 0o600)
    close(file)
    #expect(throws: SystemError.self) { try self.field() }
    #expect(access(link, F_OK) == 0)
  }

  /// Where the link leads; nil where there is none.
  private func destination(_ link: String) -> String? {
    var room = [CChar](repeating: 0, count: 256)
    let length = readlink(link, &room, room.count)
    return length > 0 ? String(decoding: room[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
  }
}
