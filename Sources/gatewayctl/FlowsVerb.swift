// `gatewayctl flows`: what leaves the cabinet, to whom, how aggregated, how long it is kept.
internal import GatewayControl
internal import GatewayCore

extension Invocation {
  func runFlows() -> Int32 {
    do throws(CallFailure) {
      let reply = try call("Flows")
      guard let report = FlowReport(json: reply.parameters) else { throw unreadable("record of flows") }
      if wantsJSON { printJSON(reply.parametersText) } else { printOut(FlowsText.of(report, terminal)) }
      return ExitCode.ok
    } catch {
      return error.exitCode
    }
  }
}
