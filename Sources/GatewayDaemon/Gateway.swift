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
  private struct Running: Sendable {
    var config: GatewayConfig
    var acquisition: Acquisition
    var notes: [String] = []
    /// Why the configuration is not the file's.
    var remark: String?
  }

  private let options: DaemonOptions
  let stores: Stores
  private let queue: CommitQueue
  private let writer: StoreWriter
  private let wake: EventSignal
  private let clock: ClockState
  private let bootFile: BootFile
  private let totals = PulseTotals()
  private let parking = GPIOParking()
  private let startedAt = SystemClock.boot
  private let writerHeartbeat = Heartbeat(name: "store")
  private let controlHeartbeat = Heartbeat(name: "control")
  private let flash: FlashWatch
  /// Where rows are carried out by hand.
  let carryDesk = CarryDesk()
  private let running: Mutex<Running>
  private let reloading = Mutex(())
  private let control = Mutex<VarlinkServer?>(nil)

  /// Opens the stores, takes up what the disk's knows, and starts everything but the control socket. `remark`: why
  /// `config` is not what the file says.
  package init(options: DaemonOptions, config: GatewayConfig, remark: String? = nil) throws(StartFailure) {
    self.options = options
    let boots = BootClocks()
    stores = try Stores(
      config, boot: Self.boot, clocks: boots,
      secrets: Depot.Secrets(
        credentialsDirectory: options.credentialsDirectory, configDirectory: options.configDirectory,
        stateDirectory: options.stateDirectory),
      totals: totals, openDisk: options.diskOpener(boot: Self.boot, clocks: boots))
    bootFile = BootFile(directory: options.stateDirectory, boot: Self.boot, boots: boots)
    bootFile.takeUp(stores.presentDisk, at: SystemClock.boot)
    flash = FlashWatch(directory: options.stateDirectory, sysfs: options.sysfs)
    do throws(SystemError) {
      wake = try EventSignal()
      clock = ClockState(boot: Self.boot, boots: boots)
      queue = try CommitQueue(drained: wake)
      writer = try StoreWriter(
        stores: stores, queue: queue, heartbeat: writerHeartbeat, clock: clock, bootFile: bootFile)
      let acquisition = try Acquisition(
        config: config, wake: wake, clock: clock, totals: totals, parking: parking)
      let state = Self.takeUp(stores, queue: queue, catalogue: acquisition.catalogue)
      stores.past.begin(with: state)
      running = Mutex(Running(config: config, acquisition: acquisition, remark: remark))
      writer.retain(config.store.retain)
      try stores.start()
      try writer.start()
      try acquisition.start(
        from: state, past: stores.past, commitInterval: config.store.commit, queue: queue)
    } catch {
      throw .system(error)
    }
  }

  private static let boot = SystemClock.bootID ?? BootID(high: 0, low: 0)

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
    return flash.report(of: stores, config, fault: stores.fault ?? writer.fault)
  }

  /// For whom rows are kept.
  var destinations: [String] {
    DeliveryLedger.entryNames(for: config.destinations.map(\.name))
  }

  /// What runs at present.
  var config: GatewayConfig { running.withLock { $0.config } }

  /// Every worker's sign of life, for the watchdog.
  package var heartbeats: [Heartbeat] { [writerHeartbeat] + acquisition.heartbeats + stores.heartbeats }

  package var status: StatusSnapshot {
    let running = running.withLock { $0 }
    var rows = stores.summary
    rows.store.fault = rows.store.fault ?? writer.fault
    let acquired = running.acquisition.pipeline.currentBooks
    var accounting = StatusSnapshot.Accounting()
    (accounting.acquired, accounting.ringDropped) = (acquired.acquired, acquired.ringDropped)
    let books = rows.books
    (accounting.stored, accounting.delivered, accounting.queued) = (
      books.stored, books.delivered, books.queued
    )
    (accounting.evicted, accounting.damaged) = (books.evicted, books.damaged)
    (accounting.quarantined, accounting.thinned) = (books.quarantined, books.thinned)
    accounting.pending = UInt64(queue.rowCount) + rows.held
    return StatusBoard.snapshot(
      StatusBoard.Inputs(
        config: running.config, startedAt: startedAt, acquisition: running.acquisition, store: rows.store,
        accounting: accounting, lostSinceStart: rows.lostSinceStart, inMemory: rows.inMemory,
        destinations: rows.destinations, flash: flash.life, clockChanges: clock.changes,
        notes: [running.remark, slowDisk].compactMap { $0 } + running.notes))
  }

  private static let patienceWithDisk = Duration.seconds(3)

  /// What a power cut would cost is more than was promised while the disk takes long.
  private var slowDisk: String? {
    guard let busy = writer.busy, busy > Self.patienceWithDisk else { return nil }
    return
      "store: the disk has not taken a commit for \(Int(busy.seconds)) s; what was read since is in memory only"
  }

  /// What acquires at present; a reload replaces it.
  var acquisition: Acquisition { running.withLock { $0.acquisition } }

  package var liveValues: [StatusSnapshot.Point] { acquisition.pipeline.live.snapshot }

  /// Asks every forwarder to send now; returns the rows that are queued.
  package func flush() -> UInt64 { stores.flush() }

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
    try stores.adopt(config) {
      before.acquisition.stopSources()
      parking.release(except: next.chips)
      remainder = before.acquisition.pipeline.finish()
      let closing = remainder?.closeLeftovers(
        of: next.catalogue, at: SystemClock.time, boot: Self.boot,
        knowsPast: stores.past.isKnown)
      if let closing { queue.push(closing) }
      writer.retain(config.store.retain)
    }
    guard let remainder else { return }
    try next.start(from: remainder, past: stores.past, commitInterval: config.store.commit, queue: queue)
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
      stores.requestStop()
      last.acquisition.stopSources()
      _ = last.acquisition.pipeline.finish()
      writer.finish()
      clock.refresh()
      bootFile.tend(stores.presentDisk, at: SystemClock.boot, isEnd: true)
      stores.finish()
    }
  }
}
