// `gatewayctl reload`: the daemon reads its configuration again; exits 78 when it refuses, with its problems.
internal import GatewayControl

extension Invocation {
  func runReload() -> Int32 {
    do throws(CallFailure) {
      let reply = try call("Reload")
      if wantsJSON { printJSON(reply.parametersText) } else { printOut("the new configuration runs\n") }
      return ExitCode.ok
    } catch {
      return error.exitCode
    }
  }
}
