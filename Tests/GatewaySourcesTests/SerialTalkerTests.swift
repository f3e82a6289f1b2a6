import GatewayCore
import GatewaySources
import GatewaySystem
import Glibc
import Synchronization
import Testing

/// Devices that talk by themselves, through a real adapter.
@Suite struct SerialTalkerTests {
  private let adapter: SerialAdapter

  init() throws { adapter = try SerialAdapter() }

  @Test func eachFrameBecomesAReadingOfEachPoint() throws {
    let bench = try SerialBench(adapter.path, [wind()])
    #expect(bench.poll(0).isEmpty)
    #expect(bench.meter.isConnected)
    let before = SystemClock.boot
    adapter.say(sentence("WIMWV,214.8,R,3.0,M,A") + sentence("WIMWV,90,R,3.25,M,A"))
    let readings = try bench.receive(4)
    #expect(
      readings.values == [.double(214.8), .double(3), .signed(90), .double(3.25)])
    #expect(readings.map(\.point) == [0, 1, 0, 1])
    #expect(readings.allSatisfy { $0.quality == .good && $0.boot >= before && $0.boot <= SystemClock.boot })
    #expect(bench.requests == 2)
    #expect(bench.deviceMeters[0].state == .ok)
  }

  @Test func framesArriveByteByByte() throws {
    let bench = try SerialBench(adapter.path, [wind()])
    bench.poll(0)
    for byte in sentence("WIMWV,214.8,R,3.0,M,A").utf8.dropLast(2) {
      #expect(try bench.receive(0).isEmpty)
      adapter.say([byte])
    }
    #expect(try bench.receive(2).values == [.double(214.8), .double(3)])
  }

  @Test func oneLineCarriesSeveralDevices() throws {
    var rain = wind()
    rain.name = "rain"
    rain.points = [
      fieldPoint("sum", FrameField(place: .text(.index(2)), selector: Array("XDR".utf8)))
    ]
    let bench = try SerialBench(adapter.path, [wind(), rain])
    bench.poll(0)
    adapter.say(sentence("WIXDR,V,7.5,M,RAIN") + sentence("WIMWV,1.5,R,2.5,M,A") + sentence("WIVHW,1"))
    let readings = try bench.receive(3)
    #expect(readings.map(\.point) == [2, 0, 1])
    #expect(readings.values == [.double(7.5), .double(1.5), .double(2.5)])
  }

  @Test func whatIsWrongInAFrameIsABadReadingWithItsReason() throws {
    let bench = try SerialBench(adapter.path, [wind()])
    bench.poll(0)
    adapter.say(sentence("WIMWV,,R") + sentence("WIMWV,1,R,x,M,A"))
    #expect(try bench.receive(4).reasons == [.notANumber, .missingField, .none, .notANumber])
    #expect(bench.deviceMeters[0].state == .degraded)
  }

  @Test func aWrongChecksumMakesNoReadingButIsCounted() throws {
    let bench = try SerialBench(adapter.path, [wind()])
    bench.poll(0)
    adapter.say("$WIMWV,214.8,R,9.9,M,A*00\r\n" + sentence("WIMWV,1,R,2,M,A"))
    #expect(try bench.receive(2).values == [.signed(1), .signed(2)])
    #expect(bench.errors(.checksum) == 1)
    #expect(bench.meter.lastError?.hasSuffix("its checksum is wrong") == true)
    #expect(bench.meter.badFrames.map(\.kind) == [.checksum])
    #expect(bench.meter.badFrames.first?.start == Array("$WIMWV,214.8,R,9.9,M,A*00".utf8))
  }

  @Test func aTalkerIsGivenTwiceItsPeriod() throws {
    let patient = try SerialBench(adapter.path, [wind(every: .seconds(3600))])
    patient.poll(0)
    #expect(patient.poll(1).isEmpty)
  }

  @Test func silenceIsABadReadingAtEachTickAndItsErrorSaysWhatCameInstead() throws {
    let bench = try SerialBench(adapter.path, [wind(every: .milliseconds(10))])
    bench.poll(0)
    /// Looks until the last error says so.
    func look(for words: String) {
      waitUntil {
        nap(milliseconds: 30)
        let reasons = bench.poll(1).reasons
        return reasons == [.timeout, .timeout] && bench.meter.lastError?.contains(words) == true
      }
      #expect(bench.meter.lastError?.contains(words) == true)
    }
    look(for: "cannot read device \"wind\": nothing came for 0 s")
    #expect(bench.deviceMeters[0].state == .failed)
    #expect(bench.errors(.timeout) >= 1)
    adapter.say("\u{01}\u{02}garbage")
    look(for: "are baud, format and frame right?")
    adapter.say(sentence("WIVHW,1"))
    look(for: "none of its own")
    adapter.say(sentence("WIMWV,1,R,2,M,A"))
    // What waits in the driver is no silence, whoever looks first.
    waitUntil { bench.poll(1).values.starts(with: [.signed(1), .signed(2)]) }
    #expect(bench.deviceMeters[0].state == .ok)
  }

  @Test func aPortThatIsNotThereMakesBadReadingsAndIsTriedOnceASecond() throws {
    adapter.unplug()
    let bench = try SerialBench(adapter.path, [wind()])
    #expect(bench.source.descriptor == nil)
    #expect(bench.poll(1).reasons == [.disconnected, .disconnected])
    #expect(bench.poll(1).reasons == [.disconnected, .disconnected])
    #expect(bench.poll(0).isEmpty)
    #expect(bench.errors(.disconnected) == 1)
    #expect(bench.meter.lastError == "cannot open serial port \"\(adapter.path)\": No such file or directory")
    bench.poll(0, after: .milliseconds(1500))
    #expect(bench.errors(.disconnected) == 2)
    #expect(!bench.meter.isConnected)
  }

  /// Each time under another number, behind the same path.
  @Test func anAdapterThatComesBackIsFound() throws {
    let bench = try SerialBench(adapter.path, [wind()])
    bench.poll(0)
    for round in 0..<10 {
      adapter.say(sentence("WIMWV,\(round),R,2,M,A"))
      #expect(try bench.receive(2).values == [.signed(Int64(round)), .signed(2)])
      // Pulled out with half a sentence on the line.
      adapter.say("$WIMWV,99")
      _ = try bench.receive(0)
      adapter.unplug()
      if round % 2 == 0 { #expect(try bench.receive(1).isEmpty) }
      bench.poll(0)
      #expect(bench.poll(1).reasons == [.disconnected, .disconnected])
      #expect(!bench.meter.isConnected)
      try adapter.plug()
      bench.poll(0, after: .seconds(2))
      #expect(bench.meter.isConnected)
    }
  }

  /// The old adapter still hums, but its path was given to another.
  @Test func aPathThatLeadsElsewhereIsFollowed() throws {
    let bench = try SerialBench(adapter.path, [wind()])
    bench.poll(0)
    let other = try SerialAdapter()
    unlink(adapter.path)
    symlink(other.path, adapter.path)
    bench.poll(0)
    other.say(sentence("WIMWV,7,R,8,M,A"))
    adapter.say(sentence("WIMWV,1,R,2,M,A"))
    #expect(try bench.receive(2).values == [.signed(7), .signed(8)])
  }

  @Test func aStormOfFramesIsTakenInSteps() throws {
    let line = DeviceConfig(
      name: "d", bus: "mast", frame: FrameConfig(shape: .lines(delimiter: [0x0A])),
      points: (0..<8).map { fieldPoint("p\($0)", FrameField(place: .text(.index(1)))) })
    let bench = try SerialBench(adapter.path, [line])
    bench.poll(0)
    for _ in 0..<20 { adapter.say(String(repeating: "7\n", count: 100)) }
    // The first line may have begun before.
    var readings = try bench.receive(1999 * 8 - 2000)
    waitUntil {
      readings += bench.poll(0)
      readings += (try? bench.receive(0)) ?? []
      return readings.count >= 1999 * 8
    }
    #expect(readings.count == 1999 * 8)
    #expect(readings.allSatisfy { $0.value == .signed(7) })
  }

  @Test func aBinaryTalkerIsReadBetweenNoise() throws {
    let frame = BinaryFrame(
      start: [0xAA, 0xC0], length: .fixed(10),
      checksum: BinaryFrame.Checksum(kind: .sum8, first: 2, last: 7, isLittleEndian: false), end: [0xAB])
    let order = ByteOrder(wordsReversed: false, bytesSwapped: true)
    let layout = RegisterLayout(type: .uint16, order: order, scale: .identity)
    let field = FrameField(place: .bytes(FrameBytes(first: 2, width: 2, layout: layout)))
    let dust = DeviceConfig(
      name: "dust", bus: "mast", frame: FrameConfig(shape: .binary(frame)), points: [fieldPoint("pm", field)])
    let bench = try SerialBench(adapter.path, [dust])
    bench.poll(0)
    adapter.say([0xAA, 0xC0, 0x8C, 0x00, 0xAA])
    adapter.say([0xAA, 0xC0, 0x8C, 0x00, 0x94, 0x00, 0xBC, 0xF9, 0xD5, 0xAB, 0xFF])
    #expect(try bench.receive(1).values == [.unsigned(140)])
  }

  /// With the thread that runs it in the daemon.
  @Test func aThreadDeliversWhatATalkerSaysAlsoAfterItsAdapterWasPulledOut() throws {
    let bus = BusConfig(name: "mast", link: .serial(SerialLine(device: adapter.path, baud: 4800)))
    let setup = setup(bus, [wind(every: .milliseconds(200))])
    let values = Mutex<[Value]>([])
    let runner = try ReadingRing.make(minimum: 1 << 12) { producer, consumer in
      let runner = try SourceRunner(
        name: "mast", source: try setup.makeSource(), share: 0, producer: producer, meter: setup.meter,
        heartbeat: Heartbeat(name: "mast"), wake: {})
      var consumer = consumer
      try runner.start()
      waitUntil { setup.meter.isConnected }
      for round in 0..<10 {
        for part in 0..<5 { adapter.say(sentence("WIMWV,\(round * 5 + part),R,0.5,M,A")) }
        waitUntil {
          _ = consumer.drain { readings in values.withLock { $0 += readings.compactMap(\.value) } }
          return values.withLock { $0.count } >= 10 * (round + 1)
        }
        guard round == 4 else { continue }
        adapter.unplug()
        waitUntil { !setup.meter.isConnected }
        try adapter.plug()
        waitUntil { setup.meter.isConnected }
      }
      return runner
    }
    runner.stop()
    #expect(values.withLock { $0 } == (0..<50).flatMap { [.signed($0), .double(0.5)] })
  }
}
