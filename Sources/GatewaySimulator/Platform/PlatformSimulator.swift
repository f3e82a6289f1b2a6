internal import GatewayCore
package import GatewaySystem
internal import Synchronization

/// The city's platform: takes native batches, line protocol and ThingsBoard's telemetry, keeps each row once, and misbehaves on command. Listening
/// from `init` to `stop`. Thread-safe.
package final class PlatformSimulator: Sendable {
  package struct Options: Sendable {
    package var listen = ListenAddress()
    /// A file for unique rows, one JSON object a line.
    package var record: String?
    /// How many rows of each stream `rows` can show.
    package var keptRows = 0
    /// Checks each batch by the slow way too.
    package var isStrict = false
    /// nil: plain HTTP.
    package var tls: ServerTLS?

    package init() {}
  }

  package let address: ListenAddress
  private let scheme: String
  private let service: PlatformService
  private let server: HTTPServer

  package init(_ options: Options = Options()) throws(SystemError) {
    service = try PlatformService(options)
    server = try HTTPServer(options.listen, tls: options.tls, service: service)
    address = server.address
    scheme = options.tls == nil ? "http" : "https"
    service.attach(server)
  }

  deinit { stop() }

  package var port: UInt16 { address.port }

  package var root: String { "\(scheme)://\(address)/" }

  /// Where native batches go.
  package var url: String { "\(root)v1/batches" }

  /// What InfluxDB's and ThingsBoard's paths stand behind.
  package var baseURL: String { "\(scheme)://\(address)" }

  package var stats: PlatformStats { service.stats }

  /// The last unique rows of a stream, by number.
  package func rows(of stream: String) -> [PlatformRow] { service.rows(of: stream) }

  package func set(_ fault: PlatformFault, for term: FaultTerm = .untilCleared) { service.add(fault, term) }

  /// Ends all faults and closes what hangs; a platform that is down stays down.
  package func clearFaults() { service.clearFaults() }

  /// Closes all connections and refuses new ones until `comeUp`. Returns when it is so.
  package func goDown() throws(SystemError) { try server.down() }

  package func comeUp() throws(SystemError) { try server.up() }

  /// Closes all connections and listens again, showing another certificate.
  package func change(_ tls: ServerTLS) throws(SystemError) {
    try server.down()
    server.set(tls)
    service.set(tls)
    try server.up()
  }

  package func stop() { server.stop() }
}
