/// What a Smart Data Model (https://smartdatamodels.org) asks of an entity of its type.
package struct SmartModel: Sendable {
  package let name: String
  /// The repository `dataModel.…` that it belongs to: short names mean different things in each.
  package let subject: String
  /// Beside `id`, `type` and `location`.
  package let required: [String]
  package let needsLocation: Bool
  package let attributes: [SmartAttribute]

  /// `table` holds an attribute in each line: its name, its form (number, integer, angle, flag, text, date, link, links,
  /// `word (…)`, `words (…)`, `parts (…)`) and then, where there are any, the range `0..1` with an open end left out,
  /// the units `u:` that the model allows (the first where the unit is fixed; `*`: any, `u:` left out: none is known),
  /// and `=` what of a window is sent: mean where nothing stands, `chosen` where only a person can know.
  init(_ name: String, of subject: String, required: [String], needsLocation: Bool = false, _ table: String) {
    self.name = name
    self.subject = subject
    self.required = required
    self.needsLocation = needsLocation
    attributes = (table + Self.common).split(separator: "\n").map(SmartAttribute.init(line:))
  }

  /// Of the schemas' GSMA-Commons.
  private static let common = """

    name text
    alternateName text
    description text
    dataProvider text
    owner words
    source text
    """

  package static let all = [
    airQualityObserved, noiseLevelObserved, weatherObserved, trafficFlowObserved, waterObserved,
    floodMonitoring,
    streetlight, streetlightControlCabinet, acMeasurement, threePhaseAcMeasurement, device, deviceMeasurement,
  ]

  package static func named(_ name: String) -> SmartModel? { all.first { $0.name == name } }

  package func attribute(_ name: String) -> SmartAttribute? { attributes.first { $0.name == name } }

  /// Where the meaning of its names is published.
  package var contextURL: String {
    "https://raw.githubusercontent.com/smart-data-models/dataModel.\(subject)/master/context.jsonld"
  }

  /// The attributes that say when its others were observed; the gateway writes them.
  package var instants: [String] {
    ["dateObserved", "observationDateTime", "dateLastValueReported"].filter { attribute($0) != nil }
  }

  /// Whether it also has `dateObservedFrom` and `dateObservedTo`.
  package var hasSpan: Bool { attribute("dateObservedFrom") != nil }

  func isDate(_ name: String) -> Bool {
    instants.contains(name) || name == "dateObservedFrom" || name == "dateObservedTo"
  }
}

/// An attribute of a model.
package struct SmartAttribute: Sendable, Equatable {
  package enum Form: Sendable, Equatable {
    case number
    case integer
    /// Degrees: a value outside of the range comes round into it.
    case angle
    case flag
    case text
    case date
    /// Another entity's id; several.
    case link
    case links
    case word([String])
    /// A list of words; of any where there are none.
    case words([String])
    /// An object of numbers with these names.
    case parts([String])
  }

  package let name: String
  package private(set) var form = Form.text
  /// Infinite where the model sets no bound.
  package private(set) var range = -Double.infinity...Double.infinity
  /// UN/CEFACT codes; nil: the model does not speak of units. Empty: any.
  package private(set) var units: [String]?
  package private(set) var statistic: Statistic? = .mean

  fileprivate init(line: Substring) {
    let tokens = line.split(separator: " ").map(String.init)
    precondition(tokens.count >= 2, "BUG: a model's line \"\(line)\"")
    name = tokens[0]
    let list = tokens.first { $0.hasPrefix("(") }.map { Self.list($0.dropFirst().dropLast(), ",") }
    form = Self.form(tokens[1], list ?? [])
    for token in tokens.dropFirst(2) {
      if let dots = token.firstRange(of: ".."), !token.hasPrefix("(") {
        let (low, high) = (Double(token[..<dots.lowerBound]), Double(token[dots.upperBound...]))
        range = (low ?? -.infinity)...(high ?? .infinity)
      } else if token.hasPrefix("u:") {
        units = token == "u:*" ? [] : Self.list(token.dropFirst(2), "/")
      } else if token.hasPrefix("=") {
        statistic = Statistic(rawValue: String(token.dropFirst()))
      }
    }
  }

  private static func list(_ text: Substring, _ separator: Character) -> [String] {
    text.split(separator: separator).map(String.init)
  }

  private static func form(_ word: String, _ list: [String]) -> Form {
    switch word {
    case "number": .number
    case "integer": .integer
    case "angle": .angle
    case "flag": .flag
    case "text": .text
    case "date": .date
    case "link": .link
    case "links": .links
    case "word": .word(list)
    case "words": .words(list)
    case "parts": .parts(list)
    default: preconditionFailure("BUG: a model's form \"\(word)\"")
    }
  }

  /// Its value with the whole turns added or taken away that bring an angle into the range.
  package func turned(_ value: Double) -> Double {
    guard form == .angle else { return value }
    if value > range.upperBound { return value - 360 }
    return value < range.lowerBound ? value + 360 : value
  }
}

/// What of a window is sent where one value has to stand for it.
package enum Statistic: String, Sendable, CaseIterable {
  case mean, last, min, max, sum, first, range, twmean, p50, p90, p99, transitions, vmean, increase, rate

  /// The same among a window's functions, which have the same words.
  package var function: WindowFunctions {
    WindowFunctions.words.first { "\($0.word)" == rawValue }?.function ?? .last
  }
}
