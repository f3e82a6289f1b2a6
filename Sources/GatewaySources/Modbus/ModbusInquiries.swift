package import GatewayCore
internal import GatewaySystem

/// A technician's questions to a Modbus bus, asked between two polls.
extension ModbusSource {
  /// A stranger is given as long as most devices need, even where that is more than the neighbours' tenth.
  private static let strangersDue = Duration.milliseconds(50)

  /// What it is expected to take: a device that answers takes as long as it took so far, a stranger may take all
  /// the time that it is given.
  package func time(for inquiry: BusInquiry) -> Duration {
    let device = healths.first { $0.unit == inquiry.unit && $0.breaker.trusts }
    let wait = device?.latency ?? patience(forUnit: inquiry.unit)
    switch inquiry {
    case .read(_, let table, _, let count): return plan.timing.time(table, count: Int(count)) + wait
    // One read, and two questions for its identity.
    case .probe: return plan.timing.overhead * 3 + wait
    }
  }

  package func answer(_ inquiry: BusInquiry) -> BusFinding {
    guard isReachable(at: SystemClock.boot) else {
      return .failed(.disconnected, cause: meter.lastError ?? "cannot \(bus.link.verb)")
    }
    let patience = patience(forUnit: inquiry.unit)
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
      return .failed(error.reason, cause: error.cause(patience: patience))
    }
  }

  /// A stranger may cost no more than a dead device does, but is given the time that most devices need: the
  /// technician who scans a fast bus wants to find the slow ones too.
  private func patience(forUnit unit: UInt8) -> Duration {
    let isTrusted = healths.contains { $0.unit == unit && $0.breaker.trusts }
    return isTrusted ? bus.timeout : min(bus.timeout, max(load.bearable(), Self.strangersDue))
  }

  /// Whatever a unit answers, it is there; then it is asked what it is.
  private func probe(_ unit: UInt8, patience: Duration) throws(ModbusFailure) -> BusFinding {
    let question = ModbusRequest(unit: unit, table: .holding, address: 0, count: 1)
    do throws(ModbusFailure) { try master.read(question, patience: patience) } catch {
      // 10 and 11 come from a gateway that found nobody (Application Protocol 1.1b3, section 7).
      guard case .exception(let code) = error, code != 10, code != 11 else { throw error }
    }
    let identity = (try? master.identify(unit, patience: patience)) ?? []
    return .identity(identity)
  }

  private func words(_ data: UnsafeRawBufferPointer) -> [UInt16] {
    (0..<data.count / 2).map { UInt16(data[2 * $0]) << 8 | UInt16(data[2 * $0 + 1]) }
  }

  private func bits(_ data: UnsafeRawBufferPointer, count: Int) -> [Bool] {
    (0..<count).map { data[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }
  }
}
