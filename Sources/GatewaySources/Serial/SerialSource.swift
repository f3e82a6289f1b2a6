package import GatewayCore
package import GatewaySystem
internal import Synchronization

/// A serial line: takes what its devices say by themselves, or asks them.
///
/// Promises: each good frame of a device that talks gives a reading for each of its points, at the time when its
/// last bytes came; `every` is how often it is expected, and a point of which nothing came for twice as long gives
/// a bad reading at each `every` until something comes. A device that is asked is asked at `every`, and each
/// question gives one reading for each of its points, good or failed with its reason; an answer that comes late is
/// thrown away before the next question. A port that went is back within seconds of its return. Allocates nothing
/// while all goes well. One thread.
package final class SerialSource: Source {
  package let interruption: Interruption
  package let periods: [Duration]
  package let largestPoll: Int
  package let readingsPerSecond: Double

  let plan: SerialPlan
  let timeout: Duration
  let line: SerialLine
  let link: SerialLink
  let meter: BusMeter
  let timeQuality: @Sendable (Moment) -> TimeQuality
  var healths: [DeviceHealth]
  var load: SerialLoad
  var decoders: [FrameDecoder]
  /// When each point last got a reading out of a frame, or when the port was opened.
  private var heard: [BootTime]
  /// When the last bytes came.
  private var chunkMoment: Moment
  /// For each device, what its decoder had counted when the device's last frame came.
  private var framed: [FrameDecoder.Statistics]
  /// For each decoder, what it had counted when it was last looked at.
  private var seen: [FrameDecoder.Statistics]
  private var recent: [UInt8] = []
  /// Which points of a question have their answer.
  var answered: [Bool]
  /// The last question got no answer, which may come now.
  var awaitsLate = false
  let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkSize, alignment: 1)

  /// A decoder that gave all it has takes more than that.
  private static let chunkSize = 256
  /// Readings that one `receive` makes at most, beyond those of one frame.
  private static let receiveRoom = 64
  /// Between two bytes of one frame there is less; so a binary frame that waits longer for its rest has none.
  private static let burstGap = Duration.milliseconds(500)
  /// Frames of a talker are expected at each `every`, but a gust meter may say more.
  private static let usualRate = 20.0

  package init(_ setup: SourceSetup) throws(SystemError) {
    interruption = try Interruption()
    guard case .serial(let line) = setup.bus.link else {
      preconditionFailure("BUG: bus \(setup.bus.name) is no serial line")
    }
    let plan = SerialPlan(bus: setup.bus.name, of: setup.config)
    precondition(setup.deviceMeters.count == plan.devices.count, "BUG: \(setup.deviceMeters.count) meters")
    self.plan = plan
    self.line = line
    timeout = setup.bus.timeout
    meter = setup.meter
    timeQuality = setup.timeQuality
    link = SerialLink(line, meter: setup.meter)
    periods = plan.works.map(\.period)
    largestPoll = Self.receiveRoom + plan.mostPerFrame + plan.mostPerWork
    readingsPerSecond = plan.points.reduce(0) { sum, point in
      sum + (plan.asks ? 1 / point.every.seconds : max(1 / point.every.seconds, Self.usualRate))
    }
    healths = zip(setup.deviceMeters, plan.devices).map { DeviceHealth(meter: $0, requests: $1.points) }
    load = SerialLoad(plan, on: line)
    decoders = plan.decoders.map { FrameDecoder($0.shape) }
    framed = plan.devices.map { _ in FrameDecoder.Statistics() }
    seen = decoders.map(\.statistics)
    recent.reserveCapacity(BadFrame.longestKept)
    answered = Array(repeating: false, count: plan.mostPerWork)
    chunkMoment = SystemClock.moment
    heard = plan.points.map { _ in SystemClock.boot }
    meter.record(plannedPermille: load.permille)
  }

  deinit { chunk.deallocate() }

  package var descriptor: Int32? { link.descriptor }

  package func poll(
    _ request: Int, at now: BootTime, into room: UnsafeMutableBufferPointer<Reading>
  ) -> Poll {
    var count = 0
    switch plan.works[request].work {
    case .upkeep:
      link.closeIfStale()
      openIfClosed(at: now)
      takeFrames(into: room, &count)
      noteNoise()
      meter.record(plannedPermille: load.permille)
    case .watch(let device, let points):
      openIfClosed(at: now)
      // What waits in the driver is no silence.
      takeChunk(into: room, &count)
      watch(device, points, into: room, &count)
    case .ask(let ask): count = self.ask(request, ask, at: now, into: room)
    }
    return Poll(count: count, moment: SystemClock.moment)
  }

  package func receive(into room: UnsafeMutableBufferPointer<Reading>) -> Poll {
    var count = 0
    if plan.asks { discardUnasked() } else { takeChunk(into: room, &count) }
    return Poll(count: count, moment: SystemClock.moment)
  }

  func openIfClosed(at now: BootTime) {
    guard link.openIfClosed(at: now) else { return }
    for index in decoders.indices { decoders[index].restart(isAligned: false) }
    let now = SystemClock.boot
    for index in heard.indices { heard[index] = now }
    awaitsLate = false
  }

  // MARK: Devices that talk by themselves

  private func takeChunk(into room: UnsafeMutableBufferPointer<Reading>, _ count: inout Int) {
    guard takeFrames(into: room, &count) else { return }
    let received = link.receive(into: chunk)
    guard received > 0 else { return }
    chunkMoment = SystemClock.moment
    let bytes = UnsafeRawBufferPointer(rebasing: chunk[..<received])
    for index in decoders.indices { decoders[index].append(bytes) }
    keep(bytes)
    takeFrames(into: room, &count)
  }

  /// Makes readings of the frames that are complete; whether those were all. A storm of short frames goes on at
  /// the next call.
  @discardableResult
  private func takeFrames(into room: UnsafeMutableBufferPointer<Reading>, _ count: inout Int) -> Bool {
    guard !plan.asks else { return true }
    let isSilent = chunkMoment.boot.duration(to: SystemClock.boot) > Self.burstGap
    for index in decoders.indices {
      if isSilent { decoders[index].endBurst() }
      while true {
        guard count <= Self.receiveRoom else { return false }
        guard let event = decoders[index].next() else { break }
        switch event {
        case .frame(let frame): take(frame, index, into: room, &count)
        case .broken(let frame): note(broken: frame, at: chunkMoment)
        }
      }
    }
    return true
  }

  private func take(
    _ frame: ArraySlice<UInt8>, _ decoder: Int, into room: UnsafeMutableBufferPointer<Reading>,
    _ count: inout Int
  ) {
    let (before, timeQuality) = (count, timeQuality(chunkMoment))
    for place in plan.decoders[decoder].points {
      guard
        let reading = reading(of: place, in: frame, at: chunkMoment, timeQuality: timeQuality)
      else { continue }
      room[count] = reading
      count += 1
      heard[place] = chunkMoment.boot
      framed[plan.points[place].device] = decoders[decoder].statistics
    }
    if count > before { meter.requests.wrappingAdd(1, ordering: .relaxed) }
  }

  /// nil where the frame says nothing about the point.
  func reading(
    of place: Int, in frame: ArraySlice<UInt8>, at moment: Moment, timeQuality: TimeQuality
  ) -> Reading? {
    let point = plan.points[place]
    switch plan.devices[point.device].frame.read(point.field, in: frame) {
    case .other: return nil
    case .value(let value):
      healths[point.device].record(.good, request: place)
      return Reading(point: point.index, at: moment, value: value, timeQuality: timeQuality)
    case .failed(let reason):
      healths[point.device].record(.troubled, request: place)
      return Reading(point: point.index, at: moment, failed: reason, timeQuality: timeQuality)
    }
  }

  private func watch(
    _ device: Int, _ points: [Int], into room: UnsafeMutableBufferPointer<Reading>, _ count: inout Int
  ) {
    let (moment, before) = (SystemClock.moment, count)
    let timeQuality = timeQuality(moment)
    let reason: QualityReason = link.isOpen ? .timeout : .disconnected
    for place in points {
      let point = plan.points[place]
      if link.isOpen, heard[place].duration(to: moment.boot) <= point.every * 2 { continue }
      room[count] = Reading(point: point.index, at: moment, failed: reason, timeQuality: timeQuality)
      count += 1
      healths[device].record(.failed, request: place)
    }
    if count > before, link.isOpen {
      noteSilence(device, longest: heard[points[0]].duration(to: moment.boot))
    }
  }

  // MARK: What a technician wants to know

  private func noteSilence(_ device: Int, longest: Duration) {
    meter.record(.timeout)
    let statistics = decoders[plan.devices[device].decoder].statistics
    let cause =
      if statistics.frames > framed[device].frames {
        "frames come, but none of its own"
      } else if statistics.noise > framed[device].noise {
        "bytes come, but no frame; are baud, format and frame right?"
      } else {
        "nothing came for \(longest.components.seconds) s"
      }
    meter.record(error: "cannot read device \"\(plan.devices[device].name)\": \(cause)")
  }

  func note(broken frame: ArraySlice<UInt8>, at moment: Moment) {
    frame.withUnsafeBytes { meter.record(.checksum, frame: $0, at: moment) }
    meter.record(error: "cannot take a frame from serial port \"\(line.device)\": its checksum is wrong")
  }

  /// Once a look at the port, with the bytes that came last: noise comes a byte at a time.
  private func noteNoise() {
    for index in decoders.indices {
      let (before, now) = (seen[index], decoders[index].statistics)
      seen[index] = now
      if now.overflows > before.overflows { meter.record(.overflow) }
      // Where devices of several shapes talk, the others' frames look like noise to each decoder.
      guard decoders.count == 1, now.noise > before.noise, now.badChecksums == before.badChecksums else {
        continue
      }
      recent.withUnsafeBytes { meter.record(.noise, frame: $0, at: chunkMoment) }
    }
  }

  /// The last bytes that came, the oldest first; its memory is there from the beginning.
  private func keep(_ bytes: UnsafeRawBufferPointer) {
    let surplus = recent.count + bytes.count - BadFrame.longestKept
    if surplus > 0 { recent.removeFirst(min(surplus, recent.count)) }
    recent.append(contentsOf: bytes.suffix(BadFrame.longestKept))
  }
}
