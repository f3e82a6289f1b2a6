internal import GatewayCore
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// Puts the snapshot together that `gatewayctl status` shows, and judges it.
enum StatusBoard {
  struct Inputs {
    var config: GatewayConfig
    var startedAt: BootTime
    var acquisition: Acquisition
    var store: StatusSnapshot.Store
    var accounting: StatusSnapshot.Accounting
    /// Rows evicted or destroyed in this run; those that summaries stand for are not among them.
    var lostSinceStart: UInt64
    /// Rows that only memory has.
    var inMemory: UInt64
    var destinations: [StatusSnapshot.Destination]
    /// What the medium says of its wear.
    var flash: FlashLife?
    var alarms: [AlarmReport] = []
    var clockChanges: StatusSnapshot.ClockChanges
    /// What an operator should know although nothing is broken, e.g. a reload that was refused.
    var notes: [String]
  }

  static func snapshot(_ inputs: Inputs) -> StatusSnapshot {
    let now = SystemClock.moment
    let buses = inputs.acquisition.buses.map { bus($0, inputs.acquisition.devices(on: $0), at: now.boot) }
    let devices = inputs.acquisition.devices.map {
      StatusSnapshot.Device(name: $0.config.name, state: word($0.meter.state))
    }
    var verdict = Verdict()
    verdict.judge(store: inputs.store)
    if inputs.store.fault == nil && inputs.inMemory > 0 {
      verdict.note(.warning, "\(inputs.inMemory) rows are in memory only, from when the disk was away")
    }
    if inputs.lostSinceStart > 0 {
      verdict.note(
        .warning,
        "\(inputs.lostSinceStart) rows were lost since the start: they had to make room, grew older than"
          + " \"retain\", or the medium failed"
      )
    }
    if let flash = inputs.flash, let sentence = flash.sentence { verdict.note(flash.state, sentence) }
    verdict.judge(inputs.destinations)
    verdict.judge(buses, inputs.acquisition.devices)
    for bus in inputs.acquisition.buses { verdict.judge(load: bus) }
    for sentence in inputs.alarms.compactMap(\.sentence) { verdict.note(.warning, sentence) }
    for note in inputs.notes { verdict.note(.warning, note) }
    var snapshot = StatusSnapshot(
      id: inputs.config.id, version: GatewayVersion.text, state: verdict.state, reasons: verdict.reasons,
      uptime: inputs.startedAt.duration(to: now.boot).seconds, pid: getpid(),
      clockIsSynchronized: SystemClock.isSynchronized, now: now.time, buses: buses, devices: devices,
      points: inputs.acquisition.pipeline.live.snapshot, accounting: inputs.accounting, store: inputs.store,
      destinations: inputs.destinations, alarms: inputs.alarms)
    snapshot.clockChanges = inputs.clockChanges
    return snapshot
  }

  /// `devices`: those on this bus.
  static func bus(_ bus: Acquisition.Bus, _ devices: [Acquisition.Device], at now: BootTime)
    -> StatusSnapshot.Bus
  {
    let meter = bus.meter
    let isStarting = meter.requests.load(ordering: .relaxed) == 0 && meter.lastError == nil
    let isMute = !devices.isEmpty && devices.allSatisfy { $0.meter.state == .failed }
    return StatusSnapshot.Bus(
      name: bus.config.name, type: bus.config.link.word,
      state: (meter.isConnected || isStarting) && !isMute ? .ok : .warning,
      requests: meter.requests.load(ordering: .relaxed), errors: meter.errors.load(ordering: .relaxed),
      lastError: meter.lastError, utilisation: Double(meter.utilisationPermille(at: now)) / 1000,
      planned: meter.plannedPermille > 0 ? Double(meter.plannedPermille) / 1000 : nil)
  }

  private static func word(_ state: DeviceMeter.State) -> String {
    switch state {
    case .starting: "starting"
    case .ok: "ok"
    case .degraded: "degraded"
    case .failed: "failed"
    }
  }
}

/// The worst of all findings, and a sentence for each.
private struct Verdict {
  private(set) var state = StatusSnapshot.State.ok
  private(set) var reasons: [String] = []

  mutating func note(_ severity: StatusSnapshot.State, _ sentence: String) {
    reasons.append(sentence)
    if severity == .critical || state == .ok { state = severity }
  }

  mutating func judge(store: StatusSnapshot.Store) {
    if let fault = store.fault { note(.critical, "store: \(fault)") }
    if store.slotsSetAside > 0 {
      let slots = store.slotsSetAside == 1 ? "one slot" : "\(store.slotsSetAside) slots"
      note(
        .warning,
        "store: the medium fails at \(slots) of the file; rows go to others, plan for a new medium")
    }
  }

  mutating func judge(_ destinations: [StatusSnapshot.Destination]) {
    for destination in destinations {
      if let notice = destination.certificateNotice {
        note(.warning, "destination \(destination.name): \(notice)")
      }
      guard destination.state != .ok else { continue }
      note(destination.state, "destination \(destination.name): \(destination.lastError ?? "not delivering")")
    }
  }

  mutating func judge(load bus: Acquisition.Bus) {
    if let sentence = LoadText.overload(permille: bus.meter.plannedPermille, of: bus.config.link) {
      note(.warning, "bus \(bus.config.name): \(sentence)")
    }
  }

  mutating func judge(_ buses: [StatusSnapshot.Bus], _ devices: [Acquisition.Device]) {
    let down = Set(buses.filter { $0.state != .ok }.map(\.name))
    for bus in buses where bus.state != .ok {
      note(.warning, "bus \(bus.name): \(bus.lastError ?? "not connected")")
    }
    // A bus that is down has said it for its devices already.
    for device in devices where !down.contains(device.config.bus) {
      switch device.meter.state {
      case .failed: note(.warning, "device \(device.config.name): does not answer")
      case .degraded: note(.warning, "device \(device.config.name): some of its points fail")
      case .ok, .starting: continue
      }
    }
    if !devices.isEmpty && devices.allSatisfy({ $0.meter.state == .failed }) {
      note(.critical, "no device answers")
    }
  }
}

/// How an overloaded bus is told of.
enum LoadText {
  /// nil where the line has time for all that is asked of it.
  static func overload(permille: UInt32, of link: BusConfig.Link) -> String? {
    guard permille > 1000 else { return nil }
    // Rounded up: 1001 must not read as 100 %.
    let percent = (permille + 9) / 10
    let tenths = max((permille + 50) / 100, 11)
    let times = "\(tenths / 10).\(tenths % 10)"
    return "asks for \(percent) % of what \(line(link)): periods are \(times) times as long"
  }

  private static func line(_ link: BusConfig.Link) -> String {
    switch link {
    case .modbusRTU(let line): "\(line.baud) baud allow"
    case .modbusRTUOverTCP(_, _, let baud) where baud > 0: "\(baud) baud allow"
    default: "the line allows"
    }
  }
}
