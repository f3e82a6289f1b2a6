internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem

/// `gateway-sim field DESCRIPTION.yaml [--control PORT] [--record PERIOD_MS] [--quiet]`
enum FieldCommand {
  private struct Options {
    var file = ""
    var control: UInt16?
    var recordingPeriod: Duration?
    var isQuiet = false
  }

  static func run(_ words: inout Words) throws(UsageError) {
    let options = try parse(&words)
    do throws(SystemError) {
      try play(options)
    } catch {
      Run.fail("\(error)", code: 71)
    }
  }

  private static func parse(_ words: inout Words) throws(UsageError) -> Options {
    var options = Options()
    while let word = words.next() {
      switch word {
      case "--control":
        guard let port = UInt16(try words.value(of: word)) else { throw UsageError("--control needs a port") }
        options.control = port
      case "--record":
        guard let period = Int(try words.value(of: word)), period > 0, period < 1 << 40 else {
          throw UsageError("--record needs the polling period in milliseconds")
        }
        options.recordingPeriod = .milliseconds(period)
      case "--quiet": options.isQuiet = true
      default:
        guard !word.hasPrefix("-"), options.file.isEmpty else {
          throw UsageError("unknown option \"\(word)\"")
        }
        options.file = word
      }
    }
    guard !options.file.isEmpty else { throw UsageError("the description's file is missing") }
    return options
  }

  private static func play(_ options: Options) throws(SystemError) {
    let signals = try Signals()
    let bytes = try readFile(options.file)
    let description: FieldDescription
    do throws(ConfigProblem) {
      description = try FieldDescription(yaml: bytes)
    } catch {
      Run.fail(error.text(file: options.file), code: 78)
    }
    let field = try FieldSimulator(description, recordingPeriod: options.recordingPeriod)
    let control: FieldControl? =
      if let port = options.control {
        try FieldControl(field, listen: ListenAddress(port: port))
      } else { nil }
    if !options.isQuiet { announce(field, description, control) }
    Run.untilSignalled(signals)
    control?.stop()
    field.stop()
    Run.printBooks(field.stats.json)
  }

  private static func announce(
    _ field: FieldSimulator, _ description: FieldDescription, _ control: FieldControl?
  ) {
    for (server, place) in zip(description.servers, field.places) {
      printOut("field: \(FieldCommand.devices(of: server)) on \(place)\n")
    }
    if let control { printOut("field: control on http://\(control.address)/\n") }
  }

  private static func devices(of server: FieldServer) -> String {
    if server.devices.isEmpty { return "a device that talks and answers" }
    if server.devices.contains(where: { $0.units == nil }) { return "devices for every unit" }
    return "\(Set(server.devices.flatMap { $0.units ?? [] }).count) devices"
  }
}
