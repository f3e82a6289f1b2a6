// `gatewayctl store`: how full the store is and will be, who lacks which rows, how the flash wears.
internal import GatewayControl
internal import GatewayCore

extension Invocation {
  func runStore() -> Int32 {
    do throws(CallFailure) {
      let reply = try call("Store")
      guard let report = StoreReport(json: reply.parameters) else { throw unreadable("store") }
      if wantsJSON { printJSON(reply.parametersText) } else { printOut(StoreText.of(report, terminal)) }
      return ExitCode.ok
    } catch {
      return error.exitCode
    }
  }
}
