internal import GatewayControl
package import GatewayCore
internal import GatewaySources
package import GatewayStore
package import GatewaySystem
internal import GatewayUplink
internal import Glibc
internal import Synchronization

/// Why the gateway could not start; each ends the program with its own code.
package enum StartFailure: Error, CustomStringConvertible {
  case configuration([String])
  case store(StoreError)
  case system(SystemError)

  package var exitCode: Int32 {
    switch self {
    case .configuration: ExitCode.configuration
    case .store(.busy): ExitCode.temporaryFailure
    case .store: ExitCode.cannotCreate
    case .system: ExitCode.osError
    }
  }

  package var description: String {
    switch self {
    case .configuration(let problems): problems.joined(separator: "\n")
    case .store(let error): "\(error)"
    case .system(let error): "\(error)"
    }
  }
}

/// The whole gateway: who exists, in which order they start and stop.
///
/// Start: stores, their writer, the forwarders, the sources with their pipeline, the control socket. Stop: control
/// socket, sources, pipeline, writer, forwarders, stores; so whatever was acquired is stored before the stores
/// close, and nobody reloads behind the end. The main thread starts and stops; `status` and the commands may
/// be called from any thread.
package final class Gateway: Sendable {
  struct Running: Sendable {
    var config: GatewayConfig
    var acquisition: Acquisition
    var notes: [String] = []
    /// Why the configuration is not the file's.
    var remark: String?
  }

  private let options: DaemonOptions
  let stores: Stores
  /// The lane of alarms; nil while there is none.
  private let alarms = Mutex<AlarmLane?>(nil)
  let queue: CommitQueue
  let writer: StoreWriter
  private let wake: EventSignal
  let clock: ClockState
  private let bootFile: BootFile
  private let totals = PulseTotals()
  private let parking = GPIOParking()
  let startedAt = SystemClock.boot
  let writerHeartbeat = Heartbeat(name: "store")
  private let controlHeartbeat = Heartbeat(name: "control")
  let flash: FlashWatch
  /// Where rows are carried out by hand.
  let carryDesk = CarryDesk()
  let running: Mutex<Running>
  private let reloading = Mutex(())
  private let control = Mutex<VarlinkServer?>(nil)

  /// Opens the stores, takes up what the disk's knows, and starts everything but the control socket. `remark`: why
  /// `config` is not what the file says.
  package init(options: DaemonOptions, config: GatewayConfig, remark: String? = nil) throws(StartFailure) {
    self.options = options
    let boots = BootClocks()
    stores = try Stores(
      config, boot: Self.boot, clocks: boots,
      secrets: options.secrets, totals: totals, openDisk: options.diskOpener(boot: Self.boot, clocks: boots))
    bootFile = BootFile(directory: options.stateDirectory, boot: Self.boot, boots: boots)
    bootFile.takeUp(stores.presentDisk, at: SystemClock.boot)
    flash = FlashWatch(directory: options.stateDirectory, sysfs: options.sysfs)
    let acquisition: Acquisition
    do throws(SystemError) {
      wake = try EventSignal()
      clock = ClockState(boot: Self.boot, boots: boots)
      queue = try CommitQueue(drained: wake)
      writer = try StoreWriter(
        stores: stores, queue: queue, heartbeat: writerHeartbeat, clock: clock, bootFile: bootFile)
      acquisition = try Acquisition(
        config: config, wake: wake, clock: clock, totals: totals, parking: parking)
    } catch {
      throw .system(error)
    }
    running = Mutex(Running(config: config, acquisition: acquisition, remark: remark))
    let state = Self.takeUp(stores, queue: queue, catalogue: acquisition.catalogue)
    stores.past.begin(with: state)
    writer.retain(config.store.retain)
    try beginAlarms(config)
    do throws(SystemError) {
      try stores.start()
      try writer.start()
      try acquisition.start(
        from: state, past: stores.past, commitInterval: config.store.commit, queue: queue,
        alarms: alarmLane)
    } catch {
      throw .system(error)
    }
  }

  /// Makes the lane of alarms where it is needed and not there.
  private func beginAlarms(_ config: GatewayConfig) throws(StartFailure) {
    guard alarmLane == nil,
      let lane = try AlarmLane.make(options, config, secrets: stores.secrets, clock: clock, wake: wake)
    else { return }
    do throws(SystemError) { try lane.start() } catch { throw .system(error) }
    alarms.withLock { $0 = lane }
  }

  static let boot = SystemClock.bootID ?? BootID(high: 0, low: 0)

  /// What the disk says was open when the last run ended.
  private static func takeUp(
    _ stores: Stores, queue: CommitQueue, catalogue: Catalogue
  ) -> PipelineState {
    guard let (store, isDisk) = stores.shown, isDisk else {
      return PipelineState()
    }
    store.remember(catalogue)
    var state = PipelineState(takenFrom: store)
    if let commit = state.closeLeftovers(of: catalogue, at: SystemClock.time, boot: boot) {
      queue.push(commit)
    }
    return state
  }

  /// Opens the control socket; the data path does not depend on it.
  package func listen() {
    do throws(SystemError) {
      let server = try VarlinkServer(
        path: options.socketPath, delegate: Commands(gateway: self), heartbeat: controlHeartbeat)
      control.withLock { $0 = server }
    } catch {
      JournalLog.line(.error, "\(error); gatewayctl cannot reach this daemon")
      running.withLock { $0.notes.append("no control socket: \(error)") }
    }
  }

  /// What wants a look about once a second.
  package func refreshClock() {
    clock.refresh()
    flash.look(at: stores.shown.flatMap { $0.isDisk ? $0.store : nil })
    acquisition.pipeline.spaceCommits(by: flash.leastCommitInterval)
  }

  /// The disk's store, or where there is none the one in memory.
  package var storeReport: StoreReport {
    let config = running.withLock { $0.config.store }
    var report = flash.report(of: stores, config, fault: stores.fault ?? writer.fault)
    report.alarms = alarmLane?.report
    return report
  }

  /// For whom rows are kept.
  var destinations: [String] {
    DeliveryLedger.entryNames(for: config.destinations.map(\.name))
  }

  var alarmLane: AlarmLane? { alarms.withLock { $0 } }

  /// What runs at present.
  var config: GatewayConfig { running.withLock { $0.config } }

  /// What acquires at present; a reload replaces it.
  var acquisition: Acquisition { running.withLock { $0.acquisition } }

  package var liveValues: [StatusSnapshot.Point] { acquisition.pipeline.live.snapshot }

  /// Goes over to the configuration file as it is now. A file with problems changes nothing; they are returned.
  package func reload() -> [String] {
    reloading.withLock { _ in
      switch options.loadConfiguration() {
      case .failure(let failure):
        let lines = "\(failure)".split(separator: "\n").map(String.init)
        for line in lines { JournalLog.line(.error, line) }
        running.withLock { $0.notes = ["the last reload was refused: \(lines.first ?? "")"] }
        return lines
      case .success(let loaded):
        let config = loaded.config
        do {
          try adopt(config)
          LastGoodConfig.keep(loaded.bytes, in: options.stateDirectory)
          JournalLog.line(.notice, "configuration reloaded: \(config.summary)")
          return []
        } catch {
          return ["\(error)"]
        }
      }
    }
  }

  private func adopt(_ config: GatewayConfig) throws {
    let before = running.withLock { $0 }
    // Whatever may fail for want of descriptors comes before anything is stopped.
    let next = try Acquisition(config: config, wake: wake, clock: clock, totals: totals, parking: parking)
    var remainder: PipelineState?
    let lane = alarmLane
    // One that is made now has nothing to go over from.
    try beginAlarms(config)
    try lane?.stores.adopt(config.ofAlarms) {}
    do {
      try stores.adopt(config) {
        before.acquisition.stopSources()
        parking.release(except: next.chips)
        remainder = before.acquisition.pipeline.finish()
        let closing = remainder?.closeLeftovers(
          of: next.catalogue, at: SystemClock.time, boot: Self.boot, knowsPast: stores.past.isKnown)
        if let closing { queue.push(closing) }
        writer.retain(config.store.retain)
      }
    } catch {
      // What it was stays what it is.
      try? lane?.stores.adopt(before.config.ofAlarms) {}
      alarmLane?.goOver(to: before.config)
      throw error
    }
    guard let remainder else { return }
    lane?.goOver(to: config)
    try next.start(
      from: remainder, past: stores.past, commitInterval: config.store.commit, queue: queue,
      alarms: alarmLane)
    var notes: [String] = []
    if config.store.capacity != before.config.store.capacity {
      notes.append("store: the new capacity is used from the next start")
    }
    running.withLock { $0 = Running(config: config, acquisition: next, notes: notes) }
  }

  /// Stores everything acquired and ends every thread.
  package func stop() {
    // First, so that no reload starts threads behind the end.
    var server: VarlinkServer?
    control.withLock { swap(&$0, &server) }
    server?.stop()
    carryDesk.close()
    reloading.withLock { _ in
      let last = running.withLock { $0 }
      let lane = alarmLane
      stores.requestStop()
      lane?.stores.requestStop()
      last.acquisition.stopSources()
      _ = last.acquisition.pipeline.finish()
      let deadline = Stores.lastMoment
      writer.finish()
      clock.refresh()
      bootFile.tend(stores.presentDisk, at: SystemClock.boot, isEnd: true)
      lane?.finish(by: deadline)
      stores.finish(by: deadline)
    }
  }
}
