internal import GatewaySystem

/// `gateway-bench [NAME…]`: every figure that the project quotes.
@main struct Program {
  static func main() throws {
    let all: [(name: String, run: () throws -> Void)] = [
      ("ring", RingBench.run), ("pipeline", PipelineBench.run), ("store", StoreBench.run),
      ("load", SystemBench.load), ("throughput", SystemBench.throughput), ("outage", SystemBench.outage),
    ]
    let wanted = Array(CommandLine.arguments.dropFirst())
    if let unknown = wanted.first(where: { name in !all.contains { $0.name == name } }) {
      printError(
        "gateway-bench: \"\(unknown)\" is not a benchmark; there are: \(all.map(\.name).joined(separator: ", "))\n"
      )
      return
    }
    for bench in all where wanted.isEmpty || wanted.contains(bench.name) { try bench.run() }
  }
}
