/// What is known of the unit of a part of a formula.
enum FormulaUnit: Equatable {
  /// A number of the formula itself.
  case number
  case code(String)
  /// Of a point without a unit, or what no rule tells.
  case unknown

  /// The unit of the result; nil where none is known. Throws where different units meet that should be one.
  static func unit(
    of formula: Formula, at places: [Int], _ inputs: [String?]
  ) throws(FormulaProblem) -> String? {
    var stack: [FormulaUnit] = []
    for (step, place) in zip(formula.steps, places) {
      switch step {
      case .number: stack.append(.number)
      case .input(let index): stack.append(inputs[index].map { .code($0) } ?? .unknown)
      case .apply(let function, let count):
        let terms = Array(stack.suffix(count))
        stack.removeLast(count)
        stack.append(try result(of: function, terms, place))
      }
    }
    guard case .code(let code) = stack.last else { return nil }
    return code
  }

  private static func result(
    of function: FormulaFunction, _ terms: [FormulaUnit], _ place: Int
  ) throws(FormulaProblem) -> FormulaUnit {
    switch function {
    case .negate, .abs, .round, .floor, .ceil: return terms[0]
    case .multiply: return terms[0] == .number ? terms[1] : terms[1] == .number ? terms[0] : .unknown
    case .divide: return terms[1] == .number ? terms[0] : .unknown
    case .add, .subtract: return try same(terms, function, place, numberKeeps: false)
    case .min, .max, .avg: return try same(terms, function, place, numberKeeps: true)
    case .choose: return try same(Array(terms.dropFirst()), function, place, numberKeeps: true)
    case .less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .unequal:
      _ = try same(terms, function, place, numberKeeps: true)
      return .number
    default: return terms.allSatisfy { $0 == .number } ? .number : .unknown
    }
  }

  /// `numberKeeps`: a number beside a unit is meant in it, as the 0 of max(t, 0).
  private static func same(
    _ terms: [FormulaUnit], _ function: FormulaFunction, _ place: Int, numberKeeps: Bool
  ) throws(FormulaProblem) -> FormulaUnit {
    var result: FormulaUnit?
    for term in terms where !(numberKeeps && term == .number) {
      if case .code(let one) = result, case .code(let other) = term, one != other {
        throw FormulaProblem(offset: place, sentence: function.complaint(one, other))
      }
      result = result == nil || result == term ? term : .unknown
    }
    return result ?? .number
  }
}

extension FormulaFunction {
  fileprivate func complaint(_ one: String, _ other: String) -> String {
    let advice = "bring both to one unit first"
    return switch self {
    case .add: "the formula adds \(other) to \(one); \(advice)"
    case .subtract: "the formula takes \(other) from \(one); \(advice)"
    case .less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .unequal:
      "the formula compares \(one) with \(other); \(advice)"
    default: "\(quoted(rawValue)) has values in \(one) and in \(other); \(advice)"
    }
  }
}
