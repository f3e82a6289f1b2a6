import GatewayCore
import GatewaySimulator
import GatewaySystem
import Testing

/// The field as a Modbus client sees it, over real sockets.
@Suite struct FieldSimulatorTests {
  private static let device = FieldDevice(
    units: [1, 2],
    registers: [
      FieldRegister(.coil, 3, words: [1, 0, 1, 1, 0, 0, 0, 0, 1]),
      FieldRegister(.discrete, 0, words: [0, 1]),
      FieldRegister(
        .input, 40, .constant(21.5),
        layout: RegisterLayout(
          type: .float32, order: ByteOrder(wordsReversed: true, bytesSwapped: false))),
      FieldRegister(.holding, 100, words: [0x1234, 0xABCD]),
      FieldRegister(.holding, 104, words: [7]),
    ])

  private func field(_ device: FieldDevice = device) throws -> FieldSimulator {
    try FieldSimulator(FieldDescription(servers: [FieldServer(devices: [device])]))
  }

  private func ask(_ field: FieldSimulator, _ request: [UInt8], _ count: Int) -> [UInt8] {
    TestClient(field.addresses[0])!.receiving(count, after: request)
  }

  @Test func everyTableAnswersItsOwnWords() throws {
    let field = try field()
    defer { field.stop() }
    #expect(ask(field, modbusRequest(1, at: 3, count: 9), 11) == [0, 1, 0, 0, 0, 5, 1, 1, 2, 0b1101, 1])
    #expect(ask(field, modbusRequest(2, at: 0, count: 2), 10) == [0, 1, 0, 0, 0, 4, 1, 2, 1, 0b10])
    // 21.5 is 41AC 0000; CDAB sends the low word first.
    #expect(
      ask(field, modbusRequest(4, at: 40, count: 2), 13) == [0, 1, 0, 0, 0, 7, 1, 4, 4, 0, 0, 0x41, 0xAC])
    #expect(
      ask(field, modbusRequest(3, at: 100, count: 2, unit: 2, transaction: 0x0A0B), 13)
        == [0x0A, 0x0B, 0, 0, 0, 7, 2, 3, 4, 0x12, 0x34, 0xAB, 0xCD])
  }

  @Test func wordsCanBeSetWhileItRuns() throws {
    let field = try field()
    defer { field.stop() }
    #expect(field.write([0xBEEF], at: 101, in: .holding, unit: 1))
    #expect(!field.write([0], at: 105, in: .holding, unit: 1))
    #expect(ask(field, modbusRequest(3, at: 101, count: 1), 11).suffix(2) == [0xBE, 0xEF])
  }

  private static let identifications: [(request: [UInt8], answer: [UInt8])] = [
    // All basic objects, those from 1 on, those from one that is not there, and number 2 alone.
    ([43, 14, 1, 0], [43, 14, 1, 0x81, 0, 0, 3, 0, 2, 0x4D, 0x6B, 1, 1, 0x50, 2, 3, 0x31, 0x2E, 0x30]),
    ([43, 14, 2, 1], [43, 14, 2, 0x81, 0, 0, 2, 1, 1, 0x50, 2, 3, 0x31, 0x2E, 0x30]),
    ([43, 14, 3, 9], [43, 14, 3, 0x81, 0, 0, 3, 0, 2, 0x4D, 0x6B, 1, 1, 0x50, 2, 3, 0x31, 0x2E, 0x30]),
    ([43, 14, 4, 2], [43, 14, 4, 0x81, 0, 0, 1, 2, 3, 0x31, 0x2E, 0x30]),
    ([43, 14, 4, 3], [0xAB, 2]), ([43, 14, 5, 0], [0xAB, 3]), ([43, 13, 1, 0], [0xAB, 1]), ([43], [0xAB, 3]),
  ]

  @Test(arguments: identifications)
  func aDeviceThatHasAnIdentitySaysIt(_ request: [UInt8], _ answer: [UInt8]) throws {
    var device = Self.device
    device.identity = ["Mk", "P", "1.0"]
    let field = try field(device)
    defer { field.stop() }
    func framed(_ pdu: [UInt8]) -> [UInt8] { [0, 1, 0, 0, 0, UInt8(pdu.count + 1), 1] + pdu }
    #expect(ask(field, framed(request), answer.count + 7) == framed(answer))
  }

  private static let refused: [(request: [UInt8], code: UInt8)] = [
    (modbusRequest(5, at: 3, count: 0xFF00), 1), (modbusRequest(3, at: 99, count: 2), 2),
    (modbusRequest(3, at: 104, count: 2), 2), (modbusRequest(3, at: 0xFFFF, count: 2), 2),
    (modbusRequest(3, at: 100, count: 0), 3), (modbusRequest(3, at: 100, count: 126), 3),
    (modbusRequest(1, at: 3, count: 2001), 3), (modbusRequest(3, at: 100, count: 1, unit: 9), 11),
    ([0, 1, 0, 0, 0, 3, 1, 3, 0], 3), ([0, 1, 0, 0, 0, 2, 1, 0x2B], 1),
  ]

  @Test(arguments: refused)
  func whatCannotBeReadIsAnException(_ request: [UInt8], _ code: UInt8) throws {
    let field = try field()
    defer { field.stop() }
    #expect(ask(field, request, 9) == [0, 1, 0, 0, 0, 3, request[6], request[7] | 0x80, code])
  }

  @Test func gapsReadAsZeroUnlessTheyAreRefused() throws {
    var device = Self.device
    let open = try field(device)
    defer { open.stop() }
    #expect(ask(open, modbusRequest(3, at: 101, count: 4), 17).suffix(8) == [0xAB, 0xCD, 0, 0, 0, 0, 0, 7])
    device.refusesGaps = true
    let closed = try field(device)
    defer { closed.stop() }
    #expect(ask(closed, modbusRequest(3, at: 101, count: 4), 9).suffix(2) == [0x83, 2])
  }

  @Test func anyUnitAnswersWhereNoneAreListed() throws {
    var device = Self.device
    device.units = nil
    let field = try field(device)
    defer { field.stop() }
    for unit in [0, 1, 247, 255] as [UInt8] {
      #expect(ask(field, modbusRequest(3, at: 104, count: 1, unit: unit), 11).suffix(2) == [0, 7])
    }
  }

  @Test func pipelinedRequestsAreAllAnsweredInOrder() throws {
    let field = try field()
    defer { field.stop() }
    let client = TestClient(field.addresses[0])!
    // Far beyond the connection's buffer, so that it has to be filled again and again, mid-frame too.
    let requests = (0..<5000).flatMap { modbusRequest(3, at: 100, count: 2, transaction: UInt16($0)) }
    client.send(requests)
    let answers = client.receive(5000 * 13)
    try #require(answers.count == 5000 * 13)
    for number in 0..<5000 {
      let frame = answers[number * 13..<number * 13 + 13]
      #expect(Array(frame.prefix(2)) == [UInt8(number >> 8), UInt8(number & 255)])
      #expect(Array(frame.suffix(4)) == [0x12, 0x34, 0xAB, 0xCD])
    }
    #expect(field.stats.requests == 5000)
  }

  @Test func aRequestInPiecesIsOneRequest() throws {
    let field = try field()
    defer { field.stop() }
    let client = TestClient(field.addresses[0])!
    for byte in modbusRequest(3, at: 104, count: 1) { client.send([byte]) }
    #expect(client.receive(11).suffix(2) == [0, 7])
  }

  @Test func garbageClosesOneConnectionAndNoOther() throws {
    let field = try field()
    defer { field.stop() }
    let honest = TestClient(field.addresses[0])!
    var dice = SplitMix(seed: 7)
    for _ in 0..<50 {
      let client = TestClient(field.addresses[0])!
      // The protocol field is never 0: no valid frame can come out of it.
      client.send((0..<20_000).map { $0 % 4 == 2 ? 0xEE : UInt8(truncatingIfNeeded: dice.next()) })
      #expect(client.isClosed())
    }
    honest.send(modbusRequest(3, at: 104, count: 1))
    #expect(honest.receive(11).suffix(2) == [0, 7])
  }

  @Test func manyServersAreServedByOneField() throws {
    let servers = [FieldServer](repeating: FieldServer(devices: [Self.device]), count: 100)
    let field = try FieldSimulator(FieldDescription(servers: servers))
    defer { field.stop() }
    #expect(Set(field.ports).count == 100)
    for address in field.addresses {
      let answer = TestClient(address)!.receiving(11, after: modbusRequest(3, at: 104, count: 1))
      #expect(answer.suffix(2) == [0, 7])
    }
    #expect(field.stats.servers.allSatisfy { $0.requests == 1 && $0.connections == 1 })
  }

  @Test func deviationsFromThePeriodAreRecorded() throws {
    let field = try FieldSimulator(
      FieldDescription(servers: [FieldServer(devices: [Self.device])]), recordingPeriod: .seconds(1800))
    defer { field.stop() }
    let client = TestClient(field.addresses[0])!
    // Two different requests: intervals are those between equal ones.
    for _ in 0..<3 {
      _ = client.receiving(11, after: modbusRequest(3, at: 104, count: 1))
      _ = client.receiving(11, after: modbusRequest(3, at: 100, count: 1))
    }
    let errors = try #require(field.stats.periodErrors)
    #expect(errors.count == 4)
    #expect(errors.p50 > 1_700_000_000 && errors.max <= 1_800_000_000 && errors.p50 <= errors.max)
    field.forgetRecording()
    #expect(field.stats.periodErrors?.count == 0)
  }
}

extension TestClient {
  func receiving(_ count: Int, after request: [UInt8]) -> [UInt8] {
    send(request)
    return receive(count)
  }
}
