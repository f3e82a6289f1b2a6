import GatewayCore
import GatewaySources
import GatewaySystem
import Synchronization

func point(
  _ name: String, _ table: RegisterTable, _ address: UInt16, _ type: RegisterType,
  every: Duration = .seconds(1)
) -> PointConfig {
  PointConfig(name: name, table: table, address: address, layout: RegisterLayout(type: type), every: every)
}

/// A device with two neighbouring input registers: one request, two readings.
func canopy(_ name: String = "canopy", unit: UInt8 = 7, every: Duration = .seconds(1)) -> DeviceConfig {
  DeviceConfig(
    name: name, bus: "lan", unit: unit,
    points: [point("a", .input, 0, .uint16, every: every), point("b", .input, 1, .uint16, every: every)])
}

/// What a scripted device holds for those.
func canopyValues(unit: UInt8 = 7) -> [Value?] {
  [0, 1].map { .unsigned(UInt64(WireRequest.register(unit: unit, function: 4, address: $0))) }
}

func lan(host: String = "127.0.0.1", port: UInt16, timeout: Duration = .milliseconds(150)) -> BusConfig {
  BusConfig(name: "lan", link: .modbusTCP(host: host, port: port), timeout: timeout)
}

func setup(
  _ bus: BusConfig, _ devices: [DeviceConfig], timeQuality: TimeQuality = .synced
) -> SourceSetup {
  SourceSetup(
    bus: bus, config: GatewayConfig(id: "c", buses: [bus], devices: devices, destinations: []),
    meter: BusMeter(), deviceMeters: devices.map { _ in DeviceMeter() }, timeQuality: { _ in timeQuality })
}

/// A source without its thread: each poll is the test's.
final class Bench {
  let meter: BusMeter
  let deviceMeters: [DeviceMeter]
  let plan: PollPlan
  let source: ModbusSource
  /// What the bus runs on, where the bench keeps it there.
  var surroundings: AnyObject?
  private let room: UnsafeMutableBufferPointer<Reading>

  init(_ bus: BusConfig, _ devices: [DeviceConfig] = [canopy()], timeQuality: TimeQuality = .synced) throws {
    let setup = setup(bus, devices, timeQuality: timeQuality)
    (meter, deviceMeters) = (setup.meter, setup.deviceMeters)
    plan = PollPlan(bus: bus, of: setup.config)
    source = try ModbusSource(setup)
    room = .allocate(capacity: source.largestPoll)
  }

  deinit { room.deallocate() }

  /// `after`: the poll believes that this much time has passed.
  func poll(_ request: Int = 0, after: Duration = .zero) -> [Reading] {
    let poll = source.poll(request, at: SystemClock.boot.advanced(by: after), into: room)
    return Array(room[..<poll.count])
  }

  var requests: UInt64 { meter.requests.load(ordering: .relaxed) }
  var errors: UInt64 { meter.errors.load(ordering: .relaxed) }

  func errors(_ kind: BusErrorKind) -> UInt64 { meter.errorCounts.first { $0.kind == kind }?.count ?? 0 }
}

extension [Reading] {
  var values: [Value?] { map(\.value) }
  var reasons: [QualityReason] { map(\.reason) }
}
