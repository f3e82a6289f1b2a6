// `gatewayctl status`: the state of everything; exits 0 OK, 1 WARNING, 2 CRITICAL, 3 no answer.
internal import GatewayControl
internal import GatewayCore
internal import GatewaySystem

extension Invocation {
  func runStatus() -> Int32 {
    do throws(CallFailure) {
      let reply = try call("Status")
      guard let snapshot = StatusSnapshot(json: reply.parameters, now: SystemClock.time) else {
        throw unreadable("status")
      }
      if wantsJSON { printJSON(reply.parametersText) } else { printOut(StatusText.of(snapshot, terminal)) }
      return snapshot.state.exitCode
    } catch {
      return error.exitCode
    }
  }
}
