// The command line, understood: `gatewayctl [--socket PATH] VERB [ARGUMENT…] [--json]`, options anywhere.
internal import GatewayControl
internal import GatewayCore
internal import GatewaySystem
internal import Glibc

enum Verb: String, CaseIterable {
  case status, alarms, sensors, watch, read, scan, bus, gpio, store, export, quarantine, preview, provision,
    check,
    reload
  case flush, help
}

struct UsageError: Error {
  var sentence: String
}

struct Invocation {
  private(set) var verb: Verb?
  private(set) var arguments: [String] = []
  private(set) var wantsJSON = false
  private(set) var wantsVersion = false
  private var flags: Set<String> = []
  /// The options that were given with a value.
  private var values: [String: String] = [:]

  /// The options that take a value, what it is called, and the verbs they are for; none stands for all.
  private static let valued: [(word: String, noun: String, verbs: [Verb])] = [
    ("--socket", "a path", []), ("--type", "a type", [.read]), ("--order", "an order", [.read]),
    ("--count", "a number", [.read]), ("--from", "a unit", [.scan]), ("--to", "a unit", [.scan]),
    ("--destination", "a name", [.export, .quarantine]),
  ]
  /// The options that are given or not, and the verbs they are for.
  private static let plain: [(word: String, verbs: [Verb])] = [
    ("--mark-delivered", [.export]), ("--force", [.export]),
  ]

  init(parsing words: [String]) throws(UsageError) {
    var words = words[...]
    var onlyArguments = false
    while let word = words.popFirst() {
      if onlyArguments || !word.hasPrefix("-") || word == "-" {
        try take(word)
      } else if word == "--" {
        onlyArguments = true
      } else {
        try takeOption(word, &words)
      }
    }
    try checkArguments()
    try checkOptions()
  }

  var socket: String { values["--socket"] ?? ControlInterface.defaultPath }

  private mutating func take(_ word: String) throws(UsageError) {
    guard verb != nil else {
      guard let known = Verb(rawValue: word) else {
        throw Self.unknown("verb", word, Verb.allCases.map(\.rawValue))
      }
      verb = known
      return
    }
    arguments.append(word)
  }

  private mutating func takeOption(_ word: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
    switch word {
    case "--json": wantsJSON = true
    case "--version": wantsVersion = true
    case "--help", "-h": verb = .help
    case let word where Self.plain.contains { $0.word == word }: flags.insert(word)
    default: try takeValued(word, &rest)
    }
  }

  private mutating func takeValued(_ word: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let option = Self.valued.first(where: { $0.word == parts[0] }) else {
      throw Self.unknown("option", word, Self.words)
    }
    guard let value = parts.count == 2 ? parts[1] : rest.popFirst(), !value.isEmpty else {
      throw UsageError(sentence: "\(option.word) needs \(option.noun)")
    }
    values[option.word] = value
  }

  private static let words =
    ["--json", "--version", "--help"] + plain.map(\.word) + valued.map(\.word)

  private func checkArguments() throws(UsageError) {
    switch verb {
    case nil where !wantsVersion: throw UsageError(sentence: "what should be done? No verb is given")
    case .check where arguments.count != 1, .export where arguments.count != 1:
      throw UsageError(sentence: "\(verb?.rawValue ?? "") needs one file")
    case .preview where arguments.isEmpty:
      throw UsageError(sentence: "preview needs the name of a destination")
    case .scan where arguments.count != 1, .bus where arguments.count != 1:
      throw UsageError(sentence: "\(verb?.rawValue ?? "") needs the name of one bus")
    case .provision where arguments.count != 1:
      throw UsageError(sentence: "provision needs the name of one destination")
    case .gpio where arguments.count != 1: throw UsageError(sentence: "gpio needs one chip")
    case .read where !(3...4).contains(arguments.count):
      throw UsageError(sentence: "read needs a bus, a unit and a register such as \"input 40\"")
    case .status, .alarms, .sensors, .store, .reload, .flush:
      if let first = arguments.first { throw UsageError(sentence: "unexpected argument \"\(first.plain)\"") }
    default: break
    }
  }

  private func checkOptions() throws(UsageError) {
    guard let verb, verb != .help else { return }
    let given = Self.valued.filter { values[$0.word] != nil }.map { ($0.word, $0.verbs) }
    for option in given + Self.plain.filter({ flags.contains($0.word) }).map({ ($0.word, $0.verbs) })
    where !option.1.isEmpty && !option.1.contains(verb) {
      let verbs = option.1.map(\.rawValue).joined(separator: " and ")
      throw UsageError(sentence: "\(option.0) is for \(verbs), not for \(verb.rawValue)")
    }
  }

  static func unknown(_ noun: String, _ word: String, _ known: [String]) -> UsageError {
    let hint = nearestWord(to: word, in: known).map { ", did you mean \"\($0)\"?" } ?? ""
    return UsageError(sentence: "unknown \(noun) \"\(word.plain)\"\(hint)")
  }

  func isSet(_ flag: String) -> Bool { flags.contains(flag) }

  func value(of option: String) -> String? { values[option] }

  /// What the option says; nil where it was not given.
  func option<Value>(_ word: String, _ form: ScalarForm<Value>) throws(UsageError) -> Value? {
    guard let text = values[word] else { return nil }
    return try Self.understand(text, word, form)
  }

  /// `noun` is what the text stands for.
  static func understand<Value>(
    _ text: String, _ noun: String, _ form: ScalarForm<Value>
  ) throws(UsageError) -> Value {
    if let value = form.parse(text, true) { return value }
    let hint = form.nearest(text).map { ", did you mean \"\($0)\"?" } ?? ""
    throw UsageError(sentence: "\(noun) should be \(form.expectation), not \"\(text.plain)\"\(hint)")
  }

  /// Does what was asked; the exit code.
  func run() throws(UsageError) -> Int32 {
    if wantsVersion { return printVersion() }
    switch verb {
    case .status: return runStatus()
    case .alarms: return runAlarms()
    case .sensors: return runSensors()
    case .watch: return runWatch()
    case .read: return try runRead()
    case .scan: return try runScan()
    case .bus: return runBus()
    case .gpio: return runGPIO()
    case .store: return runStore()
    case .export: return runExport()
    case .provision: return runProvision()
    case .quarantine: return try runQuarantine()
    case .preview: return runPreview()
    case .check: return runCheck()
    case .reload: return runReload()
    case .flush: return runFlush()
    case .help, nil: return runHelp()
    }
  }

  /// How standard output is to look.
  var terminal: Terminal {
    guard isatty(STDOUT_FILENO) == 1 else { return .narrow }
    let isDumb = environment("TERM") == "dumb"
    return Terminal(
      width: terminalColumns(STDOUT_FILENO) ?? 80, isColoured: environment("NO_COLOR") == nil && !isDumb)
  }

  private func environment(_ name: String) -> String? {
    // An empty NO_COLOR counts as none (no-color.org).
    guard let text = getenv(name), text.pointee != 0 else { return nil }
    return String(cString: text)
  }
}
