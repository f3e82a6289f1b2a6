// The control socket: one thread, one poll(2), a few clients. Promises: no client can keep the others waiting,
// make the daemon's memory grow, or reach the thread that measures; the socket's file goes when it stops.
internal import GatewayCore
package import GatewaySystem
internal import Glibc
internal import Synchronization

/// Serves `org.citygateway` on a Unix socket until stopped. Started and stopped by its owner's thread.
package final class VarlinkServer: Sendable {
  /// What clients may cost (reference: a hostile local user on the control socket).
  package struct Limits: Sendable {
    package var clients = 8
    package var messageBytes = 64 << 10
    /// For the rest of a message that has begun, and for reading a reply.
    package var patience = Duration.seconds(5)
    /// How often subscribers get what is new.
    package var watchInterval = Duration.milliseconds(500)

    package init() {}
  }

  /// Raised to stop.
  private let signal: EventSignal
  /// nil once stopped.
  private let thread: Mutex<WorkerThread?>

  /// Listens at `path` and serves; see `UnixListener` for what it throws. `heartbeat` beats at least every 5 s.
  package init(
    path: String, delegate: any ControlDelegate, heartbeat: Heartbeat? = nil, limits: Limits = Limits()
  ) throws(SystemError) {
    let listener = try UnixListener(path: path)
    let signal = try EventSignal()
    self.signal = signal
    thread = Mutex(
      try WorkerThread(name: "control") {
        var loop = ControlLoop(
          listener: listener,
          service: ControlService(delegate: delegate, watchInterval: limits.watchInterval), limits: limits)
        repeat { heartbeat?.beat() } while loop.turn(until: signal)
      })
  }

  /// Closes every connection and removes the socket. Blocks for the call that is being answered.
  package func stop() {
    signal.raise()
    let running = thread.withLock { $0.take() }
    running?.join()
  }
}

/// The state of the control thread.
private struct ControlLoop {
  private let listener: UnixListener
  private let service: ControlService
  private let limits: VarlinkServer.Limits
  private var connections: [VarlinkConnection] = []
  /// No client is accepted before: there was no descriptor for it.
  private var acceptsFrom: BootTime
  /// Given up to turn a client away when no other is left.
  private let spare = SpareDescriptor()

  init(listener: UnixListener, service: ControlService, limits: VarlinkServer.Limits) {
    self.listener = listener
    self.service = service
    self.limits = limits
    acceptsFrom = SystemClock.boot
  }

  /// Waits for something to do and does it; false when `stop` was raised.
  mutating func turn(until stop: EventSignal) -> Bool {
    var entries = [pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0)]
    let isAccepting = acceptsFrom <= SystemClock.boot
    entries.append(pollfd(fd: isAccepting ? listener.descriptor : -1, events: Int16(POLLIN), revents: 0))
    for connection in connections {
      entries.append(pollfd(fd: connection.descriptor, events: connection.events, revents: 0))
    }
    _ = poll(&entries, nfds_t(entries.count), timeout.millisecondsRoundedUp)
    if entries[0].revents != 0 { return false }
    let now = SystemClock.boot
    for (connection, entry) in zip(connections, entries[2...]) {
      if entry.revents != 0 || connection.isReady {
        connection.turn(entry.revents, now: now, service: service)
      }
      connection.look(now: now)
      connection.giveUpIfLate(now: now)
    }
    connections.removeAll(where: \.isFinished)
    if entries[1].revents != 0 { accept(now) }
    return true
  }

  private var timeout: Duration {
    if connections.contains(where: \.isReady) { return .zero }
    let now = SystemClock.boot
    // The heartbeat's period, when nothing else comes earlier.
    var next = now.advanced(by: .seconds(5))
    for connection in connections {
      for case .some(let time) in [connection.deadline, connection.nextLook] { next = min(next, time) }
    }
    if acceptsFrom > now { next = min(next, acceptsFrom) }
    return max(now.duration(to: next), .zero)
  }

  private mutating func accept(_ now: BootTime) {
    do throws(SystemError) {
      guard let socket = try listener.accept() else { return }
      guard connections.count < limits.clients else { return refuse(socket) }
      let mayChange = PeerCredentials(of: socket).map(mayChange) ?? false
      connections.append(VarlinkConnection(socket, mayChange: mayChange, limits: limits))
    } catch {
      // No descriptor is free. The client would wait in the backlog, and poll would report it without end.
      JournalLog.write(.error, kind: "control", "\(error): a client is turned away")
      if !listener.turnAway(giving: spare) { acceptsFrom = now.advanced(by: .seconds(1)) }
    }
  }

  /// Answers the call that the client is about to send, as far as the socket takes it, and hangs up.
  private func refuse(_ socket: borrowing FileDescriptor) {
    let answer = ControlMessage.error(
      "\(ControlInterface.name).TooManyClients", ["limit": .signed(Int64(limits.clients))])
    _ = answer.withUnsafeBytes { socket.send($0) }
  }

  private func mayChange(_ peer: PeerCredentials) -> Bool {
    peer.user == 0 || peer.user == PeerCredentials.ownUser || peer.isMember(of: listener.group)
  }
}
