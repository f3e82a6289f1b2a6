// `gatewayctl bus NAME`: how busy a bus is, what goes wrong on it, how fast its devices answer.
internal import GatewayControl
internal import GatewayCore

extension Invocation {
  func runBus() -> Int32 {
    do throws(CallFailure) {
      let reply = try call("DescribeBus", ["name": .string(arguments[0])])
      guard let report = BusReport(json: reply.parameters) else { throw unreadable("bus") }
      if wantsJSON { printJSON(reply.parametersText) } else { printOut(BusText.of(report, terminal)) }
      return ExitCode.ok
    } catch {
      return error.exitCode
    }
  }
}
