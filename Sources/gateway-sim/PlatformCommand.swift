internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem

/// `gateway-sim platform [--listen HOST:PORT] [--record FILE] [--keep ROWS] [--strict] [--quiet]
/// [--tls DIRECTORY [--flaw FLAW] [--client-certificates] [--strict-handshake]]`
enum PlatformCommand {
  static func run(_ words: inout Words) throws(UsageError) {
    var options = PlatformSimulator.Options()
    options.listen = ListenAddress(port: 18080)
    var isQuiet = false
    var directory: String?
    var flaw = PlatformCertificates.Flaw.none
    var wantsClients = false
    var isStrict = false
    while let word = words.next() {
      switch word {
      case "--listen":
        guard let address = ListenAddress(text: try words.value(of: word)) else {
          throw UsageError("--listen needs an address such as 127.0.0.1:18080")
        }
        options.listen = address
      case "--record": options.record = try words.value(of: word)
      case "--keep":
        guard let rows = Int(try words.value(of: word)), (0...10_000_000).contains(rows) else {
          throw UsageError("--keep needs a number of rows up to 10000000")
        }
        options.keptRows = rows
      case "--strict": options.isStrict = true
      case "--quiet": isQuiet = true
      case "--tls": directory = try words.value(of: word)
      case "--flaw":
        guard let known = PlatformCertificates.Flaw(rawValue: try words.value(of: word)) else {
          let all = PlatformCertificates.Flaw.allCases.map(\.rawValue).joined(separator: ", ")
          throw UsageError("--flaw is one of \(all)")
        }
        flaw = known
      case "--client-certificates": wantsClients = true
      case "--strict-handshake": (wantsClients, isStrict) = (true, true)
      default: throw UsageError("unknown option \"\(word)\"")
      }
    }
    do throws(SystemError) {
      if let directory {
        let certificates = PlatformCertificates(flaw, wantsClients: wantsClients, isStrict: isStrict)
        try certificates.write(to: directory)
        options.tls = certificates.tls
      }
      try play(options, isQuiet: isQuiet)
    } catch {
      Run.fail("\(error)", code: 71)
    }
  }

  private static func play(_ options: PlatformSimulator.Options, isQuiet: Bool) throws(SystemError) {
    let signals = try Signals()
    let platform = try PlatformSimulator(options)
    if !isQuiet { printOut("platform: listening on \(platform.root)\n") }
    Run.untilSignalled(signals)
    platform.stop()
    Run.printBooks(platform.stats.json)
  }
}
