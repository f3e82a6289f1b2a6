internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// A question to a device that does not talk by itself, and its answer.
extension SerialSource {
  /// After a question without answer the line must be quiet for so long before the next one.
  private static let quiet = Duration.milliseconds(50)
  private static let mostChunks = 256

  /// Writes one reading for each of its points and returns how many; none when interrupted.
  func ask(
    _ request: Int, _ ask: SerialPlan.Ask, at now: BootTime, into room: UnsafeMutableBufferPointer<Reading>
  ) -> Int {
    for place in ask.points.indices { answered[place] = false }
    let reason = exchange(request, ask, at: now, into: room)
    guard !interruption.isInterrupted || reason == .none else { return 0 }
    let moment = SystemClock.moment
    let timeQuality = timeQuality(moment)
    for (place, point) in ask.points.enumerated() where !answered[place] {
      room[place] = Reading(
        point: plan.points[point].index, at: moment, failed: reason, timeQuality: timeQuality)
      healths[ask.device].record(.failed, request: point)
    }
    return ask.points.count
  }

  /// Why the points that have no answer have none.
  private func exchange(
    _ request: Int, _ ask: SerialPlan.Ask, at now: BootTime, into room: UnsafeMutableBufferPointer<Reading>
  ) -> QualityReason {
    guard healths[ask.device].breaker.permits(at: now) else { return .breakerOpen }
    openIfClosed(at: now)
    settle()
    guard link.isOpen else { return .disconnected }
    let decoder = plan.devices[ask.device].decoder
    decoders[decoder].restart(isAligned: true)
    meter.requests.wrappingAdd(1, ordering: .relaxed)
    let start = SystemClock.boot
    guard link.send(ask.bytes) else { return .disconnected }
    let sent = start.advanced(by: line.time(ofCharacters: Double(ask.bytes.count)))
    let reason = listen(ask, from: sent, into: room)
    let end = SystemClock.boot
    meter.record(busy: start.duration(to: end), until: end)
    if reason == .none { load.record(request, took: start.duration(to: end)) }
    awaitsLate = reason != .none
    judge(ask, reason)
    return reason
  }

  /// Throws away what came since the last answer; where that is still missing, until the line is quiet.
  private func settle() {
    discardUnasked()
    guard awaitsLate else { return }
    let end = SystemClock.boot.advanced(by: timeout)
    repeat {
      let quietEnd = SystemClock.boot.advanced(by: Self.quiet)
      if interruption.wait(until: quietEnd, or: link.descriptor) { return }
    } while discardUnasked() && SystemClock.boot < end
  }

  /// What comes while nobody is asked: an answer that is late, or talk. Whether there was any.
  @discardableResult
  func discardUnasked() -> Bool {
    // Bounded, so that a line that never rests holds nobody up: more than a driver keeps.
    for round in 0..<Self.mostChunks {
      let received = link.receive(into: chunk)
      guard received > 0 else { return round > 0 }
      let bytes = UnsafeRawBufferPointer(rebasing: chunk[..<received])
      meter.record(awaitsLate ? .late : .noise, frame: bytes, at: SystemClock.moment)
    }
    return true
  }

  /// Takes frames until each point has its value or the time is over.
  private func listen(
    _ ask: SerialPlan.Ask, from sent: BootTime, into room: UnsafeMutableBufferPointer<Reading>
  ) -> QualityReason {
    let deadline = sent.advanced(by: timeout)
    var (missing, isBroken) = (ask.points.count, false)
    while missing > 0 {
      let now = SystemClock.boot
      guard now < deadline, !interruption.wait(until: deadline, or: link.descriptor) else {
        return isBroken ? .badAnswer : .timeout
      }
      let received = link.receive(into: chunk)
      guard link.isOpen else { return .disconnected }
      let moment = SystemClock.moment
      let decoder = plan.devices[ask.device].decoder
      decoders[decoder].append(UnsafeRawBufferPointer(rebasing: chunk[..<received]))
      while let event = decoders[decoder].next() {
        switch event {
        case .frame(let frame): missing -= take(frame, ask, at: moment, into: room)
        case .broken(let frame):
          isBroken = true
          note(broken: frame, at: moment)
        }
      }
      if missing == 0 { meter.record(response: max(.zero, sent.duration(to: moment.boot))) }
    }
    return .none
  }

  /// How many of the points got their reading.
  private func take(
    _ frame: ArraySlice<UInt8>, _ ask: SerialPlan.Ask, at moment: Moment,
    into room: UnsafeMutableBufferPointer<Reading>
  ) -> Int {
    if case .lines = plan.devices[ask.device].frame.shape, frame.elementsEqual(ask.echo) { return 0 }
    var count = 0
    let timeQuality = timeQuality(moment)
    for (place, point) in ask.points.enumerated() where !answered[place] {
      guard let reading = reading(of: point, in: frame, at: moment, timeQuality: timeQuality) else {
        continue
      }
      room[place] = reading
      answered[place] = true
      count += 1
    }
    return count
  }

  private func judge(_ ask: SerialPlan.Ask, _ reason: QualityReason) {
    guard !interruption.isInterrupted else { return }
    let name = plan.devices[ask.device].name
    switch reason {
    case .timeout where !answered[..<ask.points.count].contains(true):
      healths[ask.device].breaker.failed(at: SystemClock.boot, random: .random(in: 0..<1))
      meter.record(.timeout)
      meter.record(
        error: "cannot read device \"\(name)\": no answer within \(timeout.microseconds / 1000) ms")
    case .timeout:
      healths[ask.device].breaker.answered()
      meter.record(.timeout)
      meter.record(error: "cannot read device \"\(name)\": a part of the answer is missing")
    case .disconnected: break
    default: healths[ask.device].breaker.answered()
    }
  }
}
