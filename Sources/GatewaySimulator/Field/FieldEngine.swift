internal import GatewayCore
internal import GatewaySystem

/// All simulated devices and their masters; whoever holds the simulator's lock may use it. Answering a request over TCP
/// without a fault and without delay allocates nothing.
final class FieldEngine {
  /// Tokens of listening sockets lie above those of channels; the highest is the wake-up's.
  static let wakeToken = UInt64.max
  private static let listenerBit: UInt64 = 1 << 63
  /// How often a babbling port gets more to say.
  private static let babblePeriod = Duration.milliseconds(5)

  let ports: [FieldPort]
  /// The places of open channels; a token is place + generation, so that a stale event finds nobody.
  private var channels: [FieldChannel?] = []
  private var freePlaces: [Int] = []
  private var generation: UInt64 = 0
  /// Those of the channels whose bytes take time or have no header.
  private var lines: [FieldChannel] = []
  private var nextBabble: BootTime?
  var queue = AnswerQueue()
  var scratch = ByteBuffer(capacity: 512)
  var faults = FaultSchedule<FieldFault>()
  var dice: SplitMix
  /// Counts foreign frames.
  var foreignTurn = 0
  var recorder: PeriodRecorder?

  init(_ description: FieldDescription, recordingPeriod: Duration?) throws(SystemError) {
    let start = SystemClock.boot
    dice = SplitMix(seed: description.seed)
    var ports: [FieldPort] = []
    for (index, server) in description.servers.enumerated() {
      let seed = SplitMix.mix(description.seed &+ UInt64(index))
      ports.append(try FieldPort(server, seed: seed, start: start))
    }
    self.ports = ports
    recorder = recordingPeriod.map(PeriodRecorder.init(period:))
  }

  var stats: FieldStats {
    var stats = FieldStats(servers: ports.map(\.stats))
    stats.openConnections = channels.count - freePlaces.count
    stats.periodErrors = recorder.map(\.result)
    return stats
  }

  func openAll(_ poll: borrowing EventPoll) throws(SystemError) {
    for index in ports.indices { try open(index, poll) }
  }

  private func open(_ index: Int, _ poll: borrowing EventPoll) throws(SystemError) {
    switch try ports[index].open() {
    case .listening(let descriptor): poll.add(descriptor, token: Self.listenerBit | UInt64(index))
    case .line(let descriptor): add(descriptor, to: index, poll)
    }
  }

  // MARK: - Commands

  func add(_ fault: FieldFault, _ term: FaultTerm, now: BootTime) throws(SystemError) {
    let until = term.duration.map(now.advanced(by:))
    switch fault.kind {
    case .unplug:
      for index in ports.indices where fault.server ?? index == index {
        try ports[index].goAway(until: until)
        for case .some(let channel) in channels where channel.server == index { close(channel) }
      }
    case .babble:
      for index in ports.indices where fault.server ?? index == index {
        ports[index].babble(until: until ?? BootTime(microseconds: .max))
      }
      nextBabble = now
    default: faults.add(fault, term, now: now)
    }
  }

  func clearFaults(_ poll: borrowing EventPoll) throws(SystemError) {
    faults.removeAll()
    for port in ports { port.endBabbling() }
    for index in ports.indices where ports[index].isAway { try open(index, poll) }
  }

  func write(
    _ words: [UInt16], at address: UInt16, in table: RegisterTable, server: Int, unit: UInt8
  ) -> Bool {
    guard ports.indices.contains(server) else { return false }
    return ports[server].image(unit: unit)?.write(words, at: address, in: table) ?? false
  }

  func closeAll() {
    channels.removeAll()
    freePlaces.removeAll()
    lines.removeAll()
    for port in ports { port.close() }
  }

  func forgetRecording() { recorder?.removeAll() }

  // MARK: - The loop's turn

  func turn(_ events: [EventPoll.Event], _ poll: borrowing EventPoll) {
    let now = SystemClock.boot
    for event in events where event.token != Self.wakeToken {
      if event.token & Self.listenerBit != 0 {
        let index = Int(event.token & ~Self.listenerBit)
        // A stale event of a port that is away by now finds no listening socket.
        if let socket = ports[index].accept() { add(socket, to: index, poll) }
      } else if let channel = channel(event.token) {
        serve(channel, event, now: now, poll)
      }
    }
    while let answer = queue.pop(due: now) {
      guard let channel = channel(answer.token) else { continue }
      pass(answer.bytes, to: channel, due: answer.due)
      finish(channel, poll)
    }
    speak(now: now)
    babble(now: now, poll)
    for line in lines { turn(line, now: now, poll) }
    for index in ports.indices where ports[index].shouldComeBack(now: now) {
      // The port is ours all the while; should it fail all the same, it is tried again, but not in a spin.
      do throws(SystemError) { try open(index, poll) } catch {
        ports[index].postpone(until: now.advanced(by: .seconds(1)))
      }
    }
  }

  /// When the loop must turn without an event; nil: never.
  var nextDue: BootTime? {
    var due = [queue.nextDue, nextBabble].compactMap { $0 }.min()
    for port in ports {
      for some in [port.awayUntil, port.speaker?.nextDue] { due = Self.earlier(due, some) }
    }
    for line in lines { due = Self.earlier(due, line.line?.nextDue) }
    return due
  }

  private static func earlier(_ one: BootTime?, _ other: BootTime?) -> BootTime? {
    guard let one, let other else { return one ?? other }
    return min(one, other)
  }

  private func add(_ descriptor: consuming FileDescriptor, to index: Int, _ poll: borrowing EventPoll) {
    let port = ports[index]
    let place = freePlaces.popLast() ?? channels.count
    if place == channels.count { channels.append(nil) }
    generation = (generation + 1) & 0x7FFF_FFFF
    let token = generation << 32 | UInt64(place)
    poll.add(descriptor.number, token: token)
    let line =
      port.framing == .tcp ? nil : LineClock(pace: port.pace, wantsSilence: port.framing == .rtu)
    let channel = FieldChannel(
      descriptor, server: index, token: token, line: line, isTerminal: port.address == nil)
    channels[place] = channel
    if line != nil { lines.append(channel) }
    port.stats.connections += 1
  }

  private func channel(_ token: UInt64) -> FieldChannel? {
    let place = Int(token & 0xFFFF_FFFF)
    guard place < channels.count, let found = channels[place], found.token == token else { return nil }
    return found
  }

  private func close(_ channel: FieldChannel) {
    let place = Int(channel.token & 0xFFFF_FFFF)
    channels[place] = nil
    freePlaces.append(place)
    lines.removeAll { $0 === channel }
  }

  /// Sends what a channel has to send; one that has ended goes.
  private func finish(_ channel: FieldChannel, _ poll: borrowing EventPoll) {
    if channel.flush(poll) == .closed { close(channel) }
  }

  private func serve(
    _ channel: FieldChannel, _ event: EventPoll.Event, now: BootTime, _ poll: borrowing EventPoll
  ) {
    if event.isReadable, !channel.closesWhenSent {
      let progress =
        channel.line == nil
        ? channel.receiveFrames { answer($0, on: channel, at: now, now: now) } : listen(to: channel, now: now)
      if progress == .closed { channel.closesWhenSent = true }
    }
    finish(channel, poll)
  }

  private func turn(_ line: FieldChannel, now: BootTime, _ poll: borrowing EventPoll) {
    answerFrames(of: line, now: now)
    let bytes = line.line!.takeOutput(now: now, &ports[line.server].stats.line)
    if !bytes.isEmpty { line.output.append(bytes) }
    if line.output.count > 0 || line.closesWhenSent { finish(line, poll) }
  }

  /// What plain devices say by themselves.
  private func speak(now: BootTime) {
    for (index, port) in ports.enumerated() {
      guard let due = port.speaker?.nextDue, due <= now else { continue }
      var said: [(bytes: [UInt8], time: BootTime)] = []
      port.speaker!.said(by: now) { bytes, time in said.append((bytes, time)) }
      for line in lines where line.server == index {
        for (bytes, time) in said { say(bytes, on: line, due: time, now: now) }
      }
    }
  }

  private func babble(now: BootTime, _ poll: borrowing EventPoll) {
    guard let due = nextBabble, due <= now else { return }
    nextBabble = ports.contains { $0.isBabbling(now: now) } ? now.advanced(by: Self.babblePeriod) : nil
    for case .some(let channel) in channels where ports[channel.server].isBabbling(now: now) {
      // A line never falls silent: it always has twice as much to say as fits until the next turn.
      let count = max(64, ports[channel.server].pace?.characters(in: Self.babblePeriod * 2) ?? 0)
      guard !channel.isCrowded, channel.line?.backlog ?? 0 < count else { continue }
      pass(FaultyAnswer.random(count...count, &dice), to: channel, due: now)
      if channel.line == nil { finish(channel, poll) }
    }
  }
}
