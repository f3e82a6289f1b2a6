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

    package init() {}
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
      "servers": .signed(Int64(servers.count)),
    ]
    if let errors = periodErrors {
      members["periodErrors"] = .object([
        "intervals": .signed(Int64(errors.count)), "p50us": .signed(Int64(errors.p50)),
        "p99us": .signed(Int64(errors.p99)), "maxus": .signed(Int64(errors.max)),
      ])
    }
    return .object(members)
  }
}
