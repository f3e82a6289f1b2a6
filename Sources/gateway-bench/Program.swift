internal import GatewaySystem
internal import Glibc

/// `gateway-bench [NAME…] [--polls N] [--rows N]`: every figure that the project quotes.
@main struct Program {
  private static let usage = """
    usage: gateway-bench [NAME...] [--polls N] [--rows N]
      ring, pipeline    readings through one core, beside plain C++
      store             the four that follow, and rows a second beside bare writes
        recovery        what opening a full store costs
        first-poll      from the start of gatewayd to the first request, on full stores and after 50 cuts
        days            30 days without an uplink, in virtual time; --days N of them, --case NAME: one store,
                        in this process
      fleet             ten thousand cabinets and a platform that comes back, in virtual time
      lost              rows to a platform whose answers are lost three times out of ten; --rows N of them
      load, throughput, outage
                        the whole gateway at 2,000 readings a second, at its most, and without a platform
      alarm             from a contact to the platform, past a backlog of 120,000 rows
      bus               serial lines; unplug and attribution with it
        unplug          adapters that come and go
        attribution     late, foreign and corrupt answers; --polls N of them
      --help            without a NAME: all of them

    """

  private struct Options {
    var polls = 20_000
    var rows = 1_000_000
    var outage: String?
    var days = 30
    var wanted: [String] = []
  }

  static func main() throws {
    Heap.stayCompact()
    var options = Options()
    let all: [(name: String, run: (Options) throws -> Void)] = [
      ("ring", { _ in try RingBench.run() }), ("pipeline", { _ in try PipelineBench.run() }),
      ("store", { _ in try StoreBench.run() }), ("recovery", { _ in try RecoveryBench.run() }),
      ("first-poll", { _ in try FirstPollBench.run() }),
      ("days", { try OutageBench.run(case: $0.outage, days: $0.days) }),
      ("fleet", { _ in try FleetBench.run() }), ("lost", { try LostAnswersBench.run(rows: $0.rows) }),
      ("load", { _ in try SystemBench.load() }), ("throughput", { _ in try SystemBench.throughput() }),
      ("outage", { _ in try SystemBench.outage() }), ("alarm", { _ in try AlarmBench.run() }),
      ("bus", { _ in try BusBench.run() }),
      ("unplug", { _ in try UnplugBench.run() }),
      ("attribution", { try AttributionBench.run(polls: $0.polls) }),
    ]
    parse(CommandLine.arguments.dropFirst(), all.map(\.name), into: &options)
    // Those of the bus belong together, and those of the store.
    if options.wanted.contains("bus") { options.wanted += ["unplug", "attribution"] }
    if options.wanted.contains("store") { options.wanted += ["recovery", "first-poll", "days"] }
    for bench in all where options.wanted.isEmpty || options.wanted.contains(bench.name) {
      try bench.run(options)
    }
  }

  private static func parse(_ arguments: ArraySlice<String>, _ names: [String], into options: inout Options) {
    var words = arguments
    while let word = words.popFirst() {
      switch word {
      case "--help":
        printOut(usage)
        exit(0)
      case "--polls": options.polls = number(word, &words)
      case "--rows": options.rows = number(word, &words)
      case "--days": options.days = number(word, &words)
      case "--case":
        guard let name = words.popFirst(), OutageBench.names.contains(name) else {
          fail("--case needs one of: \(OutageBench.names.joined(separator: ", "))")
        }
        options.outage = name
      case _ where names.contains(word): options.wanted.append(word)
      default: fail("\"\(word)\" is not a benchmark; there are: \(names.joined(separator: ", "))")
      }
    }
  }

  private static func number(_ option: String, _ words: inout ArraySlice<String>) -> Int {
    guard let number = words.popFirst().flatMap({ Int($0) }), number > 0 else {
      fail("\(option) needs a number")
    }
    return number
  }

  private static func fail(_ sentence: String) -> Never {
    printError("gateway-bench: \(sentence)\n")
    exit(64)
  }
}
