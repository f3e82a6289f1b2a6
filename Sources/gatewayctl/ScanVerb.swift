// `gatewayctl scan BUS [--from 1] [--to 247]`: the units that answer, as they are found. Ctrl-C ends it, here and
// on the bus.
internal import GatewayControl
internal import GatewayCore
internal import Glibc

extension Invocation {
  func runScan() throws(UsageError) -> Int32 {
    let first = try option("--from", .integer(0...255)) ?? 1
    let last = try option("--to", .integer(0...255)) ?? max(first, 247)
    guard first <= last else { throw UsageError(sentence: "--from \(first) is behind --to \(last)") }
    let line = ProgressLine(isShown: !wantsJSON)
    do throws(VarlinkFailure) {
      var client = try VarlinkClient(path: socket, timeout: .seconds(90))
      try client.send(
        VarlinkCall(
          method: "\(ControlInterface.name).Scan",
          parameters: .object([
            "bus": .string(arguments[0]), "from": .signed(Int64(first)), "to": .signed(Int64(last)),
          ]), takesMore: true))
      while true {
        let reply = try client.reply()
        line.clear()
        show(reply)
        if !reply.continues { return ExitCode.ok }
        line.show(ScanText.progress(reply.parameters))
      }
    } catch {
      line.clear()
      return CallFailure(error, wantsJSON: wantsJSON).exitCode
    }
  }

  private func show(_ reply: VarlinkReply) {
    let found = reply.parameters["found"].flatMap(FoundUnit.init(json:))
    if wantsJSON {
      if found != nil || !reply.continues { printJSON(reply.parametersText) }
      return
    }
    if let found { printOut(ScanText.of(found, terminal)) }
    if !reply.continues { printOut(ScanText.end(reply.parameters, terminal)) }
  }
}

/// One line on a terminal that is overwritten; nothing where standard error is none.
private struct ProgressLine {
  private let isShown: Bool

  init(isShown: Bool) { self.isShown = isShown && isatty(STDERR_FILENO) == 1 }

  func show(_ text: String) { write(text) }

  /// Back to the line's start, and erased to its end (ECMA-48, 8.3.41).
  func clear() { write("\r\u{1B}[K") }

  private func write(_ text: String) {
    guard isShown else { return }
    _ = text.withCString { Glibc.write(STDERR_FILENO, $0, strlen($0)) }
  }
}
