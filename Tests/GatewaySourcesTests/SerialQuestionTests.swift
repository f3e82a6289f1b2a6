import GatewayCore
import GatewaySources
import GatewaySystem
import Glibc
import Synchronization
import Testing

/// Devices that are asked, through a real adapter.
@Suite struct SerialQuestionTests {
  private let adapter: SerialAdapter

  init() throws { adapter = try SerialAdapter() }

  /// The far end answers each of these questions, in turn, with what stands beside it.
  private func answering(
    _ answers: [(question: String, answer: String)], _ body: () -> Void
  ) throws {
    // The adapter is the thread's alone until it is joined.
    nonisolated(unsafe) let adapter = adapter
    let thread = try WorkerThread(name: "device") {
      for (question, answer) in answers {
        let heard = adapter.hear(question.utf8.count)
        if heard != Array(question.utf8) { adapter.say("unexpected\n") } else { adapter.say(answer) }
      }
    }
    body()
    thread.join()
  }

  @Test func eachQuestionGetsItsAnswer() throws {
    let bench = try SerialBench(adapter.path, [hygrometer()])
    try answering([("T?\r", "21.3\r\n"), ("H?\r", "44\r\n"), ("T?\r", "-4.5\r\n")]) {
      #expect(bench.poll(1).values == [.double(21.3)])
      #expect(bench.poll(2).values == [.signed(44)])
      let readings = bench.poll(1)
      #expect(readings.values == [.double(-4.5)])
      #expect(readings.map(\.point) == [0])
    }
    #expect(bench.requests == 3)
    #expect(bench.meter.responses.total == 3)
    #expect(bench.deviceMeters[0].state == .ok)
  }

  @Test func thePlanOfALineIsWhatItsQuestionsTake() throws {
    let bench = try SerialBench(adapter.path, [hygrometer()])
    // Two questions of three characters a second at 4800 baud.
    #expect(bench.meter.plannedPermille == 12)
    nonisolated(unsafe) let adapter = adapter
    let slow = try WorkerThread(name: "device") {
      _ = adapter.hear(3)
      usleep(200_000)
      adapter.say("21.3\r\n")
    }
    bench.poll(1)
    slow.join()
    bench.poll(0)
    #expect(bench.meter.plannedPermille >= 206)
  }

  @Test func pointsOfOneQuestionShareItsAnswer() throws {
    func field(_ prefix: String, _ number: Int) -> FrameField {
      FrameField(place: .text(.index(number)), selector: Array(prefix.utf8), request: Array("R\r".utf8))
    }
    let device = DeviceConfig(
      name: "d", bus: "mast", frame: FrameConfig(shape: .lines(delimiter: [0x0A])),
      points: [
        fieldPoint("a", field("A=", 1)), fieldPoint("b", field("B=", 1)), fieldPoint("c", field("B=", 2)),
      ])
    let bench = try SerialBench(adapter.path, [device])
    // What was sent comes back on some RS-485 adapters; a greeting is no answer either.
    try answering([("R\r", "R\r\nhello\r\nB=2,3\r\nA=1\r\n")]) {
      #expect(bench.poll(1).values == [.signed(1), .signed(2), .signed(3)])
    }
    #expect(bench.requests == 1)
  }

  @Test func silenceIsATimeoutAndThenABreaker() throws {
    let bench = try SerialBench(adapter.path, [hygrometer()], timeout: .milliseconds(50))
    for _ in 0..<3 { #expect(bench.poll(1).reasons == [.timeout]) }
    #expect(bench.poll(1, after: .seconds(-10)).reasons == [.breakerOpen])
    #expect(bench.errors(.timeout) == 3)
    #expect(bench.meter.lastError == "cannot read device \"air\": no answer within 50 ms")
    #expect(bench.deviceMeters[0].state == .failed)
  }

  @Test func aMissingPartOfAnAnswerTimesOut() throws {
    var device = hygrometer()
    for (place, prefix) in ["T=", "H="].enumerated() {
      let field = FrameField(
        place: .text(.index(1)), selector: Array(prefix.utf8), request: Array("R\r".utf8))
      device.points[place].place = .field(field)
    }
    let bench = try SerialBench(adapter.path, [device], timeout: .seconds(3))
    try answering([("R\r", "T=1\r\nX=3\r\n")]) {
      #expect(bench.poll(1).reasons == [.none, .timeout])
    }
    #expect(bench.deviceMeters[0].state == .degraded)
  }

  @Test func aLateAnswerIsThrownAwayBeforeTheNextQuestion() throws {
    let bench = try SerialBench(adapter.path, [hygrometer()], timeout: .seconds(2))
    #expect(bench.poll(1).reasons == [.timeout])
    #expect(adapter.hear(3) == Array("T?\r".utf8))
    adapter.say("99.9\r\n")
    try answering([("H?\r", "44\r\n")]) { #expect(bench.poll(2).values == [.signed(44)]) }
    #expect(bench.errors(.late) == 1)
    #expect(bench.meter.badFrames.first?.start == Array("99.9\r\n".utf8))
    #expect(bench.meter.isConnected)
  }

  /// 150 questions, whose answers are sometimes late, garbled, too many or missing: no value is another's.
  @Test(arguments: [UInt64.random(in: 0 ... .max)])
  func noAnswerIsTakenForAnothers(seed: UInt64) throws {
    print("serial question seed \(seed)")
    var generator = SplitMix(seed: seed)
    var device = hygrometer()
    let checksum = BinaryFrame.Checksum(kind: .ccitt, isLittleEndian: false)
    let frame = BinaryFrame(start: [0x55], length: .fixed(6), checksum: checksum)
    device.frame = FrameConfig(shape: .binary(frame))
    for place in 0..<2 {
      let layout = RegisterLayout(type: .uint16)
      device.points[place].place = .field(
        FrameField(
          place: .bytes(FrameBytes(first: 1, width: 2, layout: layout)), request: [UInt8(0x30 + place), 0x0D])
      )
    }
    let bench = try SerialBench(adapter.path, [device], timeout: .milliseconds(200))
    var good = 0
    for round in 0..<150 {
      let place = round % 2
      var answer: [UInt8] = [0x55, 0x10, UInt8(round), 0]
      let sum = FrameChecksum.ccitt.of(answer[...])
      answer += [UInt8(sum >> 8), UInt8(sum & 0xFF)]
      let fate = Int.random(in: 0..<20, using: &generator)
      if fate == 0 { answer[2] ^= 0x04 }
      if fate == 1 { answer += answer }
      if fate == 2 { answer = [0x55, 0xFF] + answer }
      nonisolated(unsafe) let adapter = adapter
      let bytes = answer
      let thread = try WorkerThread(name: "device") {
        _ = adapter.hear(2)
        // A late one comes before the next question is asked.
        if fate == 3 { nap(milliseconds: 230) }
        if fate != 4 { adapter.say(bytes) }
      }
      let reading = bench.poll(place + 1, after: .seconds(300 * round))
      thread.join()
      if let value = reading[0].value {
        #expect(value == .unsigned(UInt64(0x1000 + round)), "seed \(seed)")
        good += 1
      }
    }
    #expect(good > 75, "seed \(seed)")
  }

  @Test func aStopEndsTheWaitForAnAnswer() throws {
    let bench = try SerialBench(adapter.path, [hygrometer()], timeout: .seconds(60))
    let interruption = bench.source.interruption
    let thread = try WorkerThread(name: "stop") {
      nap(milliseconds: 50)
      interruption.interrupt()
    }
    let start = SystemClock.boot
    #expect(bench.poll(1).isEmpty)
    #expect(start.duration(to: SystemClock.boot) < .seconds(30))
    thread.join()
    #expect(bench.meter.lastError == nil)
  }

  @Test func anAdapterPulledOutWhileAnAnswerIsAwaitedIsDisconnected() throws {
    let bench = try SerialBench(adapter.path, [hygrometer()], timeout: .seconds(60))
    nonisolated(unsafe) let adapter = adapter
    let thread = try WorkerThread(name: "device") {
      _ = adapter.hear(3)
      adapter.unplug()
    }
    #expect(bench.poll(1).reasons == [.disconnected])
    thread.join()
    #expect(!bench.meter.isConnected)
    try adapter.plug()
    let device = try WorkerThread(name: "device") {
      _ = adapter.hear(3)
      adapter.say("21.3\n")
    }
    #expect(bench.poll(1).values == [.double(21.3)])
    device.join()
  }
}
