import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Synchronization
import Testing

@testable import GatewaySources

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
    #expect(bench.meter.lastError == "cannot open \"\(lines.links[0])\": another program uses it")
    close(holder)
    #expect(bench.pollUntilGood().values == ModbusLines.canopyValues())
  }

  /// Root opens what TIOCEXCL keeps from all others: only the text of the refusal can be tried by everybody.
  @Test(arguments: [EBUSY, EWOULDBLOCK]) func aPortThatIsTakenIsSaidToBe(_ code: Int32) {
    #expect(ModbusFailure.disconnected(code: code).cause(patience: .zero) == "another program uses it")
  }

  @Test func aBabblingLineIsABadAnswerAndRecovers() throws {
    let lines = try ModbusLines.canopies(pace: LinePace(baud: 9600))
    let bench = try lines.bench(baud: 9600, timeout: .milliseconds(200))
    #expect(bench.pollUntilGood().values == ModbusLines.canopyValues())
    try lines.field.set(FieldFault(.babble, server: 0))
    nap(milliseconds: 50)
    let before = bench.errors(.noise)
    // A busy machine may find the line silent for once; what it reads then is right, or nothing.
    var bad = 0
    waitUntil {
      let readings = bench.poll()
      guard readings.reasons == [.badAnswer, .badAnswer] else {
        #expect(readings.values == ModbusLines.canopyValues())
        return false
      }
      if bench.meter.lastError == "cannot read device \"canopy\": the line is never silent" { bad += 1 }
      return bad == 3
    }
    #expect(bad == 3)
    #expect(bench.errors(.noise) >= before + 3)
    try lines.field.clearFaults()
    #expect(bench.pollUntilGood().values == ModbusLines.canopyValues())
  }

  /// As fast as the kernel takes it: there is always more.
  @Test func aFloodedPortIsABadAnswerRecoversAndCanBeStopped() throws {
    let adapter = try FloodingAdapter()
    let bench = try Bench(serialBus(adapter.path, timeout: .milliseconds(200)))
    adapter.isFlooding.set(true)
    for _ in 0..<3 { #expect(bench.poll().reasons == [.badAnswer, .badAnswer]) }
    #expect(bench.errors(.noise) >= 3)
    adapter.isFlooding.set(false)
    // Silence, then: nobody is there who answers.
    var reasons: [QualityReason] = []
    var hours = 0
    waitUntil {
      hours += 1
      reasons = bench.poll(after: .seconds(3600 * hours)).reasons
      return reasons == [.timeout, .timeout]
    }
    #expect(reasons == [.timeout, .timeout])
    adapter.isFlooding.set(true)
    bench.source.interruption.interrupt()
    #expect(bench.poll(after: .seconds(3600 * (hours + 1))).isEmpty)
  }

  /// The echo of a read of 17 to 24 bits from 0x0300 on has the length, and the check, of its answer.
  @Test func anEchoThatLooksLikeAnAnswerIsNone() throws {
    let bits = (0..<20).map { $0 % 3 == 0 }
    let lines = try ModbusLines { _ in
      [FieldDevice(units: [7], registers: [FieldRegister(.coil, 0x300, words: bits.map { $0 ? 1 : 0 })])]
    }
    let points = bits.indices.map { point("c\($0)", .coil, 0x300 + UInt16($0), .bool) }
    let bench = try lines.bench(0, [DeviceConfig(name: "d", bus: "lan", unit: 7, points: points)])
    #expect(bench.plan.requests.count == 1)
    try lines.field.set(FieldFault(.echo))
    for _ in 0..<20 { #expect(bench.poll().values == bits.map { .unsigned($0 ? 1 : 0) }) }
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
    #expect(bench.errors == 0 && bench.meter.errorCounts.allSatisfy { $0.count == 0 })
    #expect(bench.meter.lastError == nil && bench.deviceMeters[0].state != .failed)
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
    #expect(bench.source.answer(.probe(unit: 7), within: nil) == .identity(["Maker", "P-7", "1.0"]))
    #expect(bench.poll().values == canopyValues())
  }

  /// Also behind an adapter that hears itself.
  @Test(arguments: [nil, FieldFault.Kind.echo, .fragment(.milliseconds(2))])
  func aDeviceOnALineSaysWhatItIs(_ kind: FieldFault.Kind?) throws {
    let identity = ["Maker", "P-7", "1.0"]
    let lines = try ModbusLines { line in
      [
        FieldDevice(
          units: [7], registers: [FieldRegister(.input, 0, words: ModbusLines.words(line, 7, 0..<2))],
          identity: identity)
      ]
    }
    let bench = try lines.bench()
    if let kind { try lines.field.set(FieldFault(kind)) }
    #expect(bench.poll().values == ModbusLines.canopyValues())
    #expect(bench.source.answer(.probe(unit: 7), within: nil) == .identity(identity))
    #expect(bench.poll().values == ModbusLines.canopyValues())
  }

  @Test func aDeviceThatDoesNotKnowTheQuestionIsThereAllTheSame() throws {
    let lines = try ModbusLines.canopies()
    let bench = try lines.bench()
    #expect(bench.poll().values == ModbusLines.canopyValues())
    #expect(bench.source.answer(.probe(unit: 7), within: nil) == .identity([]))
    #expect(bench.poll().values == ModbusLines.canopyValues())
  }
}

/// A serial adapter whose far end sends as much as it gets rid of.
private final class FloodingAdapter {
  let path: String
  let isFlooding = SharedFlag(false)
  private let isDone: SharedFlag
  private let directory: String
  private let thread = Mutex<WorkerThread?>(nil)

  init() throws {
    let directory = try TemporaryDirectory.make(prefix: "flood")
    let (path, isDone, isFlooding) = (directory + "/port", SharedFlag(false), isFlooding)
    (self.directory, self.path, self.isDone) = (directory, path, isDone)
    let isThere = SharedFlag(false)
    let flood: @Sendable () -> Void = {
      var terminal = PseudoTerminal(link: path)
      guard let cable = try? terminal.plug() else { return }
      isThere.set(true)
      let bytes = [UInt8](repeating: 0x55, count: 512)
      while !isDone.isSet {
        var isTaken = false
        if isFlooding.isSet, case .success = bytes.withUnsafeBytes({ cable.write($0) }) { isTaken = true }
        if !isTaken { usleep(100) }
      }
    }
    try thread.withLock { $0 = try WorkerThread(name: "flood", flood) }
    waitUntil { isThere.isSet }
  }

  deinit {
    isDone.set(true)
    let ending = thread.withLock { $0.take() }
    ending?.join()
    TemporaryDirectory.remove(directory)
  }
}
