internal import Glibc

/// What a derived point is computed by: `u * i * cosphi`. Made by `FormulaParser`; its inputs are points.
package struct Formula: Equatable, Sendable {
  /// Of a machine with a stack: each takes what it needs from there and leaves its result.
  package enum Step: Equatable, BitwiseCopyable, Sendable {
    case number(Double)
    /// A place in `inputs`.
    case input(Int)
    case apply(FormulaFunction, count: Int)
  }

  /// Results that may wait for others at a time, and levels of nesting.
  package static let deepest = 32

  /// Full names, `device.point`, each once.
  package let inputs: [String]
  let steps: [Step]

  init(inputs: [String], steps: [Step]) { (self.inputs, self.steps) = (inputs, steps) }

  /// NaN where any part of it that counts is not a finite number: a division by 0, the root of a negative number, an
  /// overflow. `if` looks at the value only that it chooses. Allocates nothing.
  package func evaluate(_ input: (Int) -> Double) -> Double {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.deepest + 1) { stack in
      var height = 0
      for step in steps {
        switch step {
        case .number(let number): stack[height] = number
        case .input(let place): stack[height] = input(place)
        case .apply(let function, let count):
          height -= count
          let result = function.result(UnsafeBufferPointer(rebasing: stack[height..<height + count]))
          stack[height] = result.isFinite ? result : .nan
        }
        height += 1
      }
      return height == 1 ? stack[0] : .nan
    }
  }
}

package enum FormulaFunction: String, BitwiseCopyable, Sendable, CaseIterable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case power = "^"
  case negate = "unary -"
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case equal = "=="
  case unequal = "!="
  case choose = "if"
  case abs, min, max, avg, sqrt, exp, ln, log10, sin, cos, tan, atan2, round, floor, ceil

  /// Those that are called by name.
  static let named = allCases.filter { $0.rawValue.first?.isLetter == true && $0 != .negate }

  /// How many values a function takes.
  var counts: ClosedRange<Int> {
    switch self {
    case .choose: 3...3
    case .atan2: 2...2
    case .min, .max, .avg: 1...16
    default: 1...1
    }
  }

  fileprivate func result(_ values: UnsafeBufferPointer<Double>) -> Double {
    let one = values[0]
    if self == .choose { return one.isNaN ? .nan : one != 0 ? values[1] : values[2] }
    for value in values where value.isNaN { return .nan }
    switch self {
    case .negate: return -one
    case .abs: return Swift.abs(one)
    case .sqrt: return one.squareRoot()
    case .exp: return Glibc.exp(one)
    case .ln: return Glibc.log(one)
    case .log10: return Glibc.log10(one)
    case .sin: return Glibc.sin(one)
    case .cos: return Glibc.cos(one)
    case .tan: return Glibc.tan(one)
    case .round: return one.rounded()
    case .floor: return one.rounded(.down)
    case .ceil: return one.rounded(.up)
    case .min: return values.reduce(one) { Swift.min($0, $1) }
    case .max: return values.reduce(one) { Swift.max($0, $1) }
    case .avg: return values.reduce(0, +) / Double(values.count)
    default: return ofTwo(one, values[1])
    }
  }

  private func ofTwo(_ one: Double, _ other: Double) -> Double {
    switch self {
    case .add: one + other
    case .subtract: one - other
    case .multiply: one * other
    case .divide: one / other
    case .power: pow(one, other)
    case .atan2: Glibc.atan2(one, other)
    case .less: one < other ? 1 : 0
    case .lessOrEqual: one <= other ? 1 : 0
    case .greater: one > other ? 1 : 0
    case .greaterOrEqual: one >= other ? 1 : 0
    case .equal: one == other ? 1 : 0
    case .unequal: one != other ? 1 : 0
    default: .nan
    }
  }
}
