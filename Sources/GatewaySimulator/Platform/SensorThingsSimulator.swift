internal import GatewayCore
package import GatewaySystem
internal import Synchronization

/// A small SensorThings server (OGC 18-088): entities with generated ids, filters as far as a gateway uses them, data
/// arrays. Stores what comes twice twice, as real ones do, and misbehaves on command. Listening from `init` to `stop`.
/// Thread-safe.
package final class SensorThingsSimulator: Sendable {
  /// How rows are answered.
  package enum Manner: Sendable {
    /// FROST: each row by itself, ids are numbers.
    case frost
    /// django-ogc-sensorthings: one bad row fails its group, ids are texts, no filter by phenomenonTime.
    case django
  }

  package struct Observation: Equatable, Sendable {
    package var datastream: String
    package var recordID: String
    package var result: Double?
  }

  package let address: ListenAddress
  private let service: SensorThingsService
  private let server: HTTPServer

  package init(_ manner: Manner = .frost, listen: ListenAddress = ListenAddress()) throws(SystemError) {
    service = SensorThingsService(manner)
    server = try HTTPServer(listen, service: service)
    address = server.address
    service.root = "http://\(address)/v1.1"
  }

  deinit { stop() }

  package var url: String { "http://\(address)/v1.1" }

  /// `closeAfter`, `closeBefore`, `status` and `hang`, for requests of CreateObservations only.
  package func set(_ fault: PlatformFault, for term: FaultTerm = .untilCleared) { service.add(fault, term) }

  package func clearFaults() {
    service.clearFaults()
    server.letGo()
  }

  /// Rows whose recordId ends in one of these numbers are refused.
  package func refuse(_ numbers: Set<UInt64>) { service.refuse(numbers) }

  /// So many requests more, then one is closed instead of answered.
  package func breakOff(after requests: Int, isStored: Bool) {
    service.breakOff(after: requests, isStored: isStored)
  }

  package var observations: [Observation] { service.observations }

  /// How many entities of a set there are: `Things`, `Datastreams`.
  package func count(_ set: String) -> Int { service.count(set) }

  /// Requests of CreateObservations, and questions for Observations.
  package var posts: Int { service.posts }
  package var questions: Int { service.questions }

  package func stop() { server.stop() }
}
