import GatewayCore
import GatewaySystem
import Testing

@testable import GatewaySources

/// A bus in time that only the test moves: the schedule, the load and the breakers as `ModbusSource` uses them.
private struct VirtualBus {
  private var schedule: BusSchedule
  private let plan: PollPlan
  private var load: BusLoad
  private var healths: [DeviceHealth]
  private(set) var now = BootTime(microseconds: 0)
  private var dice: SplitMix
  var dead: Set<Int> = []
  /// When each device was read.
  private(set) var reads: [[BootTime]]
  private(set) var asked = 0
  private let timeout: Duration

  init(devices: Int, every: [Duration], timeout: Duration = .milliseconds(300), seed: UInt64) {
    let bus = BusConfig(
      name: "lan", link: .modbusRTU(SerialLine(device: "/dev/x", baud: 9600)), timeout: timeout)
    let configs = (0..<devices).map { device in
      DeviceConfig(
        name: "d\(device)", bus: "lan", unit: UInt8(device + 1),
        points: (0..<20).map {
          point("r\($0)", .holding, UInt16($0), .uint16, every: every[device % every.count])
        })
    }
    plan = PollPlan(
      bus: bus, of: GatewayConfig(id: "c", buses: [bus], devices: configs, destinations: []))
    schedule = BusSchedule(periods: plan.requests.map(\.period), start: now)
    load = BusLoad(plan, at: now)
    healths = configs.indices.map {
      DeviceHealth(unit: UInt8($0 + 1), meter: DeviceMeter(), requests: $0..<$0 + 1)
    }
    reads = configs.map { _ in [] }
    dice = SplitMix(seed: seed)
    self.timeout = timeout
  }

  var demand: Double { plan.demand }
  var stretch: Double { load.stretch }

  mutating func run(until end: Duration) {
    let end = BootTime(microseconds: end.microseconds)
    while now < end {
      guard let tick = schedule.take(at: now) else {
        now = min(schedule.nextDue ?? end, end)
        continue
      }
      poll(tick.request)
      schedule.stretch = load.stretch
    }
  }

  private mutating func poll(_ request: Int) {
    load.refresh(healths, at: now)
    let device = plan.requests[request].device
    guard let patience = load.patience(for: request, healths[device], timeout: timeout, at: now) else {
      return
    }
    asked += 1
    let began = now
    guard !dead.contains(device) else {
      now = now.advanced(by: plan.timing.lead + patience)
      healths[device].breaker.failed(at: now, random: .random(in: 0..<1, using: &dice))
      return load.recordFailure(took: began.duration(to: now))
    }
    now = now.advanced(by: plan.timing.time(.holding, count: 20))
    healths[device].answered(after: .milliseconds(9))
    load.record(request, took: began.duration(to: now))
    reads[device].append(now)
  }
}

@Suite struct BusLoadTests {
  @Test(arguments: [3, 5])
  func halfOfTheSlavesDeadTheOthersKeepTheirPeriods(period: Int) {
    let seed = UInt64.random(in: 0 ... .max)
    var bus = VirtualBus(devices: 32, every: [.seconds(period)], seed: seed)
    #expect(bus.demand < 1)
    bus.run(until: .seconds(60))
    bus.dead = Set(stride(from: 1, to: 32, by: 2))
    bus.run(until: .seconds(60 + 5 * period))
    let start = bus.now
    bus.run(until: .seconds(2000))
    var periods: [Double] = []
    for device in stride(from: 0, to: 32, by: 2) {
      let times = bus.reads[device].filter { $0 > start }
      periods += zip(times, times.dropFirst()).map { $0.duration(to: $1).seconds }
    }
    periods.sort()
    let rare = periods[periods.count * 99 / 100]
    #expect(rare <= Double(period) * 1.1, "seed \(seed): \(rare) s")
  }

  @Test(arguments: [3, 5])
  func aDeviceThatIsBackIsReadWithinTwoPeriods(period: Int) throws {
    for round in 0..<10 {
      let seed = UInt64.random(in: 0 ... .max)
      var bus = VirtualBus(devices: 32, every: [.seconds(period)], seed: seed)
      bus.run(until: .seconds(60))
      bus.dead = Set(stride(from: 1, to: 32, by: 2))
      let back = 75 + 61 * round
      bus.run(until: .seconds(back))
      bus.dead = []
      bus.run(until: .seconds(back + 10 * period))
      for device in stride(from: 1, to: 32, by: 2) {
        let first = try #require(bus.reads[device].first { $0.microseconds > Int64(back) * 1_000_000 })
        let after = Double(first.microseconds) / 1e6 - Double(back)
        #expect(after <= Double(2 * period), "seed \(seed), round \(round), device \(device)")
      }
    }
  }

  @Test func aDeviceAloneOnItsBusIsBackWithinTwoPeriods() throws {
    var bus = VirtualBus(devices: 1, every: [.seconds(1)], seed: 1)
    bus.run(until: .seconds(10))
    bus.dead = [0]
    bus.run(until: .seconds(600))
    bus.dead = []
    bus.run(until: .seconds(700))
    let first = try #require(bus.reads[0].first { $0.microseconds > 600_000_000 })
    #expect(first.microseconds <= 602_000_000)
  }

  @Test(arguments: [[1500, 1500], [400, 1000]])
  func anOverloadedBusSlowsAllAlike(periods: [Int]) {
    var bus = VirtualBus(devices: 32, every: periods.map { .milliseconds($0) }, seed: 1)
    #expect(bus.demand > 1.2)
    bus.run(until: .seconds(60))
    let start = bus.now
    bus.run(until: .seconds(600))
    let factors = bus.reads.indices.map { device in
      let count = bus.reads[device].count { $0 > start }
      return 540 / Double(count) / (Double(periods[device % 2]) / 1000)
    }
    let middle = factors.sorted()[16]
    #expect(middle > 1.2)
    #expect(factors.allSatisfy { abs($0 / middle - 1) < 0.15 }, "\(factors)")
  }
}
