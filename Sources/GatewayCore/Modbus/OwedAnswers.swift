/// The answers that did not come in time and may come yet. On a serial line nothing but unit, function and length
/// tells to which request an answer belongs; while some are owed, one of them may look like the answer to the next
/// question. Pure.
///
/// The rule: while a unit owes an answer of the same function, it is first asked a marker, a question whose answer
/// can be none of the owed ones. A device answers in the order in which it was asked; so when the marker's answer
/// is there, whatever was owed has come or never will, and the question itself can be asked. Nothing else settles a
/// debt but time: frames that merely look like the owed answer may be anybody's.
package struct OwedAnswers: Sendable {
  private struct Debt: BitwiseCopyable {
    var unit: UInt8
    var function: UInt8
    var dataBytes: Int
    var until: BootTime
  }

  private var debts: [Debt] = []

  package init() {}

  /// Whether an answer may still come that could be taken for the request's, or for its refusal.
  package mutating func clouds(_ request: ModbusRequest, at now: BootTime) -> Bool {
    guard !debts.isEmpty else { return false }
    debts.removeAll { $0.until <= now }
    return owes(unit: request.unit, function: request.function)
  }

  package func owes(unit: UInt8, function: UInt8) -> Bool {
    debts.contains { $0.unit == unit && $0.function == function }
  }

  /// The answer to this is missing; after `until` it will not come any more.
  package mutating func owe(_ request: ModbusRequest, until: BootTime) {
    debts.append(
      Debt(unit: request.unit, function: request.function, dataBytes: request.dataBytes, until: until))
  }

  /// The unit gave an answer that was none of the owed ones.
  package mutating func clear(unit: UInt8) { debts.removeAll { $0.unit == unit } }

  /// The start of what the request reads, of a length that no owed answer has: even where possible, since some
  /// devices give no half of a value. Where there is none, one register or bit of the sister table, which a device
  /// refuses at worst. nil where all of these are owed. `random` is in 0 ..< 1.
  package func marker(for request: ModbusRequest, random: Double) -> ModbusRequest? {
    var marker = request
    let lengths = markers(request)
    if !lengths.isEmpty {
      let even = lengths.filter { $0 % 2 == 0 }
      let choice = even.isEmpty ? lengths : even
      marker.count = choice[min(Int(random * Double(choice.count)), choice.count - 1)]
      return marker
    }
    marker.table = request.table.sister
    marker.count = 1
    return owes(unit: marker.unit, function: marker.function) ? nil : marker
  }

  /// Shorter reads from the same address whose answers are as long as no owed one.
  private func markers(_ request: ModbusRequest) -> [UInt16] {
    guard request.count > 1 else { return [] }
    let owed = debts.filter { $0.unit == request.unit && $0.function == request.function }.map(\.dataBytes)
    return (1..<request.count).filter { count in
      var shorter = request
      shorter.count = count
      return shorter.dataBytes != request.dataBytes && !owed.contains(shorter.dataBytes)
    }
  }
}

extension RegisterTable {
  /// The other table of the same width.
  fileprivate var sister: RegisterTable {
    switch self {
    case .coil: .discrete
    case .discrete: .coil
    case .input: .holding
    case .holding: .input
    }
  }
}
