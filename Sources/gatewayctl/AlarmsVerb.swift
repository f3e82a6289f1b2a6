// `gatewayctl alarms`: what is raised; exits 0 when nothing is, 1 when something is, 3 no answer.
internal import GatewayControl
internal import GatewayCore
internal import GatewaySystem

extension Invocation {
  func runAlarms() -> Int32 {
    do throws(CallFailure) {
      let reply = try call("Alarms")
      guard let list = reply.parameters["alarms"]?.array else { throw unreadable("alarms") }
      let alarms = list.compactMap(AlarmReport.init(json:))
      if wantsJSON {
        printJSON(reply.parametersText)
      } else {
        printOut(AlarmsText.of(alarms, at: SystemClock.time, terminal))
      }
      return alarms.contains(where: \.isRaised) ? ExitCode.raised : ExitCode.ok
    } catch {
      return error.exitCode
    }
  }
}
