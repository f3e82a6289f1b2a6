// `gatewayctl preview DESTINATION [POINT…]`: what would be sent, in the destination's format. Sends nothing.
internal import GatewayControl
internal import GatewayCore

extension Invocation {
  func runPreview() -> Int32 {
    do throws(CallFailure) {
      let names = arguments.dropFirst().map(JSONValue.string)
      // It waits for the disk.
      let reply = try call(
        "Preview", ["destination": .string(arguments[0]), "points": .array(names)], timeout: .seconds(60))
      guard let source = reply.parameters["source"]?.string.flatMap(Preview.Source.init) else {
        throw unreadable("preview")
      }
      if wantsJSON {
        printJSON(reply.parametersText)
      } else {
        printOut("# \(Self.sentence(source)); nothing is sent\n")
        for request in reply.parameters["requests"]?.array ?? [] { show(request) }
      }
      return ExitCode.ok
    } catch {
      return error.exitCode
    }
  }

  private static func sentence(_ source: Preview.Source) -> String {
    switch source {
    case .pending: "rows that wait, the oldest"
    case .stored: "no row waits: the newest that are stored"
    case .present: "no row is stored: what the points say now"
    case .nothing: "there is no reading yet"
    }
  }

  private func show(_ request: JSONValue) {
    let headers = request["headers"]?.array?.compactMap(\.string) ?? []
    for line in ["", request["line"]?.string ?? ""] + headers + [""] { printOut(line.plain + "\n") }
    // A body may be of lines.
    let lines = (request["body"]?.string ?? "").split(separator: "\n", omittingEmptySubsequences: false)
    let text = lines.map { String($0).plain }.joined(separator: "\n")
    printOut(text.hasSuffix("\n") ? text : text + "\n")
  }
}
