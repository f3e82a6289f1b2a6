// `gatewayctl sensors`: each point with its last reading.
internal import GatewayControl
internal import GatewayCore
internal import GatewaySystem

extension Invocation {
  func runSensors() -> Int32 {
    do throws(CallFailure) {
      let reply = try call("Sensors")
      if wantsJSON {
        printJSON(reply.parametersText)
      } else {
        let points = reply.parameters["points"]?.array?.compactMap { StatusSnapshot.Point(json: $0) } ?? []
        printOut(SensorsText.of(points, at: SystemClock.time, terminal))
      }
      return ExitCode.ok
    } catch {
      return error.exitCode
    }
  }
}
