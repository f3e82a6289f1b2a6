import GatewayCore
import GatewaySources
import GatewaySystem
import Testing

/// What a technician asks a Modbus bus.
@Suite struct ModbusInquiryTests {
  private static func name(_ request: WireRequest) -> [UInt8] {
    let text = Array("Eastron".utf8)
    let body = [request.unit, 0x2B, 0x0E, 1, 1, 0, 0, 1, 0, UInt8(text.count)] + text
    return Array(request.bytes[..<2]) + [0, 0, 0, UInt8(body.count)] + body
  }

  @Test func aUnitOverTCPSaysItsNameBehindItsRegister() throws {
    let device = try ScriptedDevice { request in
      [.send(request.function == 0x2B ? Self.name(request) : request.rightAnswer)]
    }
    let bench = try Bench(lan(port: device.port))
    #expect(bench.source.answer(.probe(unit: 7)) == .identity(["Eastron"]))
    #expect(bench.poll().values == canopyValues())
  }

  @Test func aUnitThatRefusesTheRegisterSaysItsNameToo() throws {
    let device = try ScriptedDevice { request in
      [.send(request.function == 0x2B ? Self.name(request) : request.exception(2))]
    }
    let bench = try Bench(lan(port: device.port))
    #expect(bench.source.answer(.probe(unit: 7)) == .identity(["Eastron"]))
  }

  /// A serial server hands over what a broken line brings, a few bytes every few milliseconds and without end.
  @Test(arguments: [0x2B, 3] as [UInt8]) func aBabblingDeviceHoldsNobodyUp(_ function: UInt8) throws {
    let babble = Array(
      repeating: [ScriptedDevice.Step.send([0x55, 0xAA, 0x55]), .pause(milliseconds: 5)], count: 2000
    ).flatMap { $0 }
    let device = try ScriptedDevice { request in
      request.function == function ? babble : [.send(request.rightAnswer)]
    }
    let bench = try Bench(lan(port: device.port))
    let began = SystemClock.boot
    _ = bench.source.answer(.probe(unit: 7))
    #expect(began.duration(to: SystemClock.boot) < .seconds(5))
  }

  @Test func aBusWithoutAnyAnswerKeepsNobodyWaitingForAWholeLongTimeout() throws {
    let device = try ScriptedDevice { _ in [] }
    let bench = try Bench(lan(port: device.port, timeout: .seconds(60)))
    let began = SystemClock.boot
    #expect(bench.poll().reasons == [.timeout, .timeout])
    let question = BusInquiry.read(unit: 9, table: .holding, address: 0, count: 1)
    #expect(
      bench.source.answer(question) == .failed(.timeout, cause: "no answer within 2000 ms"))
    #expect(began.duration(to: SystemClock.boot) < .seconds(10))
  }
}
