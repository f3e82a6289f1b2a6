/// A line of InfluxDB's line protocol, read as its reference has it ("Line protocol", docs.influxdata.com), and strictly.
struct ProtocolLine: Equatable {
  enum Field: Equatable {
    case float(Double)
    case integer(Int64)
    case boolean(Bool)
    case string(String)

    /// The type that a field keeps for ever.
    var type: String {
      switch self {
      case .float: "float"
      case .integer: "integer"
      case .boolean: "boolean"
      case .string: "string"
      }
    }
  }

  var measurement: String
  var tags: [String: String]
  var fields: [String: Field]
  /// In the unit that the request names.
  var time: Int64
}

struct LineScanner {
  struct Problem: Error { var text: String }

  private let bytes: ArraySlice<UInt8>
  private var index: Int

  private init(_ line: ArraySlice<UInt8>) {
    bytes = line
    index = line.startIndex
  }

  static func line(_ line: ArraySlice<UInt8>) throws(Problem) -> ProtocolLine {
    var scanner = LineScanner(line)
    return try scanner.scan()
  }

  private mutating func scan() throws(Problem) -> ProtocolLine {
    let measurement = try word(until: ", ", escapes: ", ", "measurement")
    if measurement.hasPrefix("#") || measurement.hasPrefix("_") { throw Problem(text: "not a measurement") }
    var line = ProtocolLine(measurement: measurement, tags: [:], fields: [:], time: 0)
    while take(",") {
      let key = try word(until: "=", escapes: ",= ", "tag key")
      try expect("=")
      let value = try word(until: ", ", escapes: ",= ", "tag value")
      if line.tags.updateValue(value, forKey: key) != nil { throw Problem(text: "duplicate tags") }
    }
    try expect(" ")
    repeat {
      let key = try word(until: "=", escapes: ",= ", "field key")
      try expect("=")
      if line.fields.updateValue(try field(), forKey: key) != nil { throw Problem(text: "duplicate fields") }
    } while take(",")
    try expect(" ")
    guard let time = Int64(String(decoding: bytes[index...], as: UTF8.self)) else {
      throw Problem(text: "bad timestamp")
    }
    line.time = time
    return line
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard index < bytes.endIndex, bytes[index] == UInt8(ascii: character) else { return false }
    index += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(Problem) {
    guard take(character) else { throw Problem(text: "missing '\(character)'") }
  }

  /// Up to one of `ends` that has no backslash before it. A backslash before anything but `escapes` is one.
  private mutating func word(until ends: String, escapes: String, _ noun: String) throws(Problem) -> String {
    var word: [UInt8] = []
    while index < bytes.endIndex, !ends.utf8.contains(bytes[index]) {
      let next = index + 1
      if bytes[index] == UInt8(ascii: "\\"), next < bytes.endIndex, escapes.utf8.contains(bytes[next]) {
        index = next
      }
      word.append(bytes[index])
      index += 1
    }
    guard !word.isEmpty else { throw Problem(text: "missing \(noun)") }
    return String(decoding: word, as: UTF8.self)
  }

  private mutating func field() throws(Problem) -> ProtocolLine.Field {
    if take("\"") { return .string(try text()) }
    let word = try word(until: ", ", escapes: "", "field value")
    switch word {
    case "t", "T", "true", "True", "TRUE": return .boolean(true)
    case "f", "F", "false", "False", "FALSE": return .boolean(false)
    default: break
    }
    if word.hasSuffix("i") {
      guard let number = Int64(word.dropLast()) else { throw Problem(text: "invalid integer '\(word)'") }
      return .integer(number)
    }
    let digits = "0123456789+-.eE".utf8
    guard word.utf8.allSatisfy({ digits.contains($0) }), let number = Double(word), number.isFinite else {
      throw Problem(text: "invalid number '\(word)'")
    }
    return .float(number)
  }

  private mutating func text() throws(Problem) -> String {
    var text: [UInt8] = []
    while !take("\"") {
      _ = take("\\")
      guard index < bytes.endIndex else { throw Problem(text: "unbalanced quotes") }
      text.append(bytes[index])
      index += 1
    }
    return String(decoding: text, as: UTF8.self)
  }
}
