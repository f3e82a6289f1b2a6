// `gatewayctl check FILE`: the mistakes of a configuration, without the daemon; exits 0, 66 or 78.
internal import GatewayControl
internal import GatewayCore
internal import GatewayYAML

extension Invocation {
  func runCheck() -> Int32 {
    let file = arguments[0]
    do throws(ConfigFile.Failure) {
      let config = try ConfigFile.load(path: file)
      printOut("\(file.plain): ok: \(config.summary)\n")
      return ExitCode.ok
    } catch {
      printError(line: "\(error)")
      if case .unreadable = error { return ExitCode.cannotRead }
      return ExitCode.configuration
    }
  }
}
