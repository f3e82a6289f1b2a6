internal import GatewayControl
internal import GatewayCore
internal import GatewaySources
internal import GatewayStore
internal import GatewaySystem

/// What the control socket may ask of the gateway.
final class Commands: ControlDelegate {
  private let gateway: Gateway

  init(gateway: Gateway) { self.gateway = gateway }

  func status() -> StatusSnapshot { gateway.status }
  func lastValues() -> [StatusSnapshot.Point] { gateway.liveValues }
  func reload() -> [String] { gateway.reload() }
  func flush() -> UInt64 { gateway.flush() }

  func storeReport() -> StoreReport { gateway.storeReport }
  func flowReport() -> FlowReport { FlowReport(gateway.config) }
  func alarms() -> [AlarmReport] { gateway.alarmLane?.reports ?? [] }

  func export(of destination: String?) -> CarryAnswer<any ExportedBatches> {
    begin(at: destination) { queues throws(SystemError) in
      try Export(queues.map(\.queue), gateway: gateway.config.id)
    }.map { $0 }
  }

  func markDelivered(_ runs: [ExportedRun], at destination: String?) -> CarryAnswer<any MarkedRows> {
    begin(at: destination) { queues throws(SystemError) in
      DeliveryMark(
        queues.map { queue in
          DeliveryMark.Part(
            queue: queue.queue, mayHold: queue.mayHold, isApart: queue.isApart,
            record: queue.store.recordLedger)
        }, runs)
    }.map { $0 }
  }

  func preview(of destination: String, points: WatchedPoints) -> CarryAnswer<any PreviewedRows> {
    let (config, live) = (gateway.config, gateway.acquisition.pipeline.live)
    guard let found = config.destinations.first(where: { $0.name == destination }) else {
      return .unknown(known: config.destinations.map(\.name))
    }
    let stateDirectory = gateway.stores.secrets.stateDirectory
    return begin(at: destination) { queues throws(SystemError) -> PreviewDraft in
      // Of what is measured there is always something to show.
      let queues = queues.filter { !$0.isApart } + queues.filter(\.isApart)
      return PreviewDraft(
        found, gateway: config.id, stateDirectory: stateDirectory, points: points,
        queues: queues.map(\.queue),
        present: PresentQueue(
          live.points, live.snapshot, queues.first?.store.stream ?? StreamID(bits: 0)))
    }.map { $0 }
  }

  func provision(_ destination: String) -> CarryAnswer<any Provisioned> {
    let config = gateway.config
    let known = config.destinations.filter {
      if case .sensorThings = $0.format { true } else { false }
    }
    guard let wanted = known.first(where: { $0.name == destination }) else {
      return .unknown(known: known.map(\.name))
    }
    guard let location = config.location else {
      return .busy("the configuration says no \"location\" of the \"gateway\", which every Thing needs")
    }
    let stores = gateway.stores
    do throws(SystemError) {
      let work = try Provision(
        wanted, at: location, config,
        queues: gateway.lanes.flatMap(\.depots).map { $0.store.queue(for: destination) },
        files: stores.secrets.files, directory: stores.secrets.stateDirectory ?? ".",
        finish: { [gateway] in try gateway.restartUplinks() })
      return try gateway.carryDesk.start(work) ? .begun(work) : .busy("an export or a provision goes on")
    } catch {
      return .busy("\(error)")
    }
  }

  private func begin<Work: Carrying>(
    at destination: String?, _ make: ([Stores.CarriedQueue]) throws(SystemError) -> Work
  ) -> CarryAnswer<Work> {
    let names = gateway.destinations
    let wanted = names.filter { $0 == destination ?? $0 }
    guard !wanted.isEmpty, destination != DeliveryLedger.nobody else {
      return .unknown(known: names.filter { $0 != DeliveryLedger.nobody })
    }
    do throws(SystemError) {
      let work = try make(gateway.carriedQueues(of: wanted))
      return try gateway.carryDesk.start(work) ? .begun(work) : .busy("another export goes on")
    } catch {
      return .busy("\(error)")
    }
  }

  var quarantine: [QuarantineEntry] { gateway.lanes.flatMap(\.depots).flatMap(\.store.quarantine.entries) }

  func retry(_ entries: [QuarantineEntry]) -> [String] {
    changeQuarantine(entries) { store, entries in
      entries.compactMap { store.uplinkQueue(for: $0.destination).retry($0.row) }
    }
  }

  func drop(_ entries: [QuarantineEntry]) -> [String] {
    changeQuarantine(entries) { store, entries in
      store.quarantine.remove(where: entries.contains).map { [$0] } ?? []
    }
  }

  private func changeQuarantine(
    _ entries: [QuarantineEntry], _ change: (DurableStore, [QuarantineEntry]) -> [String]
  ) -> [String] {
    gateway.lanes.flatMap(\.depots).flatMap { depot in
      let kept = depot.store.quarantine.entries
      return change(depot.store, entries.filter(kept.contains))
    }
  }

  var busNames: [String] { gateway.acquisition.buses.map(\.config.name) }

  func report(onBus name: String) -> BusReport? {
    gateway.acquisition.bus(named: name).map {
      BusReport(
        bus: StatusBoard.bus($0, gateway.acquisition.devices(on: $0), at: SystemClock.boot), meter: $0.meter)
    }
  }

  func ask(_ inquiries: [BusInquiry], ofBus name: String) -> (any BusAnswers)? {
    gateway.acquisition.bus(named: name)?.desk.submit(inquiries)
  }

  func devices(onBus name: String) -> [UInt8: String] {
    let devices = gateway.acquisition.devices.filter { $0.config.bus == name }
    // Two devices of the configuration may share a unit; the first gives the name.
    return Dictionary(devices.map { ($0.config.unit, $0.config.name) }) { first, _ in first }
  }

  func report(onChip chip: String) -> ChipAnswer { ChipBoard.report(on: chip, gateway.acquisition) }
}

extension BusTicket: BusAnswers {}
