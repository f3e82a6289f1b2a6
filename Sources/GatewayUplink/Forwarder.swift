package import GatewayCore
package import GatewaySystem
internal import Synchronization

/// Delivers one destination's rows, on a thread of its own: takes batches from the outbox, carries them with the
/// transport, and settles what was accepted. Relies on the queue for durability: nothing is lost when it is
/// stopped, or killed, at any instant. All of its functions may be called from any thread.
package final class Forwarder: Sendable {
  /// How the deliveries go, for `gatewayctl status`.
  package struct Status: Equatable, Sendable {
    /// ok; warning: the platform is away or busy; critical: only a person can mend it.
    package var state: StatusSnapshot.State = .ok
    package var lastSuccess: Timestamp?
    /// The last failure in one sentence, kept after recovery; nil while there was none.
    package var lastError: String?
    /// Seconds until the next attempt; nil when none is being waited for.
    package var retryIn: Double?
    /// The certificate that ends first, as far as they were seen.
    package var certificateEnd: CertificateEnd?

    package init() {}
  }

  /// A watchdog may ask for a beat every five seconds.
  private static let longestWait = Duration.seconds(4)

  private let destination: DestinationConfig
  private let gateway: String
  private let queue: any DeliveryQueue
  private let quarantine: any Quarantine
  private let files: SecretFiles
  private let stateDirectory: String?
  private let lastKnownTime: Timestamp?
  private let heartbeat: Heartbeat
  private let recovery: Recovery
  private let wake: EventSignal
  private let isStopping = Atomic<Bool>(false)
  private let isFlushing = Atomic<Bool>(false)
  private let current = Mutex((status: Status(), retryTime: BootTime?.none))
  private let thread = Mutex<WorkerThread?>(nil)

  /// `stateDirectory`: where formats keep what they know of a platform. `lastKnownTime`: it is later than this for
  /// certain. `recovery`: shared by the forwarders of a destination.
  package init(
    destination: DestinationConfig, gateway: String, queue: any DeliveryQueue, quarantine: any Quarantine,
    credentialsDirectory: String?, configDirectory: String, heartbeat: Heartbeat,
    stateDirectory: String? = nil, lastKnownTime: Timestamp? = nil, recovery: Recovery = Recovery()
  ) throws(SystemError) {
    self.destination = destination
    self.gateway = gateway
    self.queue = queue
    self.quarantine = quarantine
    files = SecretFiles(credentialsDirectory: credentialsDirectory, configDirectory: configDirectory)
    self.heartbeat = heartbeat
    self.recovery = recovery
    self.stateDirectory = stateDirectory
    self.lastKnownTime = lastKnownTime
    wake = try EventSignal()
  }

  /// Begins to deliver. Called once.
  package func start() throws(SystemError) {
    queue.onStored { [wake] in wake.raise() }
    let stored = queue.storedThrough
    var worker: WorkerThread? = try WorkerThread(name: "up-\(destination.name)") { [self] in
      let transport = CurlTransport(destination, files: files, wake: wake, lastKnownTime: lastKnownTime)
      run(over: transport, stored: stored)
    }
    thread.withLock { swap(&$0, &worker) }
  }

  /// Sends everything that is stored now without lingering, and ends a wait after a failure.
  package func flush() {
    isFlushing.store(true, ordering: .releasing)
    wake.raise()
  }

  /// Stops within a second; a batch in flight is dropped and its rows stay queued.
  package func requestStop() {
    isStopping.store(true, ordering: .releasing)
    wake.raise()
  }

  package func join() {
    if let worker = thread.withLock({ $0.take() }) { worker.join() }
  }

  package var status: Status {
    current.withLock { current in
      var status = current.status
      status.retryIn = current.retryTime.map { max(SystemClock.boot.duration(to: $0).seconds, 0) }
      return status
    }
  }

  // MARK: - The thread

  /// `stored`: the last row that an earlier run may have sent.
  private func run(over transport: some Transport, stored: UInt64) {
    // Ten thousand cabinets wait ten thousand different times.
    var dice = SplitMix(name: "\(gateway) \(destination.name)")
    var outbox = Outbox(
      destination, gateway: gateway, queue: queue, quarantine: quarantine, stateDirectory: stateDirectory,
      startPhase: dice.unit())
    let courier = Courier(transport, stored: stored)
    var watch = RecoveryWatch(recovery)
    recovery.join(wake)
    defer { recovery.leave(wake) }
    note(transport.certificateEnd)
    while !isStopping.load(ordering: .acquiring) {
      heartbeat.beat()
      let now = SystemClock.boot
      var mustPost = outbox.advance(at: now, hasRecovered: watch.hasNews(in: outbox.phase))
      if isFlushing.exchange(false, ordering: .acquiring), outbox.flush(at: now) { mustPost = true }
      if mustPost { outbox.withBatch { courier.begin($0) } }
      note(outbox.phase)
      guard let outcome = courier.turn(timeout: wait(outbox.wakeTime)) else { continue }
      note(transport.certificateEnd)
      if outbox.withBatch({ courier.goOn(in: $0, after: outcome, at: destination) }) { continue }
      let end = outbox.finish(outcome, at: SystemClock.boot, random: dice.unit())
      courier.learn(end.verdict, after: outcome)
      watch.note(end.verdict, after: outcome)
      if end.mustPost { outbox.withBatch { courier.begin($0) } }
      note(end.verdict, isBacklogHeld: outbox.isBacklogHeld)
    }
    courier.cancel()
  }

  private func wait(_ wakeTime: BootTime?) -> Duration {
    guard let wakeTime else { return Self.longestWait }
    return min(max(SystemClock.boot.duration(to: wakeTime), .zero), Self.longestWait)
  }

  // MARK: - The status

  private func note(_ phase: ForwarderState.Phase) {
    var retryTime: BootTime?
    if case .waiting(let until) = phase { retryTime = until }
    current.withLock { $0.retryTime = retryTime }
  }

  private func note(_ certificateEnd: CertificateEnd?) {
    current.withLock { $0.status.certificateEnd = certificateEnd }
  }

  private func note(_ verdict: DeliveryVerdict, isBacklogHeld: Bool) {
    current.withLock { current in
      switch verdict {
      case .accepted:
        current.status.state = isBacklogHeld ? .critical : .ok
        current.status.lastSuccess = SystemClock.time
      case .keep(let trouble, let cause, _):
        current.status.state = trouble == .misconfigured ? .critical : .warning
        current.status.lastError = "cannot deliver to \"\(destination.name)\": \(cause)"
      case .partly([], _, let cause):
        current.status.state = .warning
        current.status.lastError = "\"\(destination.name)\" took a part of a batch: \(cause)"
      case .partly(_, _, let cause), .refused(let cause):
        current.status.state = .warning
        current.status.lastError = "\"\(destination.name)\" refuses a row: \(cause)"
      case .tooLarge:
        current.status.state = .warning
        current.status.lastError =
          "cannot deliver to \"\(destination.name)\": status 413, the batch is too large"
      }
    }
  }
}
