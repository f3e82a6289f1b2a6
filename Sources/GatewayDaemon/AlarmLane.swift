internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem
internal import GatewayUplink
internal import Synchronization

/// The lane of alarms: a store of their own with a writer and uplinks of its own, so that no row stands before an alarm,
/// neither on its way to the disk nor to a platform, nor takes its room. Each commit says behind its rows which alarms
/// are raised; a start reads that from the newest one, so that each is raised and cleared once.
///
/// There is one where the configuration has alarms, or where an earlier one had. Outlives a reload.
final class AlarmLane: Sendable {
  private struct Shown {
    var config: GatewayConfig
    var reports: [AlarmReport] = []
    var raised: [RaisedAlarm] = []
  }

  let stores: Stores
  let queue: CommitQueue
  let past: LatePast<[RaisedAlarm]>
  let heartbeat = Heartbeat(name: "alarm store")
  private let writer: StoreWriter
  private let clock: ClockState
  private let shown: Mutex<Shown>

  /// nil where there are no alarms and never were.
  static func make(
    _ options: DaemonOptions, _ config: GatewayConfig, secrets: Depot.Secrets, clock: ClockState,
    wake: EventSignal
  ) throws(StartFailure) -> AlarmLane? {
    guard config.hasAlarms || options.hasAlarmStore else { return nil }
    return try AlarmLane(options, config, secrets: secrets, clock: clock, wake: wake)
  }

  private init(
    _ options: DaemonOptions, _ config: GatewayConfig, secrets: Depot.Secrets, clock: ClockState,
    wake: EventSignal
  ) throws(StartFailure) {
    let (boot, clocks) = (clock.boot, clock.boots)
    let past = LatePast<[RaisedAlarm]>()
    let shown = LaneConfig(config)
    let takeUp: Stores.TakeUp = { store in
      var raised = [RaisedAlarm](takenFrom: store)
      let closing = Self.clearing(&raised, for: shown.config, clock.quality(of: SystemClock.moment))
      return (closing, { [raised] in past.found(raised) })
    }
    stores = try Stores(
      config.ofAlarms, boot: boot, clocks: clocks, secrets: secrets, totals: PulseTotals(),
      memoryCapacity: AlarmLane.memoryCapacity, openDisk: options.alarmOpener(boot: boot, clocks: clocks),
      takeUp: takeUp)
    do throws(SystemError) {
      queue = try CommitQueue(drained: wake)
      writer = try StoreWriter(stores: stores, queue: queue, heartbeat: heartbeat, clock: clock)
    } catch {
      throw .system(error)
    }
    (self.past, self.clock, laneConfig) = (past, clock, shown)
    self.shown = Mutex(Shown(config: config))
  }

  private static let memoryCapacity = 1 << 20
  private let laneConfig: LaneConfig

  /// Takes up what the disk says is raised, and starts the writer and the uplinks.
  func start() throws(SystemError) {
    if let (store, isDisk) = stores.shown, isDisk {
      let raised = [RaisedAlarm](takenFrom: store)
      past.begin()
      shown.withLock { $0.raised = raised }
    }
    goOver(to: laneConfig.config)
    try stores.start()
    try writer.start()
  }

  /// While nothing acquires: clears what is raised and is not in the configuration any more.
  func goOver(to config: GatewayConfig) {
    laneConfig.config = config
    let clearing = shown.withLock { shown -> PendingCommit? in
      shown.config = config
      let clearing = Self.clearing(
        &shown.raised, for: config, clock.quality(of: SystemClock.moment), knowsPast: past.isKnown)
      shown.reports =
        AlarmRoll(
          config.alarms, raised: shown.raised, before: shown.reports, at: SystemClock.boot
        ).reports
      return clearing
    }
    if let clearing { queue.push(clearing) }
  }

  /// nil where nothing is gone. Removes from `raised` what is.
  private static func clearing(
    _ raised: inout [RaisedAlarm], for config: GatewayConfig, _ timeQuality: TimeQuality,
    knowsPast: Bool = true
  ) -> PendingCommit? {
    let gone = raised.gone(from: config.alarms)
    guard !gone.isEmpty else { return nil }
    raised.remove(gone)
    let now = SystemClock.moment
    var clearing = AlarmClearing(gone, others: raised, at: now, timeQuality)
    let (count, catalogue) = (clearing.rows.rowCount, clearing.catalogue)
    return PendingCommit(
      payload: clearing.rows.takeBytes(reserving: 64), raised: raised, rowCount: count, catalogue: catalogue,
      time: now.time, beginsPipeline: true, knowsPast: knowsPast)
  }

  /// The pipeline's hand on the lane, for the configuration that it went over to.
  func makeDesk() -> AlarmDesk {
    let shown = shown.withLock { $0 }
    return AlarmDesk(self, shown.config.alarms, raised: shown.raised, before: shown.reports)
  }

  /// By the pipeline's thread, when something changed.
  func show(_ reports: [AlarmReport], _ raised: [RaisedAlarm]) {
    shown.withLock { ($0.reports, $0.raised) = (reports, raised) }
  }

  var reports: [AlarmReport] { shown.withLock { $0.reports } }
  func timeQuality(of moment: Moment) -> TimeQuality { clock.quality(of: moment) }
  var fault: String? { stores.fault ?? writer.fault }

  /// Of all of its stores; nil before there is one.
  var report: StoreReport.Alarms? {
    guard let (store, _) = stores.shown else { return nil }
    let usage = store.usage
    return StoreReport.Alarms(
      capacity: usage.capacity, used: usage.used, queued: stores.summary.books.queued, oldest: usage.oldest)
  }

  /// Call when the pipeline has ended.
  func finish(by deadline: BootTime) {
    writer.finish()
    stores.finish(by: deadline)
  }
}

/// The configuration that a disk which appears late is held against.
private final class LaneConfig: Sendable {
  private let current: Mutex<GatewayConfig>

  init(_ config: GatewayConfig) { current = Mutex(config) }

  var config: GatewayConfig {
    get { current.withLock { $0 } }
    set { current.withLock { $0 = newValue } }
  }
}

extension [RaisedAlarm] {
  /// What the newest commit of a store of alarms says.
  init(takenFrom store: DurableStore) {
    var raised: [RaisedAlarm] = []
    store.replayNewest { AlarmStateCodec.replay($0, $1, into: &raised) }
    self = raised
  }
}

extension GatewayConfig {
  /// What the stores of alarms go by: everything leaves at once and in its order, nothing is thinned or grows too old.
  var ofAlarms: GatewayConfig {
    var config = self
    config.store = StoreConfig(capacity: 4 << 20, commit: store.commit, retain: nil, evict: .oldest)
    config.destinations = destinations.map(\.ofAlarms)
    return config
  }
}

extension DestinationConfig {
  /// A platform that is back after an outage is found within this time.
  private static let longestRetry = Duration.seconds(30)

  fileprivate var ofAlarms: DestinationConfig {
    var own = self
    (own.linger, own.backfill, own.backlog) = (.zero, nil, .oldest)
    own.retryMaximum = min(retryMaximum, Self.longestRetry)
    own.retryInitial = min(retryInitial, own.retryMaximum)
    // An Alert is what it is now; there is no series of values.
    if case .ngsi(var ngsi) = format {
      ngsi.history = .upsert
      own.format = .ngsi(ngsi)
    }
    return own
  }
}

extension DaemonOptions {
  var secrets: Depot.Secrets {
    Depot.Secrets(
      credentialsDirectory: credentialsDirectory, configDirectory: configDirectory,
      stateDirectory: stateDirectory)
  }
}
