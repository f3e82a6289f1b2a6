// `gatewayctl check FILE`: the mistakes of a configuration, without the daemon; exits 0 or 78.
internal import GatewayControl
internal import GatewayCore

extension Invocation {
  func runCheck() -> Int32 {
    printError("cannot check \"\(arguments[0].plain)\": this build reads no configuration")
    return ExitCode.failure
  }

  /// What a good file holds, `FILE: ok: 3 buses, 12 devices, 240 points, 1 destination`.
  static func summary(_ config: GatewayConfig, file: String) -> String {
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
