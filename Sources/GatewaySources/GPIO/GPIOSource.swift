package import GatewayCore
package import GatewaySystem
internal import Glibc
internal import Synchronization

/// A GPIO chip as a bus: its lines' levels at their periods, and whatever their edges say in between.
///
/// Promises: each poll gives a reading of its point, good or failed with its reason, save that an edge point says
/// nothing while nothing happens; a line that another program holds costs only its own point and is tried each
/// second; a chip that vanishes is noticed within a second, which all of its points say at once, and is known again
/// under another number; a line that chatters takes a bounded share of the thread. Pulses are counted as far as the
/// kernel hands them over: with libgpiod 1.6 the thread has to run every 16 pulses, with 2.x every 1024. Allocates
/// nothing while all goes well. One thread.
package final class GPIOSource: Source {
  /// How often the chip is looked at or looked for, and lines that could not be had are tried.
  private static let watchInterval = Duration.seconds(1)
  /// The first request; each point's own comes behind it.
  private static let watchRequest = 0

  package let interruption: Interruption
  package let periods: [Duration]
  package let largestPoll: Int
  package let readingsPerSecond: Double

  private let path: String
  private let meter: BusMeter
  private let timeQuality: @Sendable (Moment) -> TimeQuality
  private let parking: GPIOParking
  private let channels: [GPIOChannel]
  private var healths: [DeviceHealth]
  private var link: GPIOLink?
  /// Where the chip was found first; it is looked for there.
  private var place: ChipPlace?
  private var nextAttempt = MonotonicTime(nanoseconds: .min)

  package init(_ setup: SourceSetup) throws(SystemError) {
    interruption = try Interruption()
    guard case .gpio(let path) = setup.bus.link else {
      preconditionFailure("BUG: bus \(setup.bus.name) is no GPIO chip")
    }
    self.path = path
    (meter, timeQuality, parking) = (setup.meter, setup.timeQuality, setup.parking)
    let plan = GPIOPlan(bus: setup.bus.name, of: setup.config)
    precondition(setup.deviceMeters.count == plan.devices.count, "BUG: \(plan.devices.count) devices")
    channels = plan.points.map { point in
      let counter = point.line.mode == .pulse ? setup.totals.counter(point.name) : nil
      return GPIOChannel(point, counter: counter, meter: setup.meter)
    }
    healths = zip(setup.deviceMeters, plan.devices).map { DeviceHealth(meter: $0, requests: $1) }
    periods = [Self.watchInterval] + plan.points.map(\.period)
    readingsPerSecond = plan.points.reduce(0) { $0 + 1 / $1.period.seconds }
    // Every line may have something to say at once.
    largestPoll = max(1, channels.count * GPIOChannel.mostReadings)
  }

  package func poll(
    _ request: Int, at now: BootTime, into room: UnsafeMutableBufferPointer<Reading>
  ) -> Poll {
    var output = self.room(room)
    meter.requests.wrappingAdd(1, ordering: .relaxed)
    let isAllSaid = request == Self.watchRequest || link == nil ? watch(into: &output) : false
    if request != Self.watchRequest, !isAllSaid {
      let place = request - 1
      if link == nil {
        say(.disconnected, of: place, into: &output)
      } else {
        attempt(into: &output) { output throws(Errno) in try look(at: place, into: &output) }
      }
    }
    link?.setAlarm(for: channels)
    return Poll(count: output.count, moment: SystemClock.moment)
  }

  package var descriptor: Int32? { link?.descriptor }

  package func receive(into room: UnsafeMutableBufferPointer<Reading>) -> Poll {
    var output = self.room(room)
    attempt(into: &output) { output throws(Errno) in
      guard let link else { return }
      try link.forEachReady { place throws(Errno) in
        // Readable without an event is what a chip looks like that has gone; reading the level tells.
        if try channels[place].takeEvents(into: &output) == 0 { _ = try channels[place].level() }
        link.silence(channels[place], place)
      }
      for place in channels.indices {
        channels[place].settle(into: &output)
        link.endSilence(channels[place], place, at: output.now)
      }
      link.setAlarm(for: channels)
    }
    return Poll(count: output.count, moment: output.clocks.moment)
  }

  private func room(_ room: UnsafeMutableBufferPointer<Reading>) -> ReadingRoom {
    let clocks = SystemClock.reading
    return ReadingRoom(room, clocks: clocks, timeQuality: timeQuality(clocks.moment))
  }

  /// Whether it worked; else the chip is gone, which each of its points has said.
  @discardableResult
  private func attempt(
    into output: inout ReadingRoom, _ body: (inout ReadingRoom) throws(Errno) -> Void
  ) -> Bool {
    do throws(Errno) {
      try body(&output)
      return true
    } catch {
      for channel in channels { channel.close() }
      link = nil
      nextAttempt = output.now.advanced(by: Self.watchInterval)
      note(SystemError("cannot read chip \"\(path)\"", code: error.code))
      for place in channels.indices { say(.disconnected, of: place, into: &output) }
      return false
    }
  }

  /// Looks for the chip where it is not there, opens the lines that are not open, and looks whether the chip is
  /// still there. Whether every point has said something.
  private func watch(into output: inout ReadingRoom) -> Bool {
    let wasThere = link != nil
    guard let link = openChip(at: output.now) else { return false }
    let isThere = attempt(into: &output) { output throws(Errno) in
      for (place, channel) in channels.enumerated() {
        let (wasOpen, refusal) = (channel.isOpen, channel.refusal)
        if !wasOpen { try open(place, on: link, at: output.now) }
        // A line that stays as it is says so at its own time.
        if !wasThere || channel.isOpen != wasOpen || channel.refusal != refusal {
          try look(at: place, into: &output)
        }
      }
      _ = try channels.first { $0.isOpen }?.level()
    }
    return !wasThere || !isThere
  }

  private func openChip(at now: MonotonicTime) -> GPIOLink? {
    if let link { return link }
    guard now >= nextAttempt else { return nil }
    nextAttempt = now.advanced(by: Self.watchInterval)
    do throws(SystemError) {
      let parked = parking.take(path)
      let chip: GPIOChip
      if let parked { chip = parked.chip } else { chip = try GPIOChip.find(path, at: place) }
      let link = try GPIOLink(chip, lines: channels.count)
      self.link = link
      place = parked?.place ?? link.chip.place ?? place
      takeOver(parked?.channels ?? [], on: link)
      meter.record(connected: true)
      return link
    } catch {
      note(error)
      return nil
    }
  }

  private func takeOver(_ parked: [GPIOChannel], on link: GPIOLink) {
    for (place, channel) in channels.enumerated() where parked.contains(where: channel.takeOver) {
      link.hear(channel, place)
    }
    // What the configuration has no more, or otherwise, is let go before it is asked for.
    for channel in parked { channel.close() }
  }

  package func end() {
    guard let link else { return }
    parking.park(ParkedChip(chip: link.chip, place: place, channels: channels), at: path)
    self.link = nil
  }

  private func note(_ error: SystemError) {
    meter.record(connected: false)
    meter.record(.disconnected)
    meter.record(error: "\(error)")
  }

  private func open(_ place: Int, on link: GPIOLink, at now: MonotonicTime) throws(Errno) {
    let channel = channels[place]
    do throws(Errno) {
      try channel.open(on: link.chip, at: now)
      link.hear(channel, place)
    } catch {
      channel.close()
      let offset = channel.point.line.offset
      // Any other line, or this one, still tells whether the chip is there.
      guard let info = link.chip.info(offset) ?? link.chip.info(0) else { throw error }
      let isBusy = error.code == EBUSY
      channel.refusal = isBusy ? .lineBusy : .lineRefused
      if isBusy { meter.record(.busy) }
      let holder = isBusy ? info.consumer.map { ", held by \"\($0)\"" } ?? "" : ""
      meter.record(
        error: "\(SystemError("cannot request line \(offset) of \"\(path)\"", code: error.code))\(holder)")
    }
  }

  /// Says what a point has to say now.
  private func look(at place: Int, into output: inout ReadingRoom) throws(Errno) {
    let channel = channels[place]
    let reason = channel.isOpen ? try channel.look(into: &output) : channel.refusal ?? .disconnected
    link?.silence(channel, place)
    say(reason, of: place, into: &output)
  }

  /// A point's bad reading, unless the reason is `.none`: then it has said its good one.
  private func say(_ reason: QualityReason, of place: Int, into output: inout ReadingRoom) {
    if reason != .none { channels[place].fail(reason, into: &output) }
    let outcome: DeviceHealth.Outcome =
      switch reason {
      case .none: .good
      case .disconnected: .failed
      default: .troubled
      }
    healths[channels[place].point.device].record(outcome, request: place)
  }
}
