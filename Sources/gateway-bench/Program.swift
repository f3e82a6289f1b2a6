internal import GatewaySystem
internal import Glibc

/// `gateway-bench [NAME…] [--polls N]`: every figure that the project quotes.
@main struct Program {
  static func main() throws {
    var polls = 20_000
    let all: [(name: String, run: () throws -> Void)] = [
      ("ring", RingBench.run), ("pipeline", PipelineBench.run), ("store", StoreBench.run),
      ("load", SystemBench.load), ("throughput", SystemBench.throughput), ("outage", SystemBench.outage),
      ("bus", BusBench.run), ("unplug", UnplugBench.run),
      ("attribution", { try AttributionBench.run(polls: polls) }),
    ]
    var wanted: [String] = []
    var words = CommandLine.arguments.dropFirst()
    while let word = words.popFirst() {
      if word == "--polls" {
        guard let number = words.popFirst().flatMap({ Int($0) }), number > 0 else {
          fail("--polls needs a number")
        }
        polls = number
      } else if all.contains(where: { $0.name == word }) {
        wanted.append(word)
      } else {
        fail("\"\(word)\" is not a benchmark; there are: \(all.map(\.name).joined(separator: ", "))")
      }
    }
    // The three of the bus belong together.
    if wanted.contains("bus") { wanted += ["unplug", "attribution"] }
    for bench in all where wanted.isEmpty || wanted.contains(bench.name) { try bench.run() }
  }

  private static func fail(_ sentence: String) -> Never {
    printError("gateway-bench: \(sentence)\n")
    exit(64)
  }
}
