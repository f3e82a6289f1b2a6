package import GatewayCore
package import GatewaySystem
internal import Glibc
internal import Synchronization

/// A GPIO chip as a bus: its lines' levels at their periods, and whatever their edges say in between.
///
/// Promises: each poll gives a reading of its point, good or failed with its reason, save that an edge point says
/// nothing while nothing happens; a line that another program holds costs only its own point; a chip that vanishes
/// is closed at the next look, looked for once a second, and known again under another number; a line that
/// chatters takes a bounded share of the thread. Pulses are counted as far as the kernel hands them over: with libgpiod 1.6 that needs the thread to run
/// every 16 pulses, with 2.x every 1024. Allocates nothing while all goes well. One thread.
package final class GPIOSource: Source {
  private static let retryInterval = Duration.seconds(1)
  private static let alarmToken = UInt64.max

  package let interruption: Interruption
  package let periods: [Duration]
  package let largestPoll: Int
  package let readingsPerSecond: Double

  /// What there is while the chip is there.
  private final class Link {
    let chip: GPIOChip
    let poll: EventPoll
    let alarm: Alarm

    init(path: String, at place: ChipPlace?) throws(SystemError) {
      chip = try GPIOChip.find(path, at: place)
      poll = try EventPoll()
      alarm = try Alarm()
      poll.add(alarm.descriptor, token: alarmToken)
    }
  }

  private let path: String
  private let meter: BusMeter
  private let timeQuality: @Sendable () -> TimeQuality
  private let channels: [GPIOChannel]
  private var healths: [DeviceHealth]
  private var link: Link?
  /// Where the chip was found first; it is looked for there.
  private var place: ChipPlace?
  private var nextAttempt = MonotonicTime(nanoseconds: .min)
  /// Per channel, while its line cannot be had: why, and when it is tried again.
  private var refusals: [(reason: QualityReason, nextAttempt: MonotonicTime)?]
  private var alarmTime: MonotonicTime?
  private var ready: [EventPoll.Event] = []

  package init(_ setup: SourceSetup) throws(SystemError) {
    interruption = try Interruption()
    guard case .gpio(let path) = setup.bus.link else {
      preconditionFailure("BUG: bus \(setup.bus.name) is no GPIO chip")
    }
    self.path = path
    (meter, timeQuality) = (setup.meter, setup.timeQuality)
    let plan = GPIOPlan(bus: setup.bus.name, of: setup.config)
    precondition(setup.deviceMeters.count == plan.devices.count, "BUG: \(plan.devices.count) devices")
    channels = plan.points.map { point in
      let counter = point.line.mode == .pulse ? setup.totals.counter(point.name) : nil
      return GPIOChannel(point, counter: counter, meter: setup.meter)
    }
    healths = zip(setup.deviceMeters, plan.devices).map { DeviceHealth(meter: $0, requests: $1) }
    refusals = Array(repeating: nil, count: channels.count)
    periods = plan.points.map(\.period)
    readingsPerSecond = plan.points.reduce(0) { $0 + 1 / $1.period.seconds }
    // Every line may have something to say at once.
    largestPoll = channels.count * GPIOChannel.mostReadings
    ready.reserveCapacity(channels.count + 1)
  }

  package func poll(
    _ request: Int, at now: BootTime, into room: UnsafeMutableBufferPointer<Reading>
  ) -> Poll {
    var output = self.room(room)
    meter.requests.wrappingAdd(1, ordering: .relaxed)
    let reason = look(at: request, into: &output)
    if reason != .none { channels[request].fail(reason, into: &output) }
    let outcome: DeviceHealth.Outcome =
      switch reason {
      case .none: .good
      case .disconnected: .failed
      default: .troubled
      }
    healths[channels[request].point.device].record(outcome, request: request)
    setAlarm()
    return Poll(count: output.count, moment: SystemClock.moment)
  }

  private func room(_ room: UnsafeMutableBufferPointer<Reading>) -> ReadingRoom {
    ReadingRoom(room, clocks: SystemClock.reading, timeQuality: timeQuality())
  }

  /// `.none` where the point's reading is good.
  private func look(at place: Int, into output: inout ReadingRoom) -> QualityReason {
    guard let link = openChip(at: output.now) else { return .disconnected }
    let channel = channels[place]
    do throws(Errno) {
      if !channel.isOpen, let reason = try open(place, on: link, at: output.now) { return reason }
      let reason = try channel.look(into: &output)
      silence(place, on: link)
      return reason
    } catch {
      lose(SystemError("cannot read line \(channel.point.line.offset) of \"\(path)\"", code: error.code))
      return .disconnected
    }
  }

  package var descriptor: Int32? { link?.poll.descriptor }

  package func receive(into room: UnsafeMutableBufferPointer<Reading>) -> Poll {
    var output = self.room(room)
    if let link {
      link.poll.wait(into: &ready, timeout: .zero)
      do throws(Errno) {
        for event in ready where event.token != Self.alarmToken {
          try takeEvents(of: Int(event.token), on: link, into: &output)
        }
        for place in channels.indices { settle(place, on: link, into: &output) }
      } catch {
        lose(SystemError("cannot read events of \"\(path)\"", code: error.code))
      }
      setAlarm()
    }
    return Poll(count: output.count, moment: output.clocks.moment)
  }

  private func takeEvents(
    of place: Int, on link: Link, into output: inout ReadingRoom
  ) throws(Errno) {
    // Readable without an event is what a chip looks like that has gone; reading the level tells.
    if try channels[place].takeEvents(into: &output) == 0 { _ = try channels[place].level() }
    silence(place, on: link)
  }

  private func settle(_ place: Int, on link: Link, into output: inout ReadingRoom) {
    let channel = channels[place]
    channel.settle(into: &output)
    guard channel.isSilenced, let end = channel.silentUntil, end <= output.now else { return }
    channel.isSilenced = false
    if let descriptor = channel.descriptor {
      link.poll.change(descriptor, token: UInt64(place), reads: true, writes: false)
    }
  }

  /// Leaves a line alone that has brought more than its share.
  private func silence(_ place: Int, on link: Link) {
    let channel = channels[place]
    guard !channel.isSilenced, channel.silentUntil != nil, let descriptor = channel.descriptor else { return }
    channel.isSilenced = true
    link.poll.change(descriptor, token: UInt64(place), reads: false, writes: false)
  }

  private func openChip(at now: MonotonicTime) -> Link? {
    if let link { return link }
    guard now >= nextAttempt else { return nil }
    nextAttempt = now.advanced(by: Self.retryInterval)
    do throws(SystemError) {
      let link = try Link(path: path, at: place)
      self.link = link
      place = link.chip.place ?? place
      alarmTime = nil
      for place in refusals.indices { refusals[place] = nil }
      meter.record(connected: true)
      return link
    } catch {
      meter.record(connected: false)
      meter.record(error: "\(error)")
      return nil
    }
  }

  private func lose(_ error: SystemError) {
    for channel in channels { channel.close() }
    link = nil
    nextAttempt = SystemClock.monotonic.advanced(by: Self.retryInterval)
    meter.record(connected: false)
    meter.record(error: "\(error)")
  }

  /// nil when the line is there, else why not.
  private func open(
    _ place: Int, on link: Link, at now: MonotonicTime
  ) throws(Errno) -> QualityReason? {
    let channel = channels[place]
    if let refusal = refusals[place], now < refusal.nextAttempt { return refusal.reason }
    do throws(Errno) {
      try channel.open(on: link.chip, at: now)
      refusals[place] = nil
      if let descriptor = channel.descriptor { link.poll.add(descriptor, token: UInt64(place)) }
      return nil
    } catch {
      channel.close()
      // Any other line, or this one, still tells whether the chip is there.
      guard let any = link.chip.info(channel.point.line.offset) ?? link.chip.info(0) else { throw error }
      let reason = error.isBusy ? QualityReason.lineBusy : .lineRefused
      refusals[place] = (reason, now.advanced(by: Self.retryInterval))
      let holder = any.consumer.map { error.isBusy ? ", held by \"\($0)\"" : "" } ?? ""
      let cause = SystemError(
        "cannot request line \(channel.point.line.offset) of \"\(path)\"", code: error.code)
      meter.record(error: "\(cause)\(holder)")
      return reason
    }
  }

  /// At the next instant at which something settles, or a line is listened to again.
  private func setAlarm() {
    guard let link else { return }
    var next: MonotonicTime?
    for channel in channels where channel.isOpen {
      for time in [channel.deadline, channel.isSilenced ? channel.silentUntil : nil] {
        if let time, time < next ?? time.advanced(by: .seconds(1)) { next = time }
      }
    }
    guard next != alarmTime else { return }
    alarmTime = next
    link.alarm.set(next)
  }
}

extension Errno {
  /// Another program holds the line.
  var isBusy: Bool { code == EBUSY }
}
