// The command line, understood: `gatewayctl [--socket PATH] VERB [ARGUMENT…] [--json]`, options anywhere.
internal import GatewayControl
internal import GatewayCore
internal import GatewaySystem
internal import Glibc

enum Verb: String, CaseIterable {
  case status, sensors, watch, check, reload, flush, help
}

struct UsageError: Error {
  var sentence: String
}

struct Invocation {
  private(set) var verb: Verb?
  private(set) var arguments: [String] = []
  private(set) var socket = ControlInterface.defaultPath
  private(set) var wantsJSON = false
  private(set) var wantsVersion = false

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
  }

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
    case "--socket":
      guard let path = rest.popFirst(), !path.isEmpty else {
        throw UsageError(sentence: "--socket needs a path")
      }
      socket = path
    case _ where word.hasPrefix("--socket=") && word.count > 9: socket = String(word.dropFirst(9))
    default: throw Self.unknown("option", word, ["--json", "--version", "--help", "--socket"])
    }
  }

  private func checkArguments() throws(UsageError) {
    switch verb {
    case nil where !wantsVersion: throw UsageError(sentence: "what should be done? No verb is given")
    case .check where arguments.count != 1: throw UsageError(sentence: "check needs one file")
    case .status, .sensors, .reload, .flush:
      if let first = arguments.first { throw UsageError(sentence: "unexpected argument \"\(first.plain)\"") }
    default: break
    }
  }

  private static func unknown(_ noun: String, _ word: String, _ known: [String]) -> UsageError {
    let hint = nearestWord(to: word, in: known).map { ", did you mean \"\($0)\"?" } ?? ""
    return UsageError(sentence: "unknown \(noun) \"\(word.plain)\"\(hint)")
  }

  /// Does what was asked; the exit code.
  func run() -> Int32 {
    if wantsVersion { return printVersion() }
    switch verb {
    case .status: return runStatus()
    case .sensors: return runSensors()
    case .watch: return runWatch()
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

  /// Calls `method` of the daemon; nil after having said why there is no result, with the exit code for it.
  func call(_ method: String) throws(CallFailure) -> VarlinkReply {
    do throws(VarlinkFailure) {
      var client = try VarlinkClient(path: socket)
      return try client.call(VarlinkCall(method: "\(ControlInterface.name).\(method)"))
    } catch {
      throw CallFailure(error, wantsJSON: wantsJSON)
    }
  }
}

/// A call that failed: said on standard error, and what to exit with.
struct CallFailure: Error {
  let exitCode: Int32

  init(_ failure: VarlinkFailure, wantsJSON: Bool) {
    exitCode =
      switch failure {
      case .noAnswer, .error("org.citygateway.TooManyClients", _): ExitCode.noAnswer
      case .error("org.varlink.service.PermissionDenied", _): ExitCode.noPermission
      case .error("org.varlink.service.InvalidParameter", _): ExitCode.usage
      case .error("org.citygateway.ConfigInvalid", _): ExitCode.configuration
      case .error: ExitCode.failure
      }
    Self.report(failure, wantsJSON)
  }

  private static func report(_ failure: VarlinkFailure, _ wantsJSON: Bool) {
    if wantsJSON { return printJSONError(failure) }
    if case .error("org.citygateway.ConfigInvalid", let parameters) = failure {
      for problem in parameters["problems"]?.array ?? [] { printError(line: problem.string?.plain ?? "") }
      return printError("cannot reload the configuration: the running one stays")
    }
    printError(failure.description.plain)
  }
}
