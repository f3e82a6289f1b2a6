internal import GatewayCore
internal import GatewaySystem

/// All simulated devices and their clients; whoever holds the simulator's lock may use it. Answering a request
/// without a fault and without delay allocates nothing.
final class FieldEngine {
  /// Tokens of listening sockets lie above those of connections; the highest is the wake-up's.
  static let wakeToken = UInt64.max
  private static let listenerBit: UInt64 = 1 << 63

  private let servers: [FieldPort]
  /// The places of open connections; a token is place + generation, so that a stale event finds nobody.
  private var connections: [FieldConnection?] = []
  private var freePlaces: [Int] = []
  private var generation: UInt64 = 0
  private var queue = AnswerQueue()
  private var scratch = ByteBuffer(capacity: 512)
  private var faults = FaultSchedule<FieldFault>()
  private var dice: SplitMix
  private(set) var recorder: PeriodRecorder?

  init(_ description: FieldDescription, recordingPeriod: Duration?) throws(SystemError) {
    let start = SystemClock.boot
    dice = SplitMix(seed: description.seed)
    var servers: [FieldPort] = []
    for (index, server) in description.servers.enumerated() {
      let seed = SplitMix.mix(description.seed &+ UInt64(index))
      servers.append(try FieldPort(server, seed: seed, start: start))
    }
    self.servers = servers
    recorder = recordingPeriod.map(PeriodRecorder.init(period:))
  }

  var addresses: [ListenAddress] { servers.map(\.address) }

  var stats: FieldStats {
    var stats = FieldStats(servers: servers.map(\.stats))
    stats.openConnections = connections.count - freePlaces.count
    stats.periodErrors = recorder.map { PeriodErrors($0.errors) }
    return stats
  }

  func startListening(_ poll: borrowing EventPoll) throws(SystemError) {
    for index in servers.indices { try listen(index, poll) }
  }

  private func listen(_ index: Int, _ poll: borrowing EventPoll) throws(SystemError) {
    try servers[index].listen()
    poll.add(servers[index].descriptor, token: Self.listenerBit | UInt64(index))
  }

  // MARK: - Commands

  func add(_ fault: FieldFault, _ term: FaultTerm, now: BootTime) throws(SystemError) {
    guard fault.kind == .refuse else { return faults.add(fault, term, now: now) }
    for index in servers.indices where fault.server ?? index == index {
      try servers[index].refuse(until: term.duration.map(now.advanced(by:)))
      for case .some(let connection) in connections where connection.server == index { close(connection) }
    }
  }

  func clearFaults(_ poll: borrowing EventPoll) throws(SystemError) {
    faults.removeAll()
    for index in servers.indices where servers[index].isRefusing { try listen(index, poll) }
  }

  func write(
    _ words: [UInt16], at address: UInt16, in table: RegisterTable, server: Int, unit: UInt8
  ) -> Bool {
    guard servers.indices.contains(server) else { return false }
    return servers[server].image(unit: unit)?.write(words, at: address, in: table) ?? false
  }

  func closeAll() {
    connections.removeAll()
    freePlaces.removeAll()
    for server in servers { server.close() }
  }

  func forgetRecording() { recorder?.removeAll() }

  // MARK: - The loop's turn

  func turn(_ events: [EventPoll.Event], _ poll: borrowing EventPoll) {
    let now = SystemClock.boot
    for event in events where event.token != Self.wakeToken {
      if event.token & Self.listenerBit != 0 {
        accept(at: Int(event.token & ~Self.listenerBit), poll)
      } else if let connection = connection(event.token) {
        serve(connection, event, now: now, poll)
      }
    }
    while let answer = queue.pop(due: now) {
      guard let connection = connection(answer.token) else { continue }
      connection.output.append(answer.bytes)
      if connection.flush(poll) == .closed { close(connection) }
    }
    for index in servers.indices where servers[index].shouldListenAgain(now: now) {
      // The port is ours all the while; should it fail all the same, it is tried again, but not in a spin.
      do throws(SystemError) { try listen(index, poll) } catch {
        servers[index].postpone(until: now.advanced(by: .seconds(1)))
      }
    }
  }

  /// When the loop must turn without an event; nil: never.
  var nextDue: BootTime? {
    servers.reduce(queue.nextDue) { due, server in
      guard let refusal = server.refusesUntil else { return due }
      return min(due ?? refusal, refusal)
    }
  }

  private func accept(at index: Int, _ poll: borrowing EventPoll) {
    // A stale event of a port that refuses by now finds no listening socket.
    guard !servers[index].isRefusing, let socket = servers[index].accept() else { return }
    let place = freePlaces.popLast() ?? connections.count
    if place == connections.count { connections.append(nil) }
    generation = (generation + 1) & 0x7FFF_FFFF
    let token = generation << 32 | UInt64(place)
    poll.add(socket.number, token: token)
    connections[place] = FieldConnection(socket: socket, server: index, token: token)
    servers[index].stats.connections += 1
  }

  private func connection(_ token: UInt64) -> FieldConnection? {
    let place = Int(token & 0xFFFF_FFFF)
    guard place < connections.count, let found = connections[place], found.token == token else { return nil }
    return found
  }

  private func close(_ connection: FieldConnection) {
    let place = Int(connection.token & 0xFFFF_FFFF)
    connections[place] = nil
    freePlaces.append(place)
  }

  private func serve(
    _ connection: FieldConnection, _ event: EventPoll.Event, now: BootTime, _ poll: borrowing EventPoll
  ) {
    if event.isReadable, !connection.closesWhenSent {
      let progress = connection.receive { answer($0, on: connection, now: now) }
      if progress == .closed { connection.closesWhenSent = true }
    }
    if connection.flush(poll) == .closed { close(connection) }
  }

  private func answer(_ request: UnsafeRawBufferPointer, on connection: FieldConnection, now: BootTime) {
    let unit = request[6]
    let server = connection.server
    servers[server].stats.requests += 1
    if recorder != nil, request.count >= 10 {
      recorder!.note(
        server: server, unit: unit, function: request[7], address: ModbusFrame.word(request, 8), at: now)
    }
    guard let image = servers[server].image(unit: unit) else {
      servers[server].stats.exceptions += 1
      // Gateway target device failed to respond: what a real multi-drop bridge says for a unit that is not there.
      return ModbusFrame.refuse(request, code: 11, into: &connection.output)
    }
    let fault =
      faults.isEmpty ? nil : faults.strike(now: now, dice: &dice) { $0.strikes(server: server, unit: unit) }
    if fault == nil, image.delay == .zero, connection.lastDue <= now {
      let before = connection.output.count
      image.refresh(now: now)
      ModbusFrame.answer(request, from: image, into: &connection.output)
      if isException(connection.output, from: before) { servers[server].stats.exceptions += 1 }
    } else {
      if fault != nil { servers[server].stats.faults += 1 }
      answerSlowly(request, image, fault?.kind, on: connection, now: now)
    }
  }

  private func isException(_ output: borrowing ByteBuffer, from start: Int) -> Bool {
    output.withBytes { $0[start + 7] & 0x80 != 0 }
  }

  /// The way for delays and faults; may allocate.
  private func answerSlowly(
    _ request: UnsafeRawBufferPointer, _ image: DeviceImage, _ kind: FieldFault.Kind?,
    on connection: FieldConnection, now: BootTime
  ) {
    image.refresh(now: now)
    scratch.removeAll()
    if case .exception(let code) = kind {
      ModbusFrame.refuse(request, code: code, into: &scratch)
    } else {
      ModbusFrame.answer(request, from: image, into: &scratch)
    }
    var bytes = scratch.copyBytes()
    var delay = image.delay
    switch kind {
    case nil, .exception, .refuse: break
    case .delay(let extra): delay += extra
    case .late(let extra):
      return queue.push(bytes, to: connection.token, due: now.advanced(by: delay + extra))
    case .silent: return
    case .close, .short:
      if kind == .short { connection.output.append(Array(bytes.prefix(bytes.count / 2))) }
      connection.closesWhenSent = true
      return
    case .garbage: bytes = (0..<(8 + dice.next() % 64)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
    case .wrongTransaction: bytes[1] ^= 0x55
    case .wrongUnit: bytes[6] ^= 0x55
    case .wrongFunction: bytes[7] = bytes[7] == 3 ? 4 : 3
    }
    let due = max(now.advanced(by: delay), connection.lastDue)
    if due <= now { return connection.output.append(bytes) }
    connection.lastDue = due
    queue.push(bytes, to: connection.token, due: due)
  }
}
