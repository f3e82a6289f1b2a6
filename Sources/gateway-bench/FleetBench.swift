internal import GatewayCore
internal import GatewaySystem

/// Ten thousand cabinets and one platform that comes back, in virtual time.
enum FleetBench {
  /// Columns of the curve.
  private static let columns = 24

  static func run() throws {
    let plan = FleetSimulation.Plan()
    Report.head(
      "fleet: \(plan.cabinets) cabinets, a batch each \(plan.destination.linger.seconds) s, \(plan.outage / 60)"
        + " minutes of trouble; the platform takes \(plan.capacity) × what they send when nothing is wrong")
    for (name, trouble, destination) in cases {
      var plan = plan
      (plan.trouble, plan.destination) = (trouble, destination)
      report(name, plan)
    }
  }

  private static var cases: [(String, FleetSimulation.Trouble, DestinationConfig)] {
    let plain = FleetSimulation.Plan().destination
    var (thrifty, ordered) = (plain, plain)
    thrifty.backfill = 256_000
    ordered.format = .ngsi(NGSIConfig(entities: []))
    return [
      ("nobody answers", .dead, plain), ("nobody answers; backfill 256 kbit/s", .dead, thrifty),
      ("nobody answers; ngsi-ld", .dead, ordered), ("503 for all", .busy, plain),
      ("all start together, with a backlog", .dark, plain),
    ]
  }

  private static func report(_ name: String, _ plan: FleetSimulation.Plan) {
    var simulation = FleetSimulation(plan)
    let result = simulation.run()
    let capacity = plan.capacity * plan.load
    Report.head("  \(name)")
    Report.line(
      "    requests in a second, at most", value: Double(result.peak), unit: "/s", limit: capacity,
      limitName: "the platform's", goal: "≤ 1.2 ×")
    Report.line(
      "    refused", value: 100 * Double(result.refused) / Double(result.taken + result.refused), unit: "%")
    Report.line(
      "    the outage's rows delivered after", value: result.drained.map(Double.init) ?? .nan, unit: "s")
    let span = max(result.load.count / columns, 1)
    let curve = stride(from: 0, to: result.load.count - span + 1, by: span).map { start in
      Report.number(Double(result.load[start..<start + span].reduce(0, +)) / Double(span) / capacity * 100)
    }
    printOut("    load in % of the capacity, each \(span) s: \(curve.joined(separator: " "))\n")
  }
}
