/// What a request costs on a bus, in time: the plan merges reads by it, the schedule finds out by it whether the
/// bus can keep all its periods, and the breaker what a dead device may cost. Pure.
package struct BusTiming: Equatable, Sendable {
  /// What every request costs, whatever it asks for.
  package var overhead: Duration
  /// What each register adds.
  package var register: Duration
  /// What each bit of the bit tables adds; eight are a byte.
  package var bit: Duration
  /// From a request's first byte until the first byte of its answer can be there, on the line alone.
  package var lead: Duration

  package init(overhead: Duration, register: Duration, bit: Duration, lead: Duration) {
    self.overhead = overhead
    self.register = register
    self.bit = bit
    self.lead = lead
  }

  package init(_ bus: BusConfig) {
    switch bus.link {
    case .modbusRTU(let line): self.init(line, turnaround: bus.turnaround)
    case .modbusRTUOverTCP(_, _, let baud):
      self.init(SerialLine(device: "", baud: baud, parity: .even), turnaround: bus.turnaround)
      overhead += Self.network
    case .modbusTCP:
      // 100 Mbit/s; the registers cost next to nothing beside the round trip.
      self.init(
        overhead: Self.network, register: .nanoseconds(160), bit: .nanoseconds(10), lead: Self.network)
    case .gpio, .serial: self.init(overhead: .zero, register: .zero, bit: .zero, lead: .zero)
    }
  }

  /// A round trip in a cabinet, with a small device's time to answer.
  private static let network = Duration.milliseconds(1)

  /// A silence, the request's 8 characters, the silence by which the device knows its end, the device's own time,
  /// and 5 characters of the answer beside its data (Modbus over Serial Line 1.02, section 2.5.1).
  private init(_ line: SerialLine, turnaround: Duration) {
    let lead = line.silence + line.time(ofCharacters: Double(ModbusRequest.rtuLength)) + turnaround
    self.init(
      overhead: line.silence + lead + line.time(ofCharacters: 5), register: line.time(ofCharacters: 2),
      bit: line.time(ofCharacters: 0.125), lead: lead)
  }

  package func time(_ table: RegisterTable, count: Int) -> Duration {
    overhead + (table.isBits ? bit : register) * count
  }
}
