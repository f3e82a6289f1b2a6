package import GatewayCore
package import GatewaySystem
internal import Glibc
internal import Synchronization

/// Simulated devices on real sockets and pseudo terminals, all served by one thread. There from `init` to `stop`.
/// Thread-safe: a command is in force when the call returns.
package final class FieldSimulator: Sendable {
  /// What the loop's thread and the callers share.
  private final class Core: Sendable {
    let poll: EventPoll
    let wake: EventSignal
    let isStopping = Atomic<Bool>(false)
    let engine: Mutex<FieldEngine>

    init(_ description: FieldDescription, recordingPeriod: Duration?) throws(SystemError) {
      poll = try EventPoll()
      wake = try EventSignal()
      engine = Mutex(try FieldEngine(description, recordingPeriod: recordingPeriod))
      poll.add(wake.descriptor, token: FieldEngine.wakeToken)
    }
  }

  /// Where the servers listen, in the order of the description; those on a pty are left out.
  package let addresses: [ListenAddress]
  /// Address or link of each server.
  package let places: [String]
  private let core: Core
  private let thread: Mutex<WorkerThread?>

  /// - Parameter recordingPeriod: notes how far equal requests come from this period.
  package init(_ description: FieldDescription, recordingPeriod: Duration? = nil) throws(SystemError) {
    raiseDescriptorLimit()
    let core = try Core(description, recordingPeriod: recordingPeriod)
    let heard = core.engine.withLock { $0.ports.map(\.address) }
    addresses = heard.compactMap { $0 }
    places = zip(description.servers, heard).map { server, address in
      if case .terminal(let link) = server.port { link } else { address?.description ?? "" }
    }
    try core.engine.withLock { engine throws(SystemError) in try engine.openAll(core.poll) }
    self.core = core
    thread = Mutex(try WorkerThread(name: "sim-field") { Self.run(core) })
  }

  deinit { stop() }

  package var ports: [UInt16] { addresses.map(\.port) }

  package var stats: FieldStats { core.engine.withLock { $0.stats } }

  package func set(_ fault: FieldFault, for term: FaultTerm = .untilCleared) throws(SystemError) {
    try core.engine.withLock { engine throws(SystemError) in
      try engine.add(fault, term, now: SystemClock.boot)
    }
    core.wake.raise()
  }

  package func clearFaults() throws(SystemError) {
    try core.engine.withLock { engine throws(SystemError) in try engine.clearFaults(core.poll) }
    core.wake.raise()
  }

  /// Sets raw words (in a bit table: 0 or 1) at addresses that the description defines; false when it does not.
  @discardableResult
  package func write(
    _ words: [UInt16], at address: UInt16, in table: RegisterTable, server: Int = 0, unit: UInt8
  ) -> Bool {
    core.engine.withLock { $0.write(words, at: address, in: table, server: server, unit: unit) }
  }

  /// How many requests have reached a device so far; nil where none has that unit.
  package func requests(server: Int = 0, unit: UInt8) -> UInt32? {
    core.engine.withLock { $0.ports[server].image(unit: unit)?.requests }
  }

  /// Begins recording afresh, for example when the system under test has settled.
  package func forgetRecording() { core.engine.withLock { $0.forgetRecording() } }

  /// Closes everything; the second call does nothing.
  package func stop() {
    guard let thread = self.thread.withLock({ $0.take() }) else { return }
    core.isStopping.store(true, ordering: .releasing)
    core.wake.raise()
    thread.join()
  }

  private static func run(_ core: Core) {
    WorkerThread.sharpenTimers()
    var events: [EventPoll.Event] = []
    var due = core.engine.withLock { $0.nextDue }
    while !core.isStopping.load(ordering: .acquiring) {
      let timeout = due.map { max(SystemClock.boot.duration(to: $0), .zero) }
      core.poll.wait(into: &events, timeout: timeout)
      if events.contains(where: { $0.token == FieldEngine.wakeToken }) { core.wake.lower() }
      due = core.engine.withLock { engine in
        engine.turn(events, core.poll)
        return engine.nextDue
      }
    }
    core.engine.withLock { $0.closeAll() }
  }
}
