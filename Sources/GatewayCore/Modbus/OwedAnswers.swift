/// The answers that did not come in time and may come yet. On a serial line nothing but unit and function tells to
/// which request an answer belongs; while some are owed, the next of that kind may be one of them. Pure.
///
/// The rule: with k answers owed, the same question is asked k + 1 times and the last answer counts. Whatever of
/// the owed ones came has then been used up, because a device answers in the order in which it was asked; so the
/// last is an answer to this question, if perhaps to an earlier asking of it.
package struct OwedAnswers: Sendable {
  private struct Debt: BitwiseCopyable {
    var unit: UInt8
    var function: UInt8
    var until: BootTime
  }

  /// A question that would have to be repeated more often is not asked.
  package static let most = 6

  private var debts: [Debt] = []

  package init() {}

  /// The answers that may still come from the unit to this function: 0 … `most`.
  package mutating func count(unit: UInt8, function: UInt8, at now: BootTime) -> Int {
    debts.removeAll { $0.until <= now }
    return debts.count { $0.unit == unit && $0.function == function }
  }

  /// An answer is missing; after `until` it will not come any more.
  package mutating func owe(unit: UInt8, function: UInt8, until: BootTime) {
    // The oldest is the one that is least likely to come.
    if debts.count(where: { $0.unit == unit && $0.function == function }) >= Self.most {
      settle(unit: unit, function: function)
    }
    debts.append(Debt(unit: unit, function: function, until: until))
  }

  /// One of them came: the oldest of its kind. Whether there was one.
  @discardableResult
  package mutating func settle(unit: UInt8, function: UInt8) -> Bool {
    guard let place = debts.firstIndex(where: { $0.unit == unit && $0.function == function }) else {
      return false
    }
    debts.remove(at: place)
    return true
  }

  /// The question was asked more often than it was answered for certain: what is owed may come until then.
  package mutating func extend(unit: UInt8, function: UInt8, until: BootTime) {
    for place in debts.indices where debts[place].unit == unit && debts[place].function == function {
      debts[place].until = max(debts[place].until, until)
    }
  }

  package mutating func removeAll() { debts.removeAll() }
}
