import GatewayCore
import GatewaySources
import GatewaySystem
import Synchronization
import Testing

/// A runner with the reading end of its ring.
private final class Rig: @unchecked Sendable {
  // Unchecked: the consumer is the test's alone.
  private var consumer: ReadingRing.Consumer
  let runner: SourceRunner
  let meter: BusMeter
  let deviceMeters: [DeviceMeter]
  let heartbeat: Heartbeat

  private init(
    _ runner: SourceRunner, _ consumer: consuming ReadingRing.Consumer, _ meter: BusMeter,
    _ deviceMeters: [DeviceMeter], _ heartbeat: Heartbeat, _ counter: Counter
  ) {
    self.runner = runner
    self.consumer = consumer
    self.meter = meter
    self.deviceMeters = deviceMeters
    self.heartbeat = heartbeat
    self.counter = counter
  }

  private let counter: Counter
  var wakeCount: Int { counter.value.load(ordering: .relaxed) }

  final class Counter: Sendable { let value = Atomic<Int>(0) }

  static func make(_ bus: BusConfig, _ devices: [DeviceConfig], ring: Int = 1 << 14) throws -> Rig {
    let setup = setup(bus, devices)
    let (meter, deviceMeters) = (setup.meter, setup.deviceMeters)
    let heartbeat = Heartbeat(name: bus.name)
    let counter = Counter()
    return try ReadingRing.make(minimum: ring) { producer, consumer in
      let runner = try SourceRunner(
        name: bus.name, source: try setup.makeSource(), share: 0, producer: producer, meter: meter,
        heartbeat: heartbeat, wake: { counter.value.wrappingAdd(1, ordering: .relaxed) })
      return Rig(runner, consumer, meter, deviceMeters, heartbeat, counter)
    }
  }

  func drain() -> [Reading] {
    var readings: [Reading] = []
    while consumer.drain({ readings += $0 }) > 0 {}
    return readings
  }

  func drain(atLeast count: Int) -> [Reading] {
    var readings: [Reading] = []
    waitUntil {
      readings += drain()
      return readings.count >= count
    }
    return readings
  }

  var acquired: Int { Int(meter.acquired.load(ordering: .relaxed)) }
  var dropped: Int { Int(meter.ringDropped.load(ordering: .relaxed)) }
  var skipped: Int { Int(meter.skippedTicks.load(ordering: .relaxed)) }
}

private let tenMilliseconds = Duration.milliseconds(10)

@Suite struct SourceRunnerTests {
  @Test func everyReadingThatWasMadeIsInTheRing() throws {
    let device = try ScriptedDevice.healthy()
    let rig = try Rig.make(
      lan(port: device.port, timeout: .seconds(10)),
      [canopy(every: tenMilliseconds), canopy("other", unit: 9, every: .milliseconds(25))])
    try rig.runner.start()
    var readings = rig.drain(atLeast: 60)
    rig.runner.stop()
    readings += rig.drain()
    #expect(readings.count == rig.acquired && rig.dropped == 0)
    #expect(readings.allSatisfy { $0.quality == .good })
    for (first, unit) in [(PointIndex(0), UInt8(7)), (2, 9)] {
      let own = readings.filter { $0.point == first || $0.point == first + 1 }
      #expect(!own.isEmpty && own.count % 2 == 0)
      for pair in stride(from: 0, to: own.count, by: 2) {
        #expect([own[pair], own[pair + 1]].values == canopyValues(unit: unit))
      }
    }
    #expect(zip(readings, readings.dropFirst()).allSatisfy { $0.boot <= $1.boot })
    #expect(rig.deviceMeters.allSatisfy { $0.state == .ok })
    #expect(Int(rig.meter.requests.load(ordering: .relaxed)) == device.requests)
  }

  @Test func aHungBusDoesNotDelayAnother() throws {
    let hung = try ScriptedDevice { _ in [] }
    let healthy = try ScriptedDevice.healthy()
    let slow = try Rig.make(lan(port: hung.port, timeout: .seconds(2)), [canopy(every: tenMilliseconds)])
    let quick = try Rig.make(lan(port: healthy.port), [canopy(every: tenMilliseconds)])
    try slow.runner.start()
    waitUntil { hung.requests > 0 }
    try quick.runner.start()
    let good = quick.drain(atLeast: 20)
    #expect(good.allSatisfy { $0.quality == .good })
    #expect(slow.drain().isEmpty, "the hung bus had its timeout before the other had ten polls")
    let failed = slow.drain(atLeast: 2)
    #expect(Array(failed.prefix(2)).reasons == [.timeout, .timeout])
    slow.runner.requestStop()
    quick.runner.requestStop()
    slow.runner.join()
    quick.runner.join()
  }

  @Test func aStopDoesNotWaitForASilentDevice() throws {
    let device = try ScriptedDevice { _ in [] }
    let rig = try Rig.make(lan(port: device.port, timeout: .seconds(60)), [canopy(every: tenMilliseconds)])
    try rig.runner.start()
    waitUntil { device.requests > 0 }
    let start = SystemClock.boot
    rig.runner.stop()
    #expect(start.duration(to: SystemClock.boot) < .seconds(30))
    #expect(rig.drain().isEmpty && rig.acquired == 0, "a stop is no failure of the device")
    #expect(rig.meter.lastError == nil)
  }

  @Test func aBusThatIsNotThereGivesBadReadingsOnTime() throws {
    let device = try ScriptedDevice.healthy()
    let port = device.port
    device.shutDown()
    let rig = try Rig.make(lan(port: port), [canopy(every: tenMilliseconds)])
    try rig.runner.start()
    let readings = rig.drain(atLeast: 40)
    #expect(readings.allSatisfy { $0.quality == .bad && $0.reason == .disconnected && $0.value == nil })
    #expect(rig.meter.requests.load(ordering: .relaxed) == 0)
    let again = try ScriptedDevice.healthy(port: port)
    var later: [Reading] = []
    waitUntil {
      later += rig.drain()
      return later.contains { $0.quality == .good }
    }
    rig.runner.stop()
    #expect(later.contains { $0.quality == .good } && again.connections == 1)
  }

  @Test func aFullRingCountsWhatItRefusesAndCallsOnce() throws {
    let device = try ScriptedDevice.healthy()
    let rig = try Rig.make(lan(port: device.port), [canopy(every: .milliseconds(2))], ring: 16)
    try rig.runner.start()
    waitUntil { rig.dropped >= 20 }
    #expect(rig.wakeCount == 1)
    #expect(rig.drain(atLeast: 16).count >= 16)
    waitUntil { rig.wakeCount >= 2 }
    #expect(rig.wakeCount >= 2, "half full again, and nobody was called")
    rig.runner.stop()
    let rest = rig.drain()
    #expect(rest.count <= 16 && rig.acquired > rig.dropped)
  }

  @Test func ticksThatTheBusCannotKeepAreSkippedAndCountedNeverDoubled() throws {
    let device = try ScriptedDevice { [.pause(milliseconds: 35), .send($0.rightAnswer)] }
    let rig = try Rig.make(lan(port: device.port, timeout: .seconds(10)), [canopy(every: tenMilliseconds)])
    try rig.runner.start()
    let readings = rig.drain(atLeast: 20)
    rig.runner.stop()
    let polls = rig.acquired / 2
    let first = readings[0].boot.duration(to: readings[readings.count - 1].boot)
    #expect(rig.skipped >= polls)
    // Polls and skipped ticks together are the ticks of the time that passed, give or take the ends.
    let ticks = Int(first.microseconds / 10_000)
    #expect(polls + rig.skipped >= ticks - 1)
    #expect(
      zip(readings, readings.dropFirst(2)).allSatisfy { $0.boot.duration(to: $1.boot) >= .milliseconds(35) })
  }

  @Test func aBusWithNothingToDoStaysAliveAndStops() throws {
    let rig = try Rig.make(lan(port: 1), [])
    try rig.runner.start()
    nap(milliseconds: 20)
    #expect(rig.heartbeat.age < .seconds(10))
    rig.runner.stop()
    rig.runner.stop()
    #expect(rig.acquired == 0)
  }

  @Test func aRunnerThatNeverStartedStops() throws {
    let rig = try Rig.make(lan(port: 1), [canopy()])
    rig.runner.stop()
    #expect(rig.drain().isEmpty)
  }

  @Test func theRingHoldsASecondAndFourPolls() throws {
    let bus = lan(port: 1)
    func source(_ bus: BusConfig, _ devices: [DeviceConfig]) throws -> any Source {
      try setup(bus, devices).makeSource()
    }
    #expect(try SourceRunner.ringCapacity(for: source(bus, [])) == 64)
    #expect(try SourceRunner.ringCapacity(for: source(bus, [canopy(every: .milliseconds(10))])) == 200)
    let registers = (0..<125).map { point("r\($0)", .holding, UInt16($0), .uint16, every: .seconds(3600)) }
    let large = DeviceConfig(name: "d", bus: "lan", unit: 1, points: registers)
    #expect(try SourceRunner.ringCapacity(for: source(bus, [large])) == 500)
    let many = (0..<200).map { device in
      DeviceConfig(
        name: "d\(device)", bus: "lan", unit: 1,
        points: (0..<125).map { point("r\($0)", .input, UInt16($0), .int16, every: tenMilliseconds) })
    }
    #expect(try SourceRunner.ringCapacity(for: source(bus, many)) == 1 << 17)
  }
}
