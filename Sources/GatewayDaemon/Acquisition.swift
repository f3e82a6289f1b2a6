internal import GatewayCore
internal import GatewaySources
internal import GatewaySystem

/// Everything that one configuration acquires with: its sources, their rings, and the pipeline that empties them.
/// A reload ends one acquisition and begins the next, which goes on from what the first left open.
final class Acquisition: Sendable {
  struct Bus: Sendable {
    let config: BusConfig
    let meter: BusMeter
    let heartbeat: Heartbeat
    /// Where a technician's questions to it wait.
    let desk: BusDesk
    let runner: SourceRunner
    let port: SourcePort
  }

  struct Device: Sendable {
    let config: DeviceConfig
    let meter: DeviceMeter
  }

  let buses: [Bus]
  let devices: [Device]
  let catalogue: Catalogue
  let pipeline: Pipeline
  private let pulses: [Pipeline.PulsePoint]

  /// `totals` outlive it, and so do the lines that are parked.
  init(
    config: GatewayConfig, wake: EventSignal, clock: ClockState, totals: PulseTotals,
    parking: GPIOParking
  ) throws(SystemError) {
    catalogue = Catalogue(points: config.catalogue)
    let devices = config.devices.map { Device(config: $0, meter: DeviceMeter()) }
    // Nobody asks a device all of whose points are computed.
    for device in devices where !device.config.points.contains(where: { $0.formula == nil }) {
      device.meter.record(.ok)
    }
    var buses: [Bus] = []
    for (index, bus) in config.buses.enumerated() {
      let setup = SourceSetup(
        bus: bus, config: config, meter: BusMeter(),
        deviceMeters: devices.filter { $0.config.bus == bus.name }.map(\.meter),
        totals: totals, parking: parking, timeQuality: { clock.quality(of: $0) })
      let share = Double(index) / Double(config.buses.count)
      buses.append(try Self.bus(setup, share: share, wake: wake))
    }
    self.devices = devices
    self.buses = buses
    pulses = Self.pulses(of: config, totals)
    pipeline = Pipeline(
      catalogue: catalogue, treatments: config.treatments, derived: DerivedPoints(config), wake: wake,
      heartbeat: Heartbeat(name: "pipeline"))
  }

  private static func pulses(of config: GatewayConfig, _ totals: PulseTotals) -> [Pipeline.PulsePoint] {
    let points = config.devices.flatMap { device in device.points.map { (device.name, $0) } }
    return points.enumerated().compactMap { place, point in
      // What a private one has counted is not stored.
      guard point.1.line?.mode == .pulse, !point.1.treatment.staysInMemory else { return nil }
      let counter = totals.counter("\(point.0).\(point.1.name)")
      return Pipeline.PulsePoint(point: PointIndex(place), counter: counter)
    }
  }

  /// A bus is held up by its timeout, and before it by a connect to each of the host's addresses and by a name
  /// server that does not answer (resolv.conf(5): 5 s, twice, for each of three).
  private static let patienceBeyondTimeout = Duration.seconds(60)

  private static func bus(
    _ setup: SourceSetup, share: Double, wake: EventSignal
  ) throws(SystemError) -> Bus {
    let bus = setup.bus
    let heartbeat = Heartbeat(name: "bus \(bus.name)", patience: bus.timeout + patienceBeyondTimeout)
    let source = try setup.makeSource()
    let desk = BusDesk()
    let ends: (Result<SourceRunner, SystemError>, SourcePort) = ReadingRing.make(
      minimum: SourceRunner.ringCapacity(for: source)
    ) { producer, consumer in
      let runner: Result<SourceRunner, SystemError>
      do throws(SystemError) {
        runner = .success(
          try SourceRunner(
            name: bus.name, source: source, share: share, producer: producer, meter: setup.meter,
            desk: desk, heartbeat: heartbeat, wake: { wake.raise() }))
      } catch {
        runner = .failure(error)
      }
      return (runner, SourcePort(consumer: consumer, meter: setup.meter))
    }
    return Bus(
      config: bus, meter: setup.meter, heartbeat: heartbeat, desk: desk, runner: try ends.0.get(),
      port: ends.1)
  }

  func devices(on bus: Bus) -> [Device] { devices.filter { $0.config.bus == bus.config.name } }

  func bus(named name: String) -> Bus? { buses.first { $0.config.name == name } }

  /// The paths of the GPIO chips.
  var chips: [String] {
    buses.compactMap { if case .gpio(let chip) = $0.config.link { chip } else { nil } }
  }

  var heartbeats: [Heartbeat] { buses.map(\.heartbeat) + [pipeline.heartbeat] }

  func start(
    from state: PipelineState, past: Past, commitInterval: Duration, queue: CommitQueue,
    alarms: AlarmLane? = nil
  ) throws(SystemError) {
    try pipeline.start(
      Pipeline.Setup(
        catalogue: catalogue, boot: Gateway.boot, commitInterval: commitInterval, state: state,
        pulses: pulses, past: past, alarms: alarms), ports: buses.map(\.port), queue: queue)
    for bus in buses { try bus.runner.start() }
  }

  /// Ends every bus's thread; all are asked before the first is waited for.
  func stopSources() {
    for bus in buses { bus.runner.requestStop() }
    for bus in buses { bus.runner.join() }
  }
}
