// `gatewayctl provision DESTINATION`: has the platform made ready for what the gateway sends.
internal import GatewayControl
internal import GatewayCore

extension Invocation {
  /// A hundred points, each made and looked for over a slow line.
  private static let patience = Duration.seconds(1800)

  func runProvision() -> Int32 {
    do throws(CallFailure) {
      let reply = try call(
        "Provision", ["destination": .string(arguments[0])], timeout: Self.patience)
      if wantsJSON {
        printJSON(reply.parametersText)
      } else {
        let created = reply.parameters["created"]?.unsignedInteger ?? 0
        let datastreams = reply.parameters["datastreams"]?.unsignedInteger ?? 0
        printOut("\(datastreams) Datastreams are known; \(created) entities were made\n")
      }
      return ExitCode.ok
    } catch {
      return error.exitCode
    }
  }
}
