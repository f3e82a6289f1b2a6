import GatewayCore
import GatewaySimulator
import GatewaySources
import GatewaySystem
import Glibc
import Testing

/// What serial lines do to a master, on real pseudo terminals: paths that change, ports that are taken, noise.
@Suite struct ModbusLineFaultTests {
  @Test func aPathThatLeadsElsewhereIsReadElsewhere() throws {
    let lines = try ModbusLines.canopies(2)
    let benches = try [lines.bench(0), lines.bench(1)]
    for line in 0..<2 { #expect(benches[line].poll().values == ModbusLines.canopyValues(line)) }
    let places = try lines.links.map { try #require(destination($0)) }
    for line in 0..<2 {
      unlink(lines.links[line])
      #expect(symlink(places[1 - line], lines.links[line]) == 0)
    }
    // Whoever comes first finds the other's terminal still taken, and tries again.
    waitUntil {
      (0..<2).map { benches[$0].poll().values == ModbusLines.canopyValues(1 - $0) } == [true, true]
    }
    for line in 0..<2 {
      #expect(benches[line].poll(after: .seconds(5)).values == ModbusLines.canopyValues(1 - line))
    }
  }

  private func destination(_ link: String) -> String? {
    var room = [CChar](repeating: 0, count: 256)
    let length = readlink(link, &room, room.count)
    return length > 0 ? String(decoding: room[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
  }

  @Test func aPortThatAnotherHoldsIsLeftToIt() throws {
    let lines = try ModbusLines.canopies()
    let holder = open(lines.links[0], O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
    #expect(holder >= 0 && flock(holder, LOCK_EX | LOCK_NB) == 0)
    let bench = try lines.bench()
    #expect(bench.poll().reasons == [.disconnected, .disconnected])
    #expect(!bench.meter.isConnected && lines.field.stats.requests == 0)
    let cause = SystemError.text(EWOULDBLOCK)
    #expect(bench.meter.lastError == "cannot open \"\(lines.links[0])\": \(cause)")
    close(holder)
    #expect(bench.pollUntilGood().values == ModbusLines.canopyValues())
  }

  @Test func aBabblingLineIsABadAnswerAndRecovers() throws {
    let lines = try ModbusLines.canopies(pace: LinePace(baud: 9600))
    let bench = try lines.bench(baud: 9600, timeout: .milliseconds(200))
    #expect(bench.pollUntilGood().values == ModbusLines.canopyValues())
    try lines.field.set(FieldFault(.babble, server: 0))
    nap(milliseconds: 50)
    for _ in 0..<3 { #expect(bench.poll().reasons == [.badAnswer, .badAnswer]) }
    try lines.field.clearFaults()
    #expect(bench.pollUntilGood().values == ModbusLines.canopyValues())
  }

  @Test(arguments: [FieldFault.Kind.echo, .noise, .fragment(.milliseconds(2))])
  func whatComesBesideTheAnswerDoesNotHarmIt(_ kind: FieldFault.Kind) throws {
    let lines = try ModbusLines.canopies()
    let bench = try lines.bench()
    try lines.field.set(FieldFault(kind))
    for _ in 0..<20 { #expect(bench.poll().values == ModbusLines.canopyValues()) }
  }

  @Test func anInterruptedPollOnALineEndsAtOnce() throws {
    let lines = try ModbusLines.canopies()
    try lines.field.set(FieldFault(.silent))
    let bench = try lines.bench(timeout: .seconds(60))
    let interruption = bench.source.interruption
    let other = try WorkerThread(name: "interrupts") {
      waitUntil { lines.field.stats.requests == 1 }
      interruption.interrupt()
    }
    let start = SystemClock.boot
    #expect(bench.poll().isEmpty)
    #expect(start.duration(to: SystemClock.boot) < .seconds(30))
    other.join()
  }

  // MARK: - The technician's questions

  @Test func aDeviceSaysWhatItIs() throws {
    let device = try ScriptedDevice { request in
      guard request.function == 0x2B else { return [.send(request.rightAnswer)] }
      let objects = ["Maker", "P-7", "1.0"].enumerated().flatMap { place, text in
        [UInt8(place), UInt8(text.utf8.count)] + Array(text.utf8)
      }
      return [.send(request.frame([0x2B, 0x0E, 1, 1, 0, 0, 3] + objects))]
    }
    let bench = try Bench(lan(port: device.port, timeout: .seconds(10)))
    // A device that answers is given its time.
    #expect(bench.poll().values == canopyValues())
    #expect(bench.source.answer(.probe(unit: 7)) == .identity(["Maker", "P-7", "1.0"]))
    #expect(bench.poll().values == canopyValues())
  }

  @Test func aDeviceThatDoesNotKnowTheQuestionIsThereAllTheSame() throws {
    let lines = try ModbusLines.canopies()
    let bench = try lines.bench()
    #expect(bench.poll().values == ModbusLines.canopyValues())
    #expect(bench.source.answer(.probe(unit: 7)) == .identity([]))
    #expect(bench.poll().values == ModbusLines.canopyValues())
  }
}
