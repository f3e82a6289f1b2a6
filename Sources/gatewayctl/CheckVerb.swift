// `gatewayctl check FILE`: the mistakes of a configuration, without the daemon; exits 0, 78, or 66 where there
// is no file to read.
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
      switch error {
      case .unreadable:
        printError(error.description.plain)
        return ExitCode.cannotRead
      case .wrong:
        for line in error.description.split(separator: "\n") { printError(line: String(line).plain) }
        return ExitCode.configuration
      }
    }
  }
}
