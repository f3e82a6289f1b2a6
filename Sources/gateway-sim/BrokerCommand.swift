internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem

/// `gateway-sim broker [--listen HOST:PORT] [--manner WORD] [--tenant NAME] [--lost SHARE] [--busy SHARE] [--history STATUS]`
enum BrokerCommand {
  static func run(_ words: inout Words) throws(UsageError) {
    var options = BrokerSimulator.Options()
    options.listen = ListenAddress(port: 18080)
    while let word = words.next() {
      switch word {
      case "--listen":
        guard let address = ListenAddress(text: try words.value(of: word)) else {
          throw UsageError("--listen needs an address such as 127.0.0.1:18080")
        }
        options.listen = address
      case "--manner":
        guard let manner = BrokerSimulator.Manner(rawValue: try words.value(of: word)) else {
          throw UsageError("--manner is standard, orion-ld, scorpio or stellio")
        }
        options.manner = manner
      case "--tenant": options.tenant = try words.value(of: word)
      case "--lost": options.lostShare = try share(word, &words)
      case "--history":
        guard let status = Int(try words.value(of: word)), (400...599).contains(status) else {
          throw UsageError("--history needs the status of a broker without a temporal API, such as 404")
        }
        options.historyStatus = status
      case "--busy": options.busyShare = try share(word, &words)
      default: throw UsageError("unknown option \"\(word)\"")
      }
    }
    do throws(SystemError) { try play(options) } catch { Run.fail("\(error)", code: 71) }
  }

  private static func share(_ option: String, _ words: inout Words) throws(UsageError) -> Double {
    guard let share = Double(try words.value(of: option)), (0...1).contains(share) else {
      throw UsageError("\(option) needs a share from 0 to 1")
    }
    return share
  }

  private static func play(_ options: BrokerSimulator.Options) throws(SystemError) {
    let signals = try Signals()
    let broker = try BrokerSimulator(options)
    printOut("broker: listening on http://\(broker.address)/\n")
    Run.untilSignalled(signals)
    broker.stop()
    Run.printBooks(broker.books.json)
  }
}
