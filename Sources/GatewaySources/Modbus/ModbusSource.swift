package import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// A Modbus TCP bus: asks its devices by the plan, and makes a reading of each point of each answer.
///
/// Promises: each poll gives one reading for each of its points, good or failed with its reason; a reading's
/// value comes from the answer to its own request; a device that is silent costs the others at most three
/// timeouts, then one per probe; a bus that cannot be reached is tried at most once a second and spends at
/// most a fifth of the time in connecting. Allocates nothing while polls succeed. One thread.
package final class ModbusSource: Source {
  /// After a connection failed, the next attempt waits for `connectPatience` times what it took, within these.
  private static let connectPatience = 4
  private static let shortestConnectWait = Duration.seconds(1)
  private static let longestConnectWait = Duration.seconds(10)

  package let interruption = Interruption()
  package let periods: [Duration]
  package let largestPoll: Int
  package var readingsPerSecond: Double { plan.readingsPerSecond }

  private let bus: BusConfig
  private let plan: PollPlan
  private let meter: BusMeter
  private let timeQuality: @Sendable () -> TimeQuality
  private var connection: ModbusConnection
  private var nextConnect = BootTime(microseconds: .min)
  private var healths: [DeviceHealth]
  private var lastFailure: (device: Int, failure: ModbusFailure)?
  /// Registers or bits of the last answer; room for the longest, whatever was asked.
  private let registers = UnsafeMutablePointer<UInt16>.allocate(capacity: ModbusConnection.answerRegisters)
  private let bits: UnsafeMutablePointer<UInt8>?

  package init(_ setup: SourceSetup) {
    bus = setup.bus
    let plan = PollPlan(bus: setup.bus.name, of: setup.config)
    precondition(
      setup.deviceMeters.count == plan.devices.count, "BUG: \(setup.deviceMeters.count) device meters")
    self.plan = plan
    meter = setup.meter
    timeQuality = setup.timeQuality
    periods = plan.requests.map(\.period)
    largestPoll = plan.largestPoll
    healths = setup.deviceMeters.enumerated().map { device, meter in
      DeviceHealth(meter: meter, requests: plan.requestRange(ofDevice: device))
    }
    switch bus.link {
    case .modbusTCP(let host, let port):
      connection = ModbusConnection(
        host: host, port: port, timeout: bus.timeout, interruption: interruption)
    default: preconditionFailure("BUG: a bus that is none of Modbus's")
    }
    registers.initialize(repeating: 0, count: ModbusConnection.answerRegisters)
    bits =
      plan.requests.contains { $0.table.isBits } ? .allocate(capacity: ModbusConnection.answerBits) : nil
    bits?.initialize(repeating: 0, count: ModbusConnection.answerBits)
  }

  deinit {
    registers.deallocate()
    bits?.deallocate()
  }

  package func poll(
    _ request: Int, at now: BootTime, into room: UnsafeMutableBufferPointer<Reading>
  ) -> Poll {
    let index = request
    let request = plan.requests[index]
    let reason = ask(request, at: now)
    let moment = SystemClock.moment
    if reason != .none, interruption.isInterrupted { return Poll(count: 0, moment: moment) }
    let outcome: DeviceHealth.Outcome
    if reason == .none {
      outcome = decode(request, at: moment, into: room) ? .good : .troubled
    } else {
      fail(request, reason, at: moment, into: room)
      outcome = reason.rawValue >= QualityReason.illegalFunction.rawValue ? .troubled : .failed
    }
    healths[request.device].record(outcome, request: index)
    return Poll(count: request.items.count, moment: moment)
  }

  /// Gets the answer to a request; `.none` when it is there.
  private func ask(_ request: PollRequest, at now: BootTime) -> QualityReason {
    guard healths[request.device].breaker.permits(at: now) else { return .breakerOpen }
    guard isReachable(at: now) else { return .disconnected }
    meter.requests.wrappingAdd(1, ordering: .relaxed)
    do throws(ModbusFailure) {
      try read(request)
      healths[request.device].breaker.answered()
      return .none
    } catch {
      // A stop that shut the socket down is no failure of the device.
      if !interruption.isInterrupted { note(error, device: request.device) }
      return error.reason
    }
  }

  private func read(_ request: PollRequest) throws(ModbusFailure) {
    if request.table.isBits, let bits {
      try connection.read(
        request.table, bits: request.count, at: request.address, unit: request.unit, into: bits)
    } else {
      try connection.read(
        request.table, registers: request.count, at: request.address, unit: request.unit, into: registers)
    }
  }

  /// Whether there is a connection, after an attempt at one if it is time for that.
  private func isReachable(at now: BootTime) -> Bool {
    connection.closeIfStale()
    if connection.isConnected { return true }
    guard now >= nextConnect else { return false }
    do throws(ModbusFailure) {
      try connection.connect()
      meter.record(connected: true)
      return true
    } catch {
      let end = SystemClock.boot
      let patience = now.duration(to: end) * Self.connectPatience
      nextConnect = end.advanced(by: max(Self.shortestConnectWait, min(patience, Self.longestConnectWait)))
      meter.record(connected: false)
      lastFailure = nil
      meter.record(error: "cannot connect to \(address): \(error.cause(timeout: bus.timeout))")
      return false
    }
  }

  private func note(_ failure: ModbusFailure, device: Int) {
    if case .disconnected = failure { meter.record(connected: false) }
    if failure.isAnswer {
      healths[device].breaker.answered()
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
    meter.record(error: "cannot read device \"\(name)\": \(failure.cause(timeout: bus.timeout))")
  }

  private var address: String {
    switch bus.link {
    case .modbusTCP(let host, let port): "\"\(host):\(port)\""
    default: ""
    }
  }

  /// Whether all of the points were numbers.
  private func decode(
    _ request: PollRequest, at moment: Moment, into room: UnsafeMutableBufferPointer<Reading>
  ) -> Bool {
    let timeQuality = timeQuality()
    var areNumbers = true
    for place in request.items.indices {
      let item = request.items[place]
      let decoded =
        if request.table.isBits, let bits {
          RegisterDecoder.decode(item.layout, bit: bits[Int(item.offset)])
        } else {
          RegisterDecoder.decode(item.layout, registers + Int(item.offset))
        }
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

  private func fail(
    _ request: PollRequest, _ reason: QualityReason, at moment: Moment,
    into room: UnsafeMutableBufferPointer<Reading>
  ) {
    let timeQuality = timeQuality()
    for place in request.items.indices {
      room[place] = Reading(
        point: request.items[place].point, at: moment, failed: reason, timeQuality: timeQuality)
    }
  }
}
