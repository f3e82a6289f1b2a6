package import GatewayCore
package import GatewaySystem
internal import Synchronization

/// A Modbus bus: asks its devices by the plan, and makes a reading of each point of each answer.
///
/// Promises: each poll gives one reading for each of its points, good or failed with its reason; a reading's
/// value comes from the answer to its own request; a device that is silent costs its neighbours at most a tenth of
/// their period; a read that the device refuses is split until the illegal register is alone; a bus that cannot be
/// reached is tried at most once a second and spends at most a fifth of the time in connecting. Allocates nothing
/// while polls succeed. One thread.
package final class ModbusSource: Source {
  package let interruption: Interruption
  package let periods: [Duration]
  package let largestPoll: Int
  package var readingsPerSecond: Double { plan.readingsPerSecond }
  package var stretch: Double { load.stretch }

  let bus: BusConfig
  let meter: BusMeter
  let plan: PollPlan
  private let timeQuality: @Sendable (Moment) -> TimeQuality
  var master: ModbusMaster
  private var attempts = ConnectAttempts()
  private(set) var healths: [DeviceHealth]
  private(set) var load: BusLoad
  private var splitters: [RequestSplitter]
  private var lastFailure: (device: Int, failure: ModbusFailure)?
  /// Registers of the last answer; room for the longest, whatever was asked.
  private let registers = UnsafeMutablePointer<UInt16>.allocate(
    capacity: RegisterTable.holding.requestLimit)

  package init(_ setup: SourceSetup) throws(SystemError) {
    bus = setup.bus
    let plan = PollPlan(bus: setup.bus, of: setup.config)
    precondition(
      setup.deviceMeters.count == plan.devices.count, "BUG: \(setup.deviceMeters.count) device meters")
    self.plan = plan
    meter = setup.meter
    timeQuality = setup.timeQuality
    interruption = try Interruption()
    periods = plan.requests.map(\.period)
    largestPoll = plan.largestPoll
    healths = setup.deviceMeters.enumerated().map { device, meter in
      DeviceHealth(
        unit: plan.devices[device].unit, meter: meter, requests: plan.requestRange(ofDevice: device))
    }
    load = BusLoad(plan, at: SystemClock.boot)
    splitters = plan.requests.map(RequestSplitter.init)
    master = ModbusMaster(setup.bus, meter: setup.meter, interruption: interruption)
    registers.initialize(repeating: 0, count: RegisterTable.holding.requestLimit)
    meter.record(plannedPermille: UInt32(clamping: Int64(plan.demand * 1000)))
  }

  deinit { registers.deallocate() }

  // MARK: - Polling

  package func poll(
    _ index: Int, at now: BootTime, into room: UnsafeMutableBufferPointer<Reading>
  ) -> Poll {
    account(at: now)
    let request = plan.requests[index]
    let device = request.device
    let outcome: DeviceHealth.Outcome
    if let patience = load.patience(for: index, healths[device], timeout: bus.timeout, at: now) {
      if isReachable(at: now) {
        outcome = ask(index, at: now, patience: patience, into: room)
      } else {
        outcome = fail(request, .disconnected, into: room)
      }
    } else {
      outcome = fail(request, .breakerOpen, into: room)
    }
    let moment = SystemClock.moment
    if outcome != .good, interruption.isInterrupted { return Poll(count: 0, moment: moment) }
    healths[device].record(outcome, request: index)
    return Poll(count: request.items.count, moment: moment)
  }

  /// Takes note of devices that answered too late, and of what the bus is asked for.
  private func account(at now: BootTime) {
    for unit in master.takeHeard() {
      for device in healths.indices where healths[device].unit == unit { healths[device].breaker.heard() }
    }
    load.refresh(healths, at: now)
    meter.record(plannedPermille: UInt32(clamping: Int64(load.demand * 1000)))
  }

  /// Reads the request's parts; what is refused is split.
  private func ask(
    _ index: Int, at now: BootTime, patience: Duration, into room: UnsafeMutableBufferPointer<Reading>
  ) -> DeviceHealth.Outcome {
    let request = plan.requests[index]
    let began = SystemClock.boot
    var isGood = true
    var fatal: ModbusFailure?
    splitters[index].poll(at: now) { part, span in
      if let fatal {
        fill(request, part, fatal.reason, into: room)
        return .unknown
      }
      do throws(ModbusFailure) {
        try read(request, span, patience: patience)
        if !decode(request, part, span, into: room) { isGood = false }
        return .read
      } catch {
        isGood = false
        note(error, device: request.device, patience: patience)
        fill(request, part, error.reason, into: room)
        guard case .exception(let code) = error else {
          fatal = error
          return .unknown
        }
        // 3 is what some say when they are asked for more than they can give at once.
        return code == 2 || code == 3 && part.count > 1 ? .refused : .unknown
      }
    } illegal: { part in
      isGood = false
      fill(request, part, .illegalAddress, into: room)
    }
    let took = began.duration(to: SystemClock.boot)
    if fatal == nil { load.record(index, took: took) } else { load.recordFailure(took: took) }
    return isGood ? .good : fatal == nil ? .troubled : .failed
  }

  private func read(
    _ request: PollRequest, _ span: RequestMerger.Span, patience: Duration
  ) throws(ModbusFailure) {
    let question = ModbusRequest(
      unit: request.unit, table: request.table, address: UInt16(span.first),
      count: UInt16(span.end - span.first))
    try master.read(question, patience: patience)
    healths[request.device].answered(after: master.latency)
  }

  /// Whether there is a connection, after an attempt at one if it is time for that.
  func isReachable(at now: BootTime) -> Bool {
    master.refresh(at: now)
    if master.isConnected { return true }
    guard attempts.areDue(at: now) else { return false }
    let began = SystemClock.boot
    do throws(ModbusFailure) {
      try master.connect()
      meter.record(connected: true)
      return true
    } catch {
      attempts.failed(from: began, to: SystemClock.boot)
      meter.record(connected: false)
      lastFailure = nil
      meter.record(.disconnected)
      meter.record(error: "cannot \(bus.link.verb): \(error.cause(patience: bus.timeout))")
      return false
    }
  }

  private func note(_ failure: ModbusFailure, device: Int, patience: Duration) {
    // A stop that cut the waiting short is no failure of the device.
    guard failure != .interrupted else { return }
    meter.record(failure.kind)
    if case .disconnected = failure { meter.record(connected: false) }
    if case .exception = failure {
      healths[device].answered(after: master.latency)
    } else if failure.isSilence {
      healths[device].breaker.failed(at: SystemClock.boot, random: .random(in: 0..<1))
    }
    // A device that refuses a thousand times a second must not cost a thousand sentences.
    if let lastFailure, lastFailure == (device, failure) {
      meter.errors.wrappingAdd(1, ordering: .relaxed)
      return
    }
    lastFailure = (device, failure)
    let name = plan.devices[device].name
    meter.record(error: "cannot read device \"\(name)\": \(failure.cause(patience: patience))")
  }

  // MARK: - Readings

  /// Whether all of the points were numbers.
  private func decode(
    _ request: PollRequest, _ part: Range<Int>, _ span: RequestMerger.Span,
    into room: UnsafeMutableBufferPointer<Reading>
  ) -> Bool {
    let moment = SystemClock.moment
    let timeQuality = timeQuality(moment)
    let data = master.data
    if !request.table.isBits { loadRegisters(data) }
    var areNumbers = true
    for place in part {
      let item = request.items[place]
      let offset = Int(request.address) + Int(item.offset) - span.first
      let decoded =
        request.table.isBits
        ? RegisterDecoder.decode(item.layout, bit: data[offset / 8] >> UInt8(offset % 8) & 1)
        : RegisterDecoder.decode(item.layout, registers + offset)
      switch decoded {
      case .value(let value):
        room[place] = Reading(point: item.point, at: moment, value: value, timeQuality: timeQuality)
      case .notANumber:
        areNumbers = false
        room[place] = Reading(
          point: item.point, at: moment, failed: .notANumber, timeQuality: timeQuality)
      }
    }
    return areNumbers
  }

  private func loadRegisters(_ data: UnsafeRawBufferPointer) {
    for place in 0..<data.count / 2 {
      registers[place] = UInt16(data[2 * place]) << 8 | UInt16(data[2 * place + 1])
    }
  }

  private func fill(
    _ request: PollRequest, _ part: Range<Int>, _ reason: QualityReason,
    into room: UnsafeMutableBufferPointer<Reading>
  ) {
    let moment = SystemClock.moment
    let timeQuality = timeQuality(moment)
    for place in part {
      room[place] = Reading(
        point: request.items[place].point, at: moment, failed: reason, timeQuality: timeQuality)
    }
  }

  private func fail(
    _ request: PollRequest, _ reason: QualityReason, into room: UnsafeMutableBufferPointer<Reading>
  ) -> DeviceHealth.Outcome {
    fill(request, request.items.indices, reason, into: room)
    return .failed
  }
}

extension BusConfig.Link {
  /// What is done to reach it, with its object.
  var verb: String {
    switch self {
    case .modbusTCP(let host, let port), .modbusRTUOverTCP(let host, let port, _):
      "connect to \"\(host):\(port)\""
    case .modbusRTU(let line), .serial(let line): "open \"\(line.device)\""
    case .gpio(let chip): "open \"\(chip)\""
    }
  }
}
