// `gatewayctl flush`: what waits for a retry is tried now.
internal import GatewayControl
internal import GatewayCore

extension Invocation {
  func runFlush() -> Int32 {
    do throws(CallFailure) {
      let reply = try call("Flush")
      if wantsJSON {
        printJSON(reply.parametersText)
      } else {
        let queued = reply.parameters["queued"]?.unsignedInteger ?? 0
        printOut(
          queued == 1 ? "1 row is queued and tried now\n" : "\(queued) rows are queued and tried now\n")
      }
      return ExitCode.ok
    } catch {
      return error.exitCode
    }
  }
}
