import GatewayCore
import GatewaySystem
import Testing

@testable import GatewaySimulator

/// Plain serial devices: what they say by themselves, and what they answer.
@Suite struct FieldMessageTests {
  private let place = TestLink()
  private var link: String { place.path }

  private func text(_ message: FieldMessage?, at seconds: Double = 0) -> String? {
    message.map { String(decoding: $0.bytes(at: seconds, seed: 1), as: UTF8.self) }
  }

  // Sentences as they stand in the receivers' manuals.
  @Test(arguments: [
    ("GPGLL,5057.970,N,00146.110,E,142451,A", "27"),
    ("GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,", "47"),
    ("WIMWV,214.8,R,0.1,K,A", "28"),
  ])
  func aSentenceHasItsChecksum(_ body: String, _ sum: String) {
    #expect(text(FieldMessage(nmea: body)) == "$\(body)*\(sum)\r\n")
  }

  @Test func numbersInBracesMove() {
    #expect(
      text(FieldMessage(text: "a{constant 1.25 .2}b{constant -0.04 .1}c{constant -7.5 .0}")) == "a1.25b0.0c-8"
    )
    #expect(text(FieldMessage(text: "{counter 2 .0}"), at: 3) == "6")
    #expect(text(FieldMessage(text: "{ramp 10 0.5}"), at: 3) == "11.5")
    let wave = FieldMessage(text: "{sine 20 5 60s .3}")
    #expect(Set((0..<30).compactMap { text(wave, at: Double($0)) }).count > 20)
    #expect(text(FieldMessage(text: "plain")) == "plain")
  }

  @Test(arguments: [
    "{", "{}", "{tidal 1}", "{sine 1 2}", "{sine 1 2 3}", "{random 2 1}", "{constant x}", "{constant 1e300}",
  ])
  func bracesWithoutANumberAreRefused(_ text: String) { #expect(FieldMessage(text: text) == nil) }

  private func field(_ server: FieldServer) throws -> FieldSimulator {
    try FieldSimulator(FieldDescription(servers: [server]))
  }

  @Test func aTalkerTalksAtItsPeriod() throws {
    let talk = FieldTalk(every: .milliseconds(30), FieldMessage(text: "{counter 1000 .0}\n")!)
    let field = try field(FieldServer(.terminal(link: link), talks: [talk]))
    defer { field.stop() }
    let bytes = try #require(TestLine(link)).receive(24)
    let numbers = String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropLast().compactMap {
      Int($0)
    }
    try #require(numbers.count >= 3)
    for (one, next) in zip(numbers, numbers.dropFirst()) { #expect(next - one >= 29) }
  }

  @Test func anAnswererAnswersItsQuestionsAndNothingElse() throws {
    let replies = [
      FieldReply(to: Array("M1\r".utf8), FieldMessage(text: "12.5;60.1\r\n")!, delay: .milliseconds(20)),
      FieldReply(to: [0x10, 0x02], FieldMessage(bytes: [0x42, 0x4D])),
    ]
    let field = try field(FieldServer(.terminal(link: link), replies: replies))
    defer { field.stop() }
    let line = try #require(TestLine(link))
    line.send(Array("M2\r".utf8))
    #expect(line.receive(1, timeout: .milliseconds(60)).isEmpty)
    for byte in "xxM1\r".utf8 { line.send([byte]) }
    #expect(line.receive(11) == Array("12.5;60.1\r\n".utf8))
    #expect(line.receiving(2, after: [0x10, 0x02]) == [0x42, 0x4D])
    #expect(field.stats.requests == 2)
  }

  @Test func aPlainDeviceIsStruckByTheFaultsOfALine() throws {
    let reply = FieldReply(to: [1], FieldMessage(bytes: [1, 2, 3, 4]))
    let field = try field(FieldServer(.terminal(link: link), replies: [reply]))
    defer { field.stop() }
    let line = try #require(TestLine(link))
    try field.set(FieldFault(.corrupt), for: FaultTerm(count: 1))
    let corrupt = line.receiving(4, after: [1])
    #expect(corrupt.count == 4 && corrupt != [1, 2, 3, 4])
    try field.set(FieldFault(.silent), for: FaultTerm(count: 1))
    line.send([1])
    #expect(line.receive(1, timeout: .milliseconds(60)).isEmpty)
    // What only Modbus knows leaves it alone; a unit is none of its.
    try field.set(FieldFault(.exception(2)), for: FaultTerm(count: 1))
    #expect(line.receiving(4, after: [1]) == [1, 2, 3, 4])
    try field.set(FieldFault(.silent, unit: 1))
    #expect(line.receiving(4, after: [1]) == [1, 2, 3, 4])
  }

  @Test func talkIsPacedAndLostWhereNobodyReads() throws {
    // 40 bytes at 9600 baud take 42 ms: more than the period, so it never falls silent.
    let talk = FieldTalk(every: .milliseconds(20), FieldMessage(bytes: [UInt8](repeating: 0x55, count: 40)))
    let field = try field(FieldServer(.terminal(link: link), pace: LinePace(baud: 9600), talks: [talk]))
    defer { field.stop() }
    let line = try #require(TestLine(link))
    _ = line.receive(1)
    let start = SystemClock.boot
    #expect(line.receive(100).count == 100)
    // A first piece may have waited for us.
    #expect(start.duration(to: SystemClock.boot) >= .microseconds(50 * 1041))
  }
}
