package import GatewayCore

/// What a simulated field did since its start.
package struct FieldStats: Equatable, Sendable {
  package struct Server: Equatable, Sendable {
    package var requests: UInt64 = 0
    package var connections: UInt64 = 0
    /// Exceptions that were due (not those of a fault).
    package var exceptions: UInt64 = 0
    /// Requests that a fault struck.
    package var faults: UInt64 = 0
    /// Requests for units that are not there.
    package var strangers: UInt64 = 0
    package var line = Line()

    package init() {}
  }

  /// What happened on a serial line, or on all connections to a serial server's port.
  package struct Line: Equatable, Sendable {
    package var bytesIn: UInt64 = 0
    package var bytesOut: UInt64 = 0
    /// Requests without a right checksum; those that run into one another are among them.
    package var damaged: UInt64 = 0
    /// Requests whose first byte came less than 3.5 characters after the line's last. Only where bytes take time.
    package var silenceViolations: UInt64 = 0
    /// How long bytes were on the line.
    package var busy = Duration.zero

    package init() {}

    var json: JSONValue {
      .object([
        "bytesIn": .count(bytesIn), "bytesOut": .count(bytesOut), "damaged": .count(damaged),
        "silenceViolations": .count(silenceViolations), "busyMs": .signed(busy.microseconds / 1000),
      ])
    }
  }

  package var servers: [Server]
  package var openConnections = 0
  /// nil when nothing is recorded.
  package var periodErrors: PeriodErrors?

  package init(servers: [Server]) { self.servers = servers }

  package var requests: UInt64 { servers.reduce(0) { $0 + $1.requests } }

  package var json: JSONValue {
    var members: [String: JSONValue] = [
      "requests": .count(requests),
      "connections": .count(servers.reduce(0) { $0 + $1.connections }),
      "open": .signed(Int64(openConnections)),
      "exceptions": .count(servers.reduce(0) { $0 + $1.exceptions }),
      "faults": .count(servers.reduce(0) { $0 + $1.faults }),
      "strangers": .count(servers.reduce(0) { $0 + $1.strangers }),
      "servers": .signed(Int64(servers.count)),
    ]
    let lines = servers.enumerated().filter { $0.element.line != Line() }
    if !lines.isEmpty {
      members["lines"] = .object(
        Dictionary(uniqueKeysWithValues: lines.map { ("\($0.offset)", $0.element.line.json) }))
    }
    if let errors = periodErrors {
      members["periodErrors"] = .object([
        "intervals": .signed(Int64(errors.count)), "p50us": .signed(Int64(errors.p50)),
        "p99us": .signed(Int64(errors.p99)), "maxus": .signed(Int64(errors.max)),
        "period50us": .signed(Int64(errors.period50)), "period99us": .signed(Int64(errors.period99)),
      ])
    }
    return .object(members)
  }
}
