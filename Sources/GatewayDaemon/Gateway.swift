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
/// Start: store, its writer, the forwarders, the sources with their pipeline, the control socket. Stop: control
/// socket, sources, pipeline, writer, forwarders, store; so whatever was acquired is stored before the store
/// closes, and nobody reloads behind the end. The main thread starts and stops; `status` and the commands may
/// be called from any thread.
package final class Gateway: Sendable {
  private struct Uplink: Sendable {
    var name: String
    var forwarder: Forwarder
    var heartbeat: Heartbeat
  }

  private struct Running: Sendable {
    var config: GatewayConfig
    var acquisition: Acquisition
    var uplinks: [Uplink]
    var notes: [String] = []
    /// Why the configuration is not the file's.
    var remark: String?
  }

  private let options: DaemonOptions
  private let store: DurableStore
  private let queue: CommitQueue
  private let writer: StoreWriter
  private let wake: EventSignal
  private let clock: ClockState
  private let totals = PulseTotals()
  private let parking = GPIOParking()
  private let startedAt = SystemClock.boot
  /// Rows that earlier runs lost; they were told of then.
  private let evictedBefore: UInt64
  private let writerHeartbeat = Heartbeat(name: "store")
  private let controlHeartbeat = Heartbeat(name: "control")
  private let flash: FlashWatch
  /// Where rows are carried out by hand.
  let carryDesk = CarryDesk()
  private let running: Mutex<Running>
  private let reloading = Mutex(())
  private let control = Mutex<VarlinkServer?>(nil)

  /// Opens the store, takes up what it knows, and starts everything but the control socket. `remark`: why `config` is
  /// not what the file says.
  package init(options: DaemonOptions, config: GatewayConfig, remark: String? = nil) throws(StartFailure) {
    self.options = options
    let boot = SystemClock.bootID ?? BootID(high: 0, low: 0)
    do throws(SystemError) { try makeDirectory(options.stateDirectory) } catch {
      throw .store(.unusable("\(error); --state names another"))
    }
    do throws(StoreError) {
      store = try DurableStore.open(
        directory: options.stateDirectory, capacity: config.store.capacity,
        destinations: config.destinations.map(\.name), boot: boot,
        mark: Self.mark(beside: options.socketPath))
    } catch {
      throw .store(error)
    }
    flash = FlashWatch(directory: options.stateDirectory, sysfs: options.sysfs)
    do throws(SystemError) {
      evictedBefore = store.overallBooks.evicted
      for note in store.notes { JournalLog.line(.warning, "store: \(note)") }
      wake = try EventSignal()
      clock = ClockState()
      queue = try CommitQueue(drained: wake)
      writer = try StoreWriter(store: store, queue: queue, heartbeat: writerHeartbeat)
      let acquisition = try Acquisition(
        config: config, wake: wake, clock: clock, totals: totals, parking: parking)
      store.remember(acquisition.catalogue)
      let remainder = Self.takeUp(store, queue: queue, catalogue: acquisition.catalogue)
      totals.takeUp(remainder.state)
      let uplinks = try Self.uplinks(config, options, store)
      running = Mutex(Running(config: config, acquisition: acquisition, uplinks: uplinks, remark: remark))
      writer.retain(config.store.retain)
      store.evict(by: config.store.evict)
      try writer.start()
      for uplink in uplinks { try uplink.forwarder.start() }
      try acquisition.start(from: remainder, commitInterval: config.store.commit, queue: queue)
    } catch {
      throw .system(error)
    }
  }

  /// In the runtime directory, which a power cut empties. Without it the store draws a new stream after a kill.
  private static func mark(beside socketPath: String) -> StoredMark {
    do throws(SystemError) { return try StoredMark(path: socketPath + ".stored") } catch {
      JournalLog.line(.warning, "\(error); after a crash rows are numbered under a new stream")
      return StoredMark()
    }
  }

  /// What the newest segment says was open when the last run ended.
  private static func takeUp(
    _ store: DurableStore, queue: CommitQueue, catalogue: Catalogue
  ) -> Pipeline.Remainder {
    var replay = PipelineReplay()
    store.replayNewest { commit, catalogue in replay.apply(commit, catalogue: catalogue) }
    var remainder = Pipeline.Remainder(state: replay.state, nextSeq: store.storedThrough + 1)
    if let commit = remainder.closeLeftovers(of: catalogue, at: SystemClock.time) { queue.push(commit) }
    return remainder
  }

  private static func uplinks(
    _ config: GatewayConfig, _ options: DaemonOptions, _ store: DurableStore
  ) throws(SystemError) -> [Uplink] {
    var uplinks: [Uplink] = []
    for destination in config.destinations {
      let heartbeat = Heartbeat(name: "destination \(destination.name)")
      let forwarder = try Forwarder(
        destination: destination, gateway: config.id, queue: store.queue(for: destination.name),
        credentialsDirectory: options.credentialsDirectory, configDirectory: options.configDirectory,
        heartbeat: heartbeat)
      uplinks.append(Uplink(name: destination.name, forwarder: forwarder, heartbeat: heartbeat))
    }
    return uplinks
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
    flash.look(at: store)
    acquisition.pipeline.spaceCommits(by: flash.leastCommitInterval)
  }

  package var storeReport: StoreReport {
    flash.report(of: store, running.withLock { $0.config.store }, fault: writer.fault)
  }

  var id: String { running.withLock { $0.config.id } }

  /// For whom rows are kept.
  var queues: [(name: String, queue: any DeliveryQueue)] {
    let names = running.withLock { $0.config.destinations.map(\.name) }
    return (names.isEmpty ? [DeliveryLedger.nobody] : names).map { ($0, store.queue(for: $0)) }
  }

  /// Every worker's sign of life, for the watchdog.
  package var heartbeats: [Heartbeat] {
    running.withLock { [writerHeartbeat] + $0.acquisition.heartbeats + $0.uplinks.map(\.heartbeat) }
  }

  package var status: StatusSnapshot {
    let running = running.withLock { $0 }
    let books = store.overallBooks
    let acquired = running.acquisition.pipeline.currentBooks
    var accounting = StatusSnapshot.Accounting()
    (accounting.acquired, accounting.ringDropped) = (acquired.acquired, acquired.ringDropped)
    (accounting.stored, accounting.delivered, accounting.queued) = (
      books.stored, books.delivered, books.queued
    )
    (accounting.evicted, accounting.damaged) = (books.evicted, books.damaged)
    (accounting.quarantined, accounting.thinned) = (books.quarantined, books.thinned)
    accounting.pending = UInt64(queue.rowCount)
    let usage = store.usage
    return StatusBoard.snapshot(
      StatusBoard.Inputs(
        config: running.config, startedAt: startedAt, acquisition: running.acquisition,
        store: StatusSnapshot.Store(
          capacity: usage.capacity, used: usage.used, oldest: usage.oldest, commits: usage.commits,
          bytesWritten: usage.bytesWritten, fault: writer.fault ?? usage.fault),
        accounting: accounting, lostSinceStart: books.evicted - min(evictedBefore, books.evicted),
        destinations: running.uplinks.compactMap(destination), flash: flash.life,
        notes: (running.remark.map { [$0] } ?? []) + running.notes))
  }

  private func destination(_ uplink: Uplink) -> StatusSnapshot.Destination? {
    guard let books = store.books(of: uplink.name) else { return nil }
    let status = uplink.forwarder.status
    return StatusSnapshot.Destination(
      name: uplink.name, state: status.state, stored: books.stored, delivered: books.delivered,
      queued: books.queued, evicted: books.evicted, quarantined: books.quarantined,
      lastSuccess: status.lastSuccess, lastError: status.lastError, retryIn: status.retryIn)
  }

  /// What acquires at present; a reload replaces it.
  var acquisition: Acquisition { running.withLock { $0.acquisition } }

  package var liveValues: [StatusSnapshot.Point] { acquisition.pipeline.live.snapshot }

  /// Asks every forwarder to send now; returns the rows that are queued.
  package func flush() -> UInt64 {
    for uplink in running.withLock({ $0.uplinks }) { uplink.forwarder.flush() }
    return store.overallBooks.queued
  }

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
    let uplinks = try Self.uplinks(config, options, store)
    before.acquisition.stopSources()
    parking.release(except: next.chips)
    guard var remainder = before.acquisition.pipeline.finish() else { return }
    if let commit = remainder.closeLeftovers(of: next.catalogue, at: SystemClock.time) { queue.push(commit) }
    for uplink in before.uplinks { uplink.forwarder.requestStop() }
    for uplink in before.uplinks { uplink.forwarder.join() }
    writer.retain(config.store.retain)
    store.evict(by: config.store.evict)
    try store.setDestinations(config.destinations.map(\.name))
    for uplink in uplinks { try uplink.forwarder.start() }
    try next.start(from: remainder, commitInterval: config.store.commit, queue: queue)
    var notes: [String] = []
    if config.store.capacity != before.config.store.capacity {
      notes.append("store: the new capacity is used from the next start")
    }
    running.withLock {
      $0 = Running(config: config, acquisition: next, uplinks: uplinks, notes: notes)
    }
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
      for uplink in last.uplinks { uplink.forwarder.requestStop() }
      last.acquisition.stopSources()
      _ = last.acquisition.pipeline.finish()
      writer.finish()
      for uplink in last.uplinks { uplink.forwarder.join() }
      do throws(StoreError) { try store.close() } catch { JournalLog.line(.error, "\(error)") }
    }
  }
}
