// `gatewayctl quarantine`: the rows that platforms refuse for ever: lists them, shows one, sends them again, drops them.
internal import GatewayControl
internal import GatewayCore

extension Invocation {
  private static let actions = ["list", "show", "retry", "drop"]

  func runQuarantine() throws(UsageError) -> Int32 {
    let action = arguments.first ?? "list"
    guard Self.actions.contains(action) else { throw Self.unknown("action", action, Self.actions) }
    var parameters: [String: JSONValue] = [:]
    if let destination = value(of: "--destination") { parameters["destination"] = .string(destination) }
    let words = arguments.dropFirst()
    if words.isEmpty && action != "list" {
      throw UsageError(sentence: "quarantine \(action) needs the rows' numbers, or \"all\"")
    }
    if !words.isEmpty && Array(words) != ["all"] {
      var seqs: [JSONValue] = []
      for word in words {
        guard let seq = UInt64(word), seq > 0 else {
          throw UsageError(sentence: "a row's number should be a whole number from 1, not \"\(word.plain)\"")
        }
        seqs.append(.unsigned(seq))
      }
      parameters["seqs"] = .array(seqs)
    }
    do throws(CallFailure) {
      switch action {
      case "retry": try changeQuarantine("RetryQuarantined", parameters, "queued again", "try them again")
      case "drop": try changeQuarantine("DropQuarantined", parameters, "dropped", "drop them")
      default: try showQuarantine(parameters, isDetailed: action == "show")
      }
      return ExitCode.ok
    } catch {
      return error.exitCode
    }
  }

  private func showQuarantine(_ parameters: [String: JSONValue], isDetailed: Bool) throws(CallFailure) {
    let reply = try call("Quarantine", parameters)
    if wantsJSON { return printJSON(reply.parametersText) }
    let rows = reply.parameters["rows"]?.array ?? []
    printOut(isDetailed ? QuarantineText.details(of: rows) : QuarantineText.list(of: rows, terminal))
  }

  private func changeQuarantine(
    _ method: String, _ parameters: [String: JSONValue], _ done: String, _ intention: String
  ) throws(CallFailure) {
    let reply = try call(method, parameters)
    if wantsJSON { return printJSON(reply.parametersText) }
    let problems = reply.parameters["problems"]?.array?.compactMap(\.string) ?? []
    let rows = (reply.parameters["rows"]?.unsignedInteger ?? 0) - UInt64(problems.count)
    printOut(rows == 1 ? "1 row is \(done)\n" : "\(rows) rows are \(done)\n")
    for problem in problems { printError(problem.plain) }
    if !problems.isEmpty { throw CallFailure(exitCode: ExitCode.failure) }
  }
}
