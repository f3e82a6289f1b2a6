// `gatewayctl gpio CHIP`: the lines of a chip, who holds them, and what the gateway reads there.
internal import GatewayControl
internal import GatewayCore

extension Invocation {
  func runGPIO() -> Int32 {
    do throws(CallFailure) {
      let reply = try call("DescribeChip", ["chip": .string(arguments[0])])
      guard let report = ChipReport(json: reply.parameters) else { throw unreadable("chip") }
      if wantsJSON { printJSON(reply.parametersText) } else { printOut(ChipText.of(report, terminal)) }
      return ExitCode.ok
    } catch {
      return error.exitCode
    }
  }
}
