internal import GatewayCore
internal import GatewaySystem

/// How the engine's devices answer: at once where nothing is in the way, later or wrongly where a delay or a fault is.
extension FieldEngine {
  /// Answers a whole frame whose end was seen at `time`.
  func answer(_ request: UnsafeRawBufferPointer, on channel: FieldChannel, at time: BootTime, now: BootTime) {
    let port = ports[channel.server]
    let unit = request[port.framing.headLength]
    let pdu = UnsafeRawBufferPointer(
      rebasing: request[(port.framing.headLength + 1)..<(request.count - port.framing.tailLength)])
    port.stats.requests += 1
    // Unit 0 on a line is a broadcast, which nobody answers.
    guard let image = port.image(unit: unit), port.framing == .tcp || unit != 0 else {
      return refuseUnit(request, on: channel, port)
    }
    image.countRequest()
    let fault = strike(server: channel.server, unit: unit, now: now)
    if fault == nil, recorder != nil, pdu.count >= 3 {
      recorder!.note(
        server: channel.server, unit: unit, function: pdu[0], address: ModbusPDU.word(pdu, 1), at: time)
    }
    image.refresh(now: now)
    if fault == nil, channel.line == nil, image.delay == .zero, channel.lastDue <= now {
      let before = channel.output.count
      TCPFrame.append(to: &channel.output, answering: request) { output in
        ModbusPDU.answer(pdu, from: image, into: &output)
      }
      if isException(channel.output, from: before) { port.stats.exceptions += 1 }
      return
    }
    scratch.removeAll()
    scratch.append(unit)
    ModbusPDU.answer(pdu, from: image, into: &scratch)
    let body = scratch.copyBytes()
    if fault == nil, body[1] & 0x80 != 0 { port.stats.exceptions += 1 }
    send(fault, body, answering: request, on: channel, due: time.advanced(by: image.delay), now: now)
  }

  private func isException(_ output: borrowing ByteBuffer, from start: Int) -> Bool {
    output.withBytes { $0[start + TCPFrame.headerLength] & 0x80 != 0 }
  }

  /// On a line nobody is there to answer; over TCP a bridge is: "gateway target device failed to respond".
  private func refuseUnit(_ request: UnsafeRawBufferPointer, on channel: FieldChannel, _ port: FieldPort) {
    port.stats.strangers += 1
    guard port.framing == .tcp else { return }
    port.stats.exceptions += 1
    TCPFrame.append(to: &channel.output, answering: request) { output in
      ModbusPDU.refuse(request[TCPFrame.headerLength], code: 11, into: &output)
    }
  }

  private func strike(server: Int, unit: UInt8?, now: BootTime) -> FieldFault.Kind? {
    guard !faults.isEmpty else { return nil }
    let fault = faults.strike(now: now, dice: &dice) { $0.strikes(server: server, unit: unit) }
    if fault != nil { ports[server].stats.faults += 1 }
    return fault?.kind
  }

  /// The way for lines, delays and faults; may allocate.
  private func send(
    _ fault: FieldFault.Kind?, _ body: [UInt8], answering request: UnsafeRawBufferPointer,
    on channel: FieldChannel, due: BootTime, now: BootTime
  ) {
    let port = ports[channel.server]
    let answer = FaultyAnswer(
      fault ?? .delay(.zero), body, answering: request, port.framing, silence: port.pace?.silence ?? .zero,
      turn: &foreignTurn, dice: &dice)
    if !answer.echo.isEmpty { channel.output.append(answer.echo) }
    if answer.closesConnection, port.address != nil {
      // Who closes waits for nothing.
      for piece in answer.pieces { channel.output.append(piece.bytes) }
      channel.closesWhenSent = true
      return
    }
    var start = answer.holdsUpOthers ? max(due, channel.lastDue) : due
    if port.framing == .rtu, let last = channel.lastDueOfUnit[body[0]] { start = max(start, last) }
    for piece in answer.pieces {
      let time = start.advanced(by: piece.after)
      if answer.holdsUpOthers { channel.lastDue = time }
      if port.framing == .rtu { channel.lastDueOfUnit[body[0]] = time }
      if time <= now {
        pass(piece.bytes, to: channel, due: time)
      } else {
        queue.push(piece.bytes, to: channel.token, due: time)
      }
    }
  }

  /// Hands bytes whose time has come to a channel; on a line they still take their time.
  func pass(_ bytes: [UInt8], to channel: FieldChannel, due: BootTime) {
    if channel.line == nil {
      channel.output.append(bytes)
    } else {
      channel.line!.send(bytes, due: due, &ports[channel.server].stats.line)
    }
  }

  // MARK: - Lines

  /// Takes what a master wrote on a line.
  func listen(to channel: FieldChannel, now: BootTime) -> FieldChannel.Progress {
    let port = ports[channel.server]
    // A frame that ended before this moment must not grow.
    answerFrames(of: channel, now: now)
    let progress = channel.receiveBytes { channel.line!.arrive($0, now: now, &port.stats.line) }
    guard port.framing == .plain else {
      answerFrames(of: channel, now: now)
      return progress
    }
    for (byte, time) in channel.line!.takeBytes() {
      guard let heard = port.speaker?.hear(byte, at: time) else { continue }
      port.stats.requests += 1
      say(heard.answer, answering: heard.question, on: channel, due: time.advanced(by: heard.delay), now: now)
    }
    return progress
  }

  func answerFrames(of channel: FieldChannel, now: BootTime) {
    guard ports[channel.server].framing == .rtu else { return }
    while let frame = channel.line!.takeFrame(now: now, &ports[channel.server].stats.line) {
      frame.bytes.withUnsafeBytes { answer($0, on: channel, at: frame.end, now: now) }
    }
  }

  /// Says what a plain device says, unless a fault strikes it.
  func say(
    _ bytes: [UInt8], answering question: [UInt8] = [], on channel: FieldChannel, due: BootTime, now: BootTime
  ) {
    let fault = strike(server: channel.server, unit: nil, now: now)
    question.withUnsafeBytes { send(fault, bytes, answering: $0, on: channel, due: due, now: now) }
  }
}
