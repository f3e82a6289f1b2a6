internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// Questions and answers on one link. One thread.
///
/// Promises: the data handed over answers the question that was asked, whatever late, foreign or damaged frames
/// come meanwhile (`OwedAnswers` has the rule); before each request on a serial line there is the silence of 3.5 characters; an answer with a
/// wrong check is asked for again up to twice; nothing waits longer than the patience it was given, beside the time
/// that the bytes themselves take. Allocates nothing while all goes well.
struct ModbusMaster: ~Copyable {
  /// A frame may come in pieces this far apart; USB adapters hand over what they have every 16 ms.
  private static let pieceGap = Duration.milliseconds(30)
  private static let retries = 2
  /// An answer that is later than that will not come any more.
  private static let leastLateness = Duration.seconds(2)
  /// A connection on which nothing at all came for so many requests is given up: its peer may have vanished.
  private static let mostSilences = 3

  private enum Outcome {
    case data(Range<Int>)
    case exception(UInt8)
    case failed(ModbusFailure)
  }

  private var link: ModbusLink
  private let meter: BusMeter
  private var owed = OwedAnswers()
  private var transaction = UInt16.random(in: 0...UInt16.max)
  /// When something was last on the line.
  private var lastByte = BootTime(microseconds: .min)
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1024, alignment: 8)
  private var filled = 0
  /// How many of these bytes are the last answer.
  private var used = 0
  private let outgoing = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 8)
  private var silences = 0
  /// Where the answer's data lie in the buffer.
  private var answer = 0..<0
  /// Units whose frames came unasked, since the source last looked.
  private var heard: [UInt8] = []
  /// From the end of the last answered request to the first byte of its answer.
  private(set) var latency = Duration.zero
  private var hasNotedNoise = false

  init(_ bus: BusConfig, meter: BusMeter, interruption: Interruption) {
    link = ModbusLink(bus, interruption: interruption)
    self.meter = meter
  }

  deinit {
    buffer.deallocate()
    outgoing.deallocate()
  }

  var isConnected: Bool { link.isConnected }

  /// The data of the last answer, until the next question.
  var data: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[answer]) }

  /// The units that were heard although they were not being waited for.
  mutating func takeHeard() -> [UInt8] {
    guard !heard.isEmpty else { return [] }
    defer { heard.removeAll(keepingCapacity: true) }
    return heard
  }

  mutating func connect() throws(ModbusFailure) {
    (filled, used, answer) = (0, 0, 0..<0)
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
    forgetAnswer()
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
    hasNotedNoise = false
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
    guard let marker = owed.marker(for: request, random: .random(in: 0..<1)) else {
      throw .timeout(foreign: true)
    }
    do throws(ModbusFailure) { try ask(marker, patience: patience) } catch {
      guard case .exception = error else { throw error }
      // A refusal names no length: it may be the owed one, unless its function is not owed. If it was, the marker's
      // own answer is yet to come.
      guard marker.table != request.table else {
        owed.owe(marker, until: lateness(patience))
        throw .timeout(foreign: true)
      }
    }
    owed.clear(unit: request.unit)
  }

  /// One request and its answer, whose data lie in `answer` then.
  private mutating func ask(_ request: ModbusRequest, patience: Duration) throws(ModbusFailure) {
    try fallSilent(before: request, patience: patience)
    forgetAnswer()
    try send(request)
    switch try awaitAnswer(to: request, patience: patience) {
    case .data(let range): answer = range
    case .exception(let code): throw .exception(code: code)
    case .failed(let failure):
      if link.framing == .rtu { owed.owe(request, until: lateness(patience)) }
      throw failure
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
    // It says its length nowhere: it ends when nothing more comes.
    while SystemClock.boot < end || filled > 0 {
      try link.wait(until: filled > 0 ? SystemClock.boot.advanced(by: pieceGap) : end)
      guard try take() else { break }
    }
    defer { (filled, used) = (0, 0) }
    return question.answer(received, isRTU: link.framing == .rtu, transaction: transaction)
  }

  private func lateness(_ patience: Duration) -> BootTime {
    SystemClock.boot.advanced(by: max(Self.leastLateness, patience * 4))
  }

  // MARK: - Before the request

  /// Passes over what came unasked, and on a serial line waits until it was silent for long enough.
  private mutating func fallSilent(before request: ModbusRequest, patience: Duration) throws(ModbusFailure) {
    guard link.framing == .rtu else { return }
    let silence = link.line?.silence ?? .zero
    let limit = SystemClock.boot.advanced(by: max(patience, silence * 4))
    forgetAnswer()
    while true {
      if try take() {
        passOver(before: request)
      } else {
        let now = SystemClock.boot
        let free = lastByte.advanced(by: silence)
        if now >= free { break }
        guard now < limit else { throw .babble }
        try link.wait(until: free)
      }
    }
    filled = 0
  }

  /// All that is in the buffer came before the request: whole frames are answers to earlier ones.
  private mutating func passOver(before request: ModbusRequest) {
    while filled > 0 {
      let seen = ModbusAnswer.rtu(received, to: request, isSilent: true)
      switch seen {
      case .data(let range): discard(.late, length: range.upperBound + 2, unit: request.unit)
      case .exception(_, let length): discard(.late, length: length, unit: request.unit)
      case .other(_, let length, .some(let unit)): discard(.late, length: length, unit: unit)
      case .other(let kind, let length, nil): discard(kind, length: length, unit: nil)
      case .echo(let length): remove(length)
      case .incomplete, .outOfStep: filled = 0
      }
    }
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
    lastByte = SystemClock.boot.advanced(by: airTime(length))
  }

  /// What the bytes of a frame take on the line after they were handed to the kernel; an RTS line was held for it.
  private func airTime(_ characters: Int) -> Duration {
    guard let line = link.line, line.rs485 == .none || line.rs485 == .kernel else { return .zero }
    return line.time(ofCharacters: Double(characters))
  }

  // MARK: - Behind the request

  private mutating func awaitAnswer(
    to request: ModbusRequest, patience: Duration
  ) throws(ModbusFailure) -> Outcome {
    let sent = lastByte
    var end = sent.advanced(by: patience)
    var first: BootTime?
    var isSilent = false
    var sawForeign = false
    var sawDamage = false
    while true {
      switch look(for: request, isSilent: isSilent) {
      case .data(let range):
        finish(sent, first, used: range.upperBound + (link.framing == .rtu ? 2 : 0))
        return .data(range)
      case .exception(let code, let length):
        finish(sent, first, used: length)
        return .exception(code)
      case .outOfStep:
        note(.wrongLength)
        link.close()
        return .failed(.outOfStep)
      case .other(let kind, let length, let unit):
        if kind == .checksum { sawDamage = true }
        if discard(kind, length: length, unit: unit) != .late { sawForeign = true }
      case .echo(let length): remove(length)
      case .incomplete(let missing):
        // The answer was destroyed: nothing more will come.
        if isSilent, sawDamage { return .failed(.checksum) }
        let now = SystemClock.boot
        guard now < end else { return .failed(giveUp(sawForeign, sawDamage)) }
        try rest(until: end, missing: missing, isBroken: sawDamage)
        if try take() {
          isSilent = false
          if first == nil {
            first = lastByte
            // The patience ends with the first byte; the rest takes the time that it takes.
            end = max(end, lastByte.advanced(by: bodyTime(request)))
          }
        } else {
          isSilent = filled + (sawDamage ? 1 : 0) > 0 && lastByte.advanced(by: pieceGap) <= SystemClock.boot
        }
      }
    }
  }

  private func look(for request: ModbusRequest, isSilent: Bool) -> ModbusAnswer {
    if link.framing == .tcp { return .tcp(received, to: request, transaction: transaction) }
    return filled == 0 ? .incomplete(missing: 5) : .rtu(received, to: request, isSilent: isSilent)
  }

  /// Waits for more: for the first byte, then for as long as the missing ones take, so that an answer of fifty
  /// characters wakes the thread three times and not fifty.
  private func rest(until end: BootTime, missing: Int, isBroken: Bool) throws(ModbusFailure) {
    guard filled > 0 || isBroken else { return try link.wait(until: end) }
    let body = link.line?.time(ofCharacters: Double(missing) - 1) ?? .zero
    if body > .zero { try link.pause(until: min(end, lastByte.advanced(by: body))) }
    try link.wait(until: min(end, max(lastByte, SystemClock.boot).advanced(by: pieceGap)))
  }

  private var pieceGap: Duration { Self.pieceGap + (link.line?.silence ?? .zero) }

  /// The longest that an answer may take from its first byte to its last.
  private func bodyTime(_ request: ModbusRequest) -> Duration {
    guard let line = link.line else { return .zero }
    return line.time(ofCharacters: Double(request.rtuAnswerLength) * 1.5) + pieceGap
  }

  private mutating func finish(_ sent: BootTime, _ first: BootTime?, used length: Int) {
    used = length
    silences = 0
    let now = SystemClock.boot
    latency = max(sent.duration(to: first ?? now), .zero)
    meter.record(response: max(sent.duration(to: now), .zero))
    if link.line == nil { lastByte = now }
  }

  private mutating func giveUp(_ sawForeign: Bool, _ sawDamage: Bool) -> ModbusFailure {
    if sawDamage { return .checksum }
    silences = sawForeign ? 0 : silences + 1
    if link.line == nil, silences >= Self.mostSilences { link.close() }
    return .timeout(foreign: sawForeign)
  }

  // MARK: - The buffer

  private var received: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<filled]) }

  /// Takes what has come; whether anything has.
  private mutating func take() throws(ModbusFailure) -> Bool {
    if filled == buffer.count {
      note(.overflow)
      discard(.noise, length: buffer.count / 2, unit: nil)
    }
    let count = try link.receive(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
    guard count > 0 else { return false }
    filled += count
    silences = 0
    lastByte = SystemClock.boot
    return true
  }

  /// Passes over the first bytes; a whole frame of a unit that owes one is called late.
  /// Returns the kind that was noted.
  @discardableResult
  private mutating func discard(_ kind: BusErrorKind, length: Int, unit: UInt8?) -> BusErrorKind {
    var kind = kind
    if let unit {
      if isAnswer(length), owed.owes(unit: unit, function: buffer[1] & 0x7F) { kind = .late }
      note(kind)
      if heard.count < 16 { heard.append(unit) }
    } else if !hasNotedNoise {
      // Once for a question, not for each byte of it.
      hasNotedNoise = true
      note(kind)
    }
    remove(length)
    return kind
  }

  /// Whether a whole RTU frame has the form of an answer to one of the reading functions.
  private func isAnswer(_ length: Int) -> Bool {
    link.framing == .rtu && (buffer[1] & 0x80 != 0 || length == 5 + Int(buffer[2]))
  }

  /// The last answer stays in the buffer until the next question.
  private mutating func forgetAnswer() {
    remove(used)
    (used, answer) = (0, 0..<0)
  }

  private mutating func remove(_ length: Int) {
    guard length > 0 else { return }
    filled -= length
    if filled > 0 { buffer.baseAddress!.copyMemory(from: buffer.baseAddress! + length, byteCount: filled) }
  }

  private func note(_ kind: BusErrorKind) { meter.record(kind, frame: received, at: SystemClock.moment) }
}
