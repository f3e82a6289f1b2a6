/// What is wrong with a formula, and where: characters before it.
struct FormulaProblem: Error, Equatable {
  var offset: Int
  /// Empty where it has been said elsewhere.
  var sentence: String
}

/// Reads formulas: `+ - * / ^`, unary minus, parentheses, comparisons (1 or 0), functions, `pi`, numbers, and names of
/// points. Comparisons bind loosest, then `+ -`, `* /`, unary minus, and `^` closest, from the right: -a^2 is -(a^2).
///
/// A name may hold hyphens: of `a-b` the longest part up to a hyphen that is a known name is one, so that between two
/// names that could be one there must be spaces around a minus.
struct FormulaParser {
  /// Whether a text is a point's name here, and that point's full name.
  let point: (String) -> String?
  /// What to say about a name that is none; empty for nothing.
  let complaint: (String) -> String

  let text: [UInt8]
  /// What of it has been read.
  var at = 0
  private var nesting = 0
  private var height = 0
  private(set) var inputs: [String] = []
  private(set) var steps: [Formula.Step] = []
  /// Where each step stands in the text.
  private(set) var places: [Int] = []

  init(_ text: String, point: @escaping (String) -> String?, complaint: @escaping (String) -> String) {
    (self.text, self.point, self.complaint) = (Array(text.utf8), point, complaint)
  }

  mutating func parse() throws(FormulaProblem) -> Formula {
    try comparison()
    if let byte = next() {
      let what = quoted(String(decoding: [byte], as: UTF8.self))
      let near = byte == UInt8(ascii: "=") ? "; did you mean \"==\"?" : ""
      if byte == UInt8(ascii: ")") { throw problem("this \")\" closes nothing") }
      if FormulaParser.isName(byte) || byte == UInt8(ascii: "(") {
        throw problem("an operator such as + or * is missing here")
      }
      let character = byte < 128 ? what : "this character"
      throw problem("\(character) is not an operator; they are + - * / ^ < <= > >= == and !=\(near)")
    }
    guard !inputs.isEmpty else {
      throw FormulaProblem(offset: 0, sentence: "the formula names no point, and so is never computed")
    }
    return Formula(inputs: inputs, steps: steps)
  }

  private mutating func comparison() throws(FormulaProblem) {
    try enter()
    try sum()
    let words = ["<=", ">=", "==", "!=", "<", ">"]
    if let (word, place) = take(words), let function = FormulaFunction(rawValue: word) {
      try sum()
      try apply(function, 2, place)
      if take(words) != nil { throw problem("one comparison follows another; use parentheses", -1) }
    }
    nesting -= 1
  }

  private mutating func sum() throws(FormulaProblem) {
    try product()
    while let (word, place) = take(["+", "-"]), let function = FormulaFunction(rawValue: word) {
      try product()
      try apply(function, 2, place)
    }
  }

  private mutating func product() throws(FormulaProblem) {
    try unary()
    while let (word, place) = take(["*", "/"]), let function = FormulaFunction(rawValue: word) {
      if take(["*"]) != nil { throw problem("\"**\" is no operator; did you mean \"^\"?", -2) }
      try unary()
      try apply(function, 2, place)
    }
  }

  private mutating func unary() throws(FormulaProblem) {
    try enter()
    if let (_, place) = take(["-"]) {
      try unary()
      try apply(.negate, 1, place)
    } else {
      try primary()
      if let (_, place) = take(["^"]) {
        try unary()
        try apply(.power, 2, place)
      }
    }
    nesting -= 1
  }

  private mutating func primary() throws(FormulaProblem) {
    guard let byte = next() else { throw problem("the formula ends where a value should stand") }
    let place = at
    if take(["("]) != nil {
      try comparison()
      try close(place)
    } else if Self.isDigit(byte) || byte == UInt8(ascii: ".") {
      try number()
    } else if Self.isName(byte) {
      try name()
    } else {
      throw problem("a value is missing here: a number, a point's name, a function or \"(\"")
    }
  }

  private mutating func close(_ opened: Int) throws(FormulaProblem) {
    guard take([")"]) != nil else {
      guard next() == nil else { throw problem("an operator or \")\" is missing here") }
      throw FormulaProblem(offset: opened, sentence: "this \"(\" is not closed")
    }
  }

  private mutating func number() throws(FormulaProblem) {
    let (place, run) = (at, self.run())
    if DecimalText(run) == nil, let name = point(run) {
      at += run.utf8.count
      return try push(input: name, place)
    }
    var end = at
    func isDigit(_ index: Int) -> Bool { index < text.count && Self.isDigit(text[index]) }
    while isDigit(end) || (end < text.count && text[end] == UInt8(ascii: ".")) { end += 1 }
    if end < text.count, text[end] | 0x20 == UInt8(ascii: "e") {
      let isSigned = end + 1 < text.count && [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(text[end + 1])
      if isDigit(end + (isSigned ? 2 : 1)) {
        end += isSigned ? 2 : 1
        while isDigit(end) { end += 1 }
      }
    }
    let written = String(decoding: text[at..<end], as: UTF8.self)
    guard let number = DecimalText(written) else { throw problem("\(quoted(written)) is no number") }
    at = end
    if end < text.count, Self.isLetter(text[end]) {
      throw problem("an operator such as * is missing between the number and the name")
    }
    try push(.number(number.value), place)
  }

  private mutating func name() throws(FormulaProblem) {
    let (place, run) = (at, self.run())
    var candidate = Substring(run)
    while true {
      let word = String(candidate)
      at = place + word.utf8.count
      let isCall = next() == UInt8(ascii: "(")
      at = place + word.utf8.count
      if isCall, let function = FormulaFunction.named.first(where: { $0.rawValue == word }) {
        return try call(function, place)
      }
      if !isCall, let name = point(word) { return try push(input: name, place) }
      if word == "pi" { return try push(.number(.pi), place) }
      guard let hyphen = candidate.lastIndex(of: "-") else { break }
      candidate = candidate[..<hyphen]
    }
    throw unknown(run, place)
  }

  private mutating func unknown(_ run: String, _ place: Int) -> FormulaProblem {
    at = place + run.utf8.count
    let functions = FormulaFunction.named.map(\.rawValue)
    if next() == UInt8(ascii: "(") {
      let synonyms = [
        "log": "ln", "mean": "avg", "average": "avg", "pow": "^", "power": "^", "ceiling": "ceil",
        "int": "floor", "trunc": "floor", "atan": "atan2", "arctan": "atan2", "iff": "if",
      ]
      let near = synonyms[run.lowercased()] ?? nearestWord(to: run, in: functions)
      let advice = near == nil ? "; they are \(alternatives(functions))" : suggestion(near)
      return FormulaProblem(offset: place, sentence: "there is no function \(quoted(run))\(advice)")
    }
    if functions.contains(run) {
      let sentence = "\(quoted(run)) is a function and needs its values in parentheses behind it"
      return FormulaProblem(offset: place, sentence: sentence)
    }
    return FormulaProblem(offset: place, sentence: complaint(run))
  }

  private mutating func call(_ function: FormulaFunction, _ place: Int) throws(FormulaProblem) {
    let (_, opened) = take(["("]) ?? ("", at)
    var count = 0
    if next() != UInt8(ascii: ")") {
      repeat {
        try comparison()
        count += 1
      } while take([","]) != nil
    }
    try close(opened)
    guard function.counts.contains(count) else {
      let (least, most) = (function.counts.lowerBound, function.counts.upperBound)
      let right = least == most ? "\(least)" : "\(least) to \(most)"
      let sentence = "\(quoted(function.rawValue)) takes \(right) value\(most == 1 ? "" : "s"), not \(count)"
      throw FormulaProblem(offset: place, sentence: sentence)
    }
    try apply(function, count, place)
  }

  private mutating func push(input name: String, _ place: Int) throws(FormulaProblem) {
    let index = inputs.firstIndex(of: name) ?? inputs.count
    if index == inputs.count { inputs.append(name) }
    try push(.input(index), place)
  }

  private mutating func push(_ step: Formula.Step, _ place: Int) throws(FormulaProblem) {
    height += 1
    guard height <= Formula.deepest else {
      throw FormulaProblem(
        offset: place, sentence: "too much waits for its turn here; make several points of the formula")
    }
    steps.append(step)
    places.append(place)
  }

  private mutating func apply(_ function: FormulaFunction, _ count: Int, _ place: Int) throws(FormulaProblem)
  {
    height -= count
    try push(.apply(function, count: count), place)
  }

  private mutating func enter() throws(FormulaProblem) {
    nesting += 1
    guard nesting <= Formula.deepest else {
      throw problem("the formula is nested too deeply here; make several points of it")
    }
  }
}
