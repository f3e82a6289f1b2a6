internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// Questions and answers on one link. One thread.
///
/// Promises: the data handed over answers the question that was asked, whatever late, foreign or damaged frames
/// come meanwhile (`OwedAnswers` has the rule); before each request on a serial line there is the silence of 3.5
/// characters; an answer with a wrong check is asked for again up to twice; nothing waits longer than the patience
/// it was given, beside the time that the bytes themselves take. Allocates nothing while all goes well.
struct ModbusMaster: ~Copyable {
  private static let retries = 2
  /// An answer that is later than that will not come any more.
  private static let leastLateness = Duration.seconds(2)
  /// What the pieces of a device's description may take to come through a serial server.
  private static let longestIdentity = Duration.seconds(1)
  /// A connection on which nothing at all came for so many requests is given up: its peer may have vanished.
  private static let mostSilences = 3

  private var link: ModbusLink
  private let meter: BusMeter
  private var owed = OwedAnswers()
  private var transaction = UInt16.random(in: 0...UInt16.max)
  /// When something was last on the line.
  private var lastByte = BootTime(microseconds: .min)
  private var buffer: ReceiveBuffer
  private let outgoing = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 8)
  private var silences = 0
  /// From the end of the last answered request to the first byte of its answer.
  private(set) var latency = Duration.zero

  init(_ bus: BusConfig, meter: BusMeter, interruption: Interruption) {
    link = ModbusLink(bus, interruption: interruption)
    self.meter = meter
    buffer = ReceiveBuffer(isRTU: link.framing == .rtu, meter: meter)
  }

  deinit { outgoing.deallocate() }

  var isConnected: Bool { link.isConnected }

  /// The data of the last answer, until the next question.
  var data: UnsafeRawBufferPointer { buffer.data }

  /// The units that were heard although they were not being waited for.
  mutating func takeHeard() -> [UInt8] { buffer.takeHeard() }

  mutating func connect() throws(ModbusFailure) {
    buffer.empty()
    silences = 0
    try link.connect()
    // What was sent before this may still be under way behind a serial server; on a line it is the same line.
    lastByte = SystemClock.boot
  }

  mutating func close() { link.close() }

  /// Takes note of what came unasked; afterwards `isConnected` tells whether the link still stands.
  mutating func refresh(at now: BootTime) {
    link.closeIfMoved(at: now)
    guard link.isConnected else { return }
    buffer.forgetAnswer()
    // Its end closes it: many devices hang up on whoever is silent for some seconds, and that is no failure yet.
    do throws(ModbusFailure) { _ = try take() } catch {}
  }

  // MARK: - One question

  /// Asks until the answer is certain. `patience`: from the end of the request to the first byte of its answer.
  /// Throws the device's exception or why there is no answer.
  mutating func read(_ request: ModbusRequest, patience: Duration) throws(ModbusFailure) {
    let began = SystemClock.boot
    defer {
      let end = SystemClock.boot
      meter.record(busy: began.duration(to: end), until: end)
    }
    buffer.beginQuestion()
    var retries = 0
    while true {
      do throws(ModbusFailure) {
        if owed.clouds(request, at: SystemClock.boot) { try mark(request, patience: patience) }
        return try ask(request, patience: patience)
      } catch {
        guard error == .checksum, retries < Self.retries else { throw error }
        retries += 1
      }
    }
  }

  /// Asks a question whose answer can be none of those that the unit owes; afterwards it owes none.
  private mutating func mark(_ request: ModbusRequest, patience: Duration) throws(ModbusFailure) {
    // So much is owed that no question could be told from it: nothing came, and nothing is asked.
    guard let marker = owed.marker(for: request, random: .random(in: 0..<1)) else {
      throw .timeout(foreign: false)
    }
    do throws(ModbusFailure) { try ask(marker, patience: patience) } catch {
      guard case .exception = error else { throw error }
      // A refusal names no length: it may be the owed one, unless its function is not owed. If it was, the marker's
      // own answer is yet to come.
      guard marker.table != request.table else {
        owed.owe(marker, until: lateness(patience))
        throw .timeout(foreign: false)
      }
    }
    owed.clear(unit: request.unit)
  }

  /// One request and its answer.
  private mutating func ask(_ request: ModbusRequest, patience: Duration) throws(ModbusFailure) {
    try fallSilent(before: request, patience: patience)
    try send(request)
    do throws(ModbusFailure) { try awaitAnswer(to: request, patience: patience) } catch {
      // After an exception or a broken connection nothing is missing any more.
      switch error {
      case .timeout, .checksum:
        if link.framing == .rtu { owed.owe(request, until: lateness(patience)) }
      default: break
      }
      throw error
    }
  }

  /// Asks what a unit says about itself: maker, product and version, of those that know function 43/14 (Application
  /// Protocol 1.1b3, section 6.21). An answer that comes in an unexpected form counts as none.
  mutating func identify(_ unit: UInt8, patience: Duration) throws(ModbusFailure) -> [String] {
    let question = DeviceIdentification(unit: unit)
    try fallSilent(before: question.stand, patience: patience)
    meter.requests.wrappingAdd(1, ordering: .relaxed)
    transaction &+= 1
    let frame = question.frame(isRTU: link.framing == .rtu, transaction: transaction)
    outgoing.copyBytes(from: frame)
    try sendOutgoing(frame.count)
    let end = lastByte.advanced(by: patience)
    // It says its length nowhere: it ends when nothing more comes. A line that never rests must not hold the bus up.
    let last = end.advanced(by: link.bodyTime(ModbusRequest.longestFrame) + Self.longestIdentity)
    while buffer.filled <= ModbusRequest.longestFrame, SystemClock.boot < (buffer.filled > 0 ? last : end) {
      try link.wait(until: buffer.filled > 0 ? SystemClock.boot.advanced(by: link.pieceGap) : end)
      guard try take() else { break }
    }
    defer { buffer.empty() }
    return question.answer(buffer.received, isRTU: link.framing == .rtu, transaction: transaction)
  }

  private func lateness(_ patience: Duration) -> BootTime {
    SystemClock.boot.advanced(by: max(Self.leastLateness, patience * 4))
  }

  // MARK: - Before the request

  /// Passes over the last answer and, where frames are told by silence, over what came unasked; on a serial line
  /// waits until it was silent for long enough.
  private mutating func fallSilent(before request: ModbusRequest, patience: Duration) throws(ModbusFailure) {
    buffer.forgetAnswer()
    guard link.framing == .rtu else { return }
    let silence = link.silence
    let limit = SystemClock.boot.advanced(by: max(patience, silence * 4))
    while true {
      if try take() {
        buffer.passOver(before: request, owed)
        // What comes faster than it is passed over leaves no moment without anything.
        guard lastByte < limit else { throw .babble }
      } else {
        let now = SystemClock.boot
        let free = lastByte.advanced(by: silence)
        if now >= free { break }
        guard now < limit else { throw .babble }
        try link.wait(until: free)
      }
    }
    buffer.empty()
  }

  private mutating func send(_ request: ModbusRequest) throws(ModbusFailure) {
    meter.requests.wrappingAdd(1, ordering: .relaxed)
    transaction &+= 1
    try sendOutgoing(
      link.framing == .rtu
        ? request.encodeRTU(into: outgoing) : request.encodeTCP(transaction: transaction, into: outgoing))
  }

  private mutating func sendOutgoing(_ length: Int) throws(ModbusFailure) {
    try link.send(UnsafeRawBufferPointer(rebasing: outgoing[..<length]))
    lastByte = SystemClock.boot.advanced(by: link.airTime(length))
  }

  // MARK: - Behind the request

  /// What was seen while one answer was waited for.
  private struct Watch {
    let sent: BootTime
    var end: BootTime
    var first: BootTime?
    var isSilent = false
    var sawForeign = false
    var sawDamage = false

    init(sent: BootTime, patience: Duration) {
      self.sent = sent
      end = sent.advanced(by: patience)
    }
  }

  /// Returns with the answer's data, or throws.
  private mutating func awaitAnswer(to request: ModbusRequest, patience: Duration) throws(ModbusFailure) {
    var watch = Watch(sent: lastByte, patience: patience)
    while true {
      switch look(for: request, isSilent: watch.isSilent) {
      case .data(let range):
        buffer.keepAnswer(length: range.upperBound + (link.framing == .rtu ? 2 : 0), data: range)
        return finish(watch)
      case .exception(let code, let length):
        buffer.keepAnswer(length: length)
        finish(watch)
        throw .exception(code: code)
      case .outOfStep:
        buffer.note(.wrongLength)
        link.close()
        throw .outOfStep
      case .other(let kind, let length, let unit):
        if kind == .checksum { watch.sawDamage = true }
        if buffer.discard(kind, length: length, unit: unit, owed) != .late { watch.sawForeign = true }
      case .echo(let length): buffer.remove(length)
      case .incomplete(let missing): try awaitMore(missing, of: request, &watch)
      }
    }
  }

  private func look(for request: ModbusRequest, isSilent: Bool) -> ModbusAnswer {
    if link.framing == .tcp { return .tcp(buffer.received, to: request, transaction: transaction) }
    return buffer.filled == 0
      ? .incomplete(missing: 5) : .rtu(buffer.received, to: request, isSilent: isSilent)
  }

  /// Takes what comes next; throws when there is no reason to wait for it any more.
  private mutating func awaitMore(
    _ missing: Int, of request: ModbusRequest, _ watch: inout Watch
  ) throws(ModbusFailure) {
    // The answer was destroyed: nothing more will come.
    if watch.isSilent, watch.sawDamage { throw .checksum }
    guard SystemClock.boot < watch.end else { throw giveUp(watch) }
    // Behind a frame's head more comes, so nobody need look at the instant at which it is whole.
    let isHead = buffer.filled + missing < request.rtuAnswerLength
    try rest(until: watch.end, missing: missing, isHead: isHead, isBroken: watch.sawDamage)
    if try take() {
      watch.isSilent = false
      if watch.first == nil {
        watch.first = lastByte
        // The patience ends with the first byte; the rest takes the time that it takes.
        watch.end = max(watch.end, lastByte.advanced(by: link.bodyTime(request.rtuAnswerLength)))
      }
    } else {
      let hasBegun = buffer.filled > 0 || watch.sawDamage
      watch.isSilent = hasBegun && lastByte.advanced(by: link.pieceGap) <= SystemClock.boot
    }
  }

  /// Waits for more: for the first byte, then for as long as the missing ones take, so that an answer of fifty
  /// characters wakes the thread three times and not fifty.
  private func rest(
    until end: BootTime, missing: Int, isHead: Bool, isBroken: Bool
  ) throws(ModbusFailure) {
    guard buffer.filled > 0 || isBroken else { return try link.wait(until: end) }
    let body = link.line?.time(ofCharacters: Double(isHead ? missing : missing - 1)) ?? .zero
    if body > .zero { try link.pause(until: min(end, lastByte.advanced(by: body))) }
    try link.wait(until: min(end, max(lastByte, SystemClock.boot).advanced(by: link.pieceGap)))
  }

  /// Takes what has come; whether anything has.
  private mutating func take() throws(ModbusFailure) -> Bool {
    guard try buffer.take(from: &link, owed) else { return false }
    silences = 0
    lastByte = SystemClock.boot
    return true
  }

  private mutating func finish(_ watch: Watch) {
    silences = 0
    let now = SystemClock.boot
    latency = max(watch.sent.duration(to: watch.first ?? now), .zero)
    meter.record(response: max(watch.sent.duration(to: now), .zero))
    if link.line == nil { lastByte = now }
  }

  private mutating func giveUp(_ watch: Watch) -> ModbusFailure {
    if watch.sawDamage { return .checksum }
    silences = watch.sawForeign ? 0 : silences + 1
    if link.line == nil, silences >= Self.mostSilences { link.close() }
    return .timeout(foreign: watch.sawForeign)
  }
}
