// `gatewayctl check FILE`: the mistakes of a configuration, without the daemon; exits 0, 78, or 66 where there
// is no file to read.
internal import GatewayControl
internal import GatewayCore
internal import GatewayYAML

extension Invocation {
  func runCheck() -> Int32 {
    let file = arguments[0]
    do throws(ConfigFile.Failure) {
      printOut(Self.summary(try ConfigFile.load(path: file), file: file.plain))
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

  /// What a good file holds, `FILE: ok: 3 buses, 12 devices, 240 points, 1 destination`.
  private static func summary(_ config: GatewayConfig, file: String) -> String {
    let parts = [
      counted(config.buses.count, "bus", "buses"), counted(config.devices.count, "device", "devices"),
      counted(config.devices.reduce(0) { $0 + $1.points.count }, "point", "points"),
      counted(config.destinations.count, "destination", "destinations"),
    ]
    return "\(file): ok: " + parts.joined(separator: ", ") + "\n"
  }

  private static func counted(_ number: Int, _ one: String, _ many: String) -> String {
    "\(number) \(number == 1 ? one : many)"
  }
}
