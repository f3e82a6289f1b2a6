package import GatewayCore
internal import GatewaySystem

/// A technician's questions to a Modbus bus, asked between two polls.
extension ModbusSource {
  /// A stranger is given as long as most devices need, even where neither a rest of the bus nor the neighbours' tenth
  /// is as long.
  private static let strangersDue = Duration.milliseconds(50)

  /// A device that answers takes as long as it took so far, a stranger may take the whole timeout.
  package func time(for inquiry: BusInquiry) -> Duration {
    let wait = trusted(inquiry.unit)?.latency ?? bus.timeout
    switch inquiry {
    case .read(_, let table, _, let count): return plan.timing.time(table, count: Int(count)) + wait
    // One read, and two questions for its identity.
    case .probe: return plan.timing.overhead * 3 + wait
    }
  }

  package func answer(_ inquiry: BusInquiry, within free: Duration?) -> BusFinding {
    guard isReachable(at: SystemClock.boot) else {
      return .failed(.disconnected, cause: meter.lastError ?? "cannot \(bus.link.verb)")
    }
    let patience = patience(for: inquiry, within: free)
    do throws(ModbusFailure) {
      switch inquiry {
      case .read(let unit, let table, let address, let count):
        try master.read(
          ModbusRequest(unit: unit, table: table, address: address, count: count), patience: patience)
        return table.isBits ? .bits(bits(master.data, count: Int(count))) : .words(words(master.data))
      case .probe(let unit): return try probe(unit, patience: patience)
      }
    } catch {
      if case .exception(let code) = error { return .exception(code) }
      return .failed(error.reason, cause: cause(error, patience))
    }
  }

  private func trusted(_ unit: UInt8) -> DeviceHealth? {
    healths.first { $0.unit == unit && $0.breaker.trusts }
  }

  private func cause(_ failure: ModbusFailure, _ patience: Duration) -> String {
    let cause = failure.cause(patience: patience)
    guard case .timeout(foreign: false) = failure, patience < bus.timeout else { return cause }
    return cause
      + "; polling leaves no more of the bus's timeout of \(bus.timeout.microseconds / 1000) ms"
  }

  /// A stranger is given the time that the bus has anyway, and may cost its neighbours what a dead device does: the
  /// technician who scans a bus wants to find the slow ones too.
  private func patience(for inquiry: BusInquiry, within free: Duration?) -> Duration {
    guard trusted(inquiry.unit) == nil else { return bus.timeout }
    // Where nobody answers there is nobody to wait with.
    let isAlive = healths.contains { $0.breaker.trusts }
    let rest = isAlive ? free.map { $0 - (time(for: inquiry) - bus.timeout) } ?? bus.timeout : .zero
    return min(bus.timeout, max(rest, load.bearable(), Self.strangersDue))
  }

  /// Whatever a unit answers, it is there; then it is asked what it is.
  private func probe(_ unit: UInt8, patience: Duration) throws(ModbusFailure) -> BusFinding {
    let question = ModbusRequest(unit: unit, table: .holding, address: 0, count: 1)
    do throws(ModbusFailure) { try master.read(question, patience: patience) } catch {
      // 10 and 11 come from a gateway that found nobody (Application Protocol 1.1b3, section 7).
      guard case .exception(let code) = error, code != 10, code != 11 else { throw error }
    }
    // It may not answer this one: then no more than what its first answer took is lost.
    let due = min(patience, max(load.bearable(), Self.strangersDue, master.latency * 2))
    let identity = (try? master.identify(unit, patience: due)) ?? []
    return .identity(identity)
  }

  private func words(_ data: UnsafeRawBufferPointer) -> [UInt16] {
    (0..<data.count / 2).map { UInt16(data[2 * $0]) << 8 | UInt16(data[2 * $0 + 1]) }
  }

  private func bits(_ data: UnsafeRawBufferPointer, count: Int) -> [Bool] {
    (0..<count).map { data[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }
  }
}
