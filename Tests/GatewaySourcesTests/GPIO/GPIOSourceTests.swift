import GatewayCore
import GatewaySystem
import Synchronization
import Testing

@testable import GatewaySources

/// What needs no chip; what does is in Tests/VM, against the kernel's own simulated one.
@Suite struct GPIOSourceTests {
  private func device(_ name: String, _ bus: String, _ offsets: [UInt32]) -> DeviceConfig {
    DeviceConfig(
      name: name, bus: bus,
      points: offsets.map { offset in
        PointConfig(name: "l\(offset)", place: .line(GPIOLine(offset: offset)), every: .milliseconds(100))
      })
  }

  @Test func thePlanNamesEachPointByItsPlaceInTheWholeConfiguration() {
    let config = GatewayConfig(
      id: "c", buses: [],
      devices: [
        device("a", "other", [1, 2]), device("b", "io", [3]), device("c", "io", []),
        device("d", "other", [4]), device("e", "io", [5, 6]),
      ], destinations: [])
    let plan = GPIOPlan(bus: "io", of: config)
    #expect(plan.points.map(\.name) == ["b.l3", "e.l5", "e.l6"])
    #expect(plan.points.map(\.index) == [2, 4, 5])
    #expect(plan.points.map(\.device) == [0, 2, 2])
    #expect(plan.devices == [0..<1, 1..<1, 1..<3])
  }

  @Test(arguments: ["/dev/no-such-gpiochip", "/dev/null", "/"])
  func aChipThatIsNotThereIsDisconnectedReadingsAndOneAttemptASecond(path: String) throws {
    let bus = BusConfig(name: "io", link: .gpio(chip: path))
    let setup = setup(bus, [device("d", "io", [4, 5])])
    let source = try GPIOSource(setup)
    let room = UnsafeMutableBufferPointer<Reading>.allocate(capacity: source.largestPoll)
    defer { room.deallocate() }
    let start = SystemClock.boot
    for round in 0..<50 {
      // 0 is the look at the chip itself.
      #expect(source.poll(0, at: SystemClock.boot, into: room).count == 0)
      let poll = source.poll(1 + round % 2, at: SystemClock.boot, into: room)
      #expect(poll.count == 1 && room[0].reason == .disconnected && room[0].point == PointIndex(round % 2))
    }
    let seconds = UInt64(start.duration(to: SystemClock.boot).seconds)
    let attempts = setup.meter.errors.load(ordering: .relaxed)
    #expect(attempts >= 1 && attempts <= 1 + seconds)
    #expect(!setup.meter.isConnected && source.descriptor == nil)
    #expect(setup.meter.lastError?.hasPrefix("cannot open chip \"\(path)\": ") == true)
    #expect(setup.deviceMeters[0].state == .failed)
  }

  @Test func theInventoryOfAChipThatIsNotThereIsAnErrorThatNamesIt() {
    #expect(throws: SystemError.self) { try GPIOChip.inventory(path: "/dev/no-such-gpiochip") }
  }
}
