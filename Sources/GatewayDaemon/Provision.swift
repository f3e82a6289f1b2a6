internal import GatewayControl
internal import GatewayCore
internal import GatewaySystem
internal import GatewayUplink
internal import Synchronization

/// Makes a SensorThings server ready for a destination's points, on a thread of its own in the daemon: only the daemon
/// can read the destination's credentials. Also for points that are in the configuration no more but have rows to send.
final class Provision: Provisioned, Carrying {
  private let destination: DestinationConfig
  private let location: Location
  private let config: GatewayConfig
  private let queues: [any DeliveryQueue]
  private let directory: String
  private let client: PlatformClient
  /// The ids are on the disk: from now on rows are sent under them.
  private let finish: @Sendable () throws -> Void
  private let end = Mutex<ProvisionResult?>(nil)

  init(
    _ destination: DestinationConfig, at location: Location, _ config: GatewayConfig,
    queues: [any DeliveryQueue],
    files: SecretFiles, directory: String, finish: @escaping @Sendable () throws -> Void
  ) throws(SystemError) {
    (self.destination, self.location, self.config) = (destination, location, config)
    (self.queues, self.directory, self.finish) = (queues, directory, finish)
    client = try PlatformClient(destination, files: files)
  }

  var result: ProvisionResult? { end.withLock { $0 } }
  var hasEnded: Bool { result != nil }

  func cancel() { client.cancel() }

  func run() {
    var provisioner = Provisioner(client, url: destination.url, gateway: config.id, location: location)
    let result: ProvisionResult
    do {
      let made = try provisioner.run(points)
      try made.book.save(to: directory, for: destination.name)
      try finish()
      result = .done(created: made.created, datastreams: made.book.datastreams.count)
      JournalLog.line(
        .notice, "\"\(destination.name)\" is provisioned: \(made.created) entities were made there")
    } catch {
      result = .failed("\(error)")
    }
    end.withLock { $0 = result }
  }

  /// The configuration's, and those that rows are queued of.
  private var points: [PointDescription] {
    var points = config.catalogue + config.alarms.map(\.description)
    for queue in queues {
      var seen: Set<UInt32> = []
      var seq: UInt64 = 1
      while let run = queue.pending(from: seq),
        case .some(let next) = look(at: run, in: queue, &seen, &points)
      {
        seq = next
      }
    }
    var keys: Set<String> = []
    return points.filter { keys.insert(DatastreamBook.key(of: $0)).inserted }
  }

  /// Adds the points of the commit with the run's first row; the row to go on with.
  private func look(
    at run: ClosedRange<UInt64>, in queue: any DeliveryQueue, _ seen: inout Set<UInt32>,
    _ points: inout [PointDescription]
  ) -> UInt64? {
    switch queue.read(at: run.lowerBound) {
    case .end: return nil
    case .gap(let through): return through + 1
    case .commit(let commit):
      if seen.insert(commit.catalogueID).inserted, let catalogue = queue.catalogue(commit.catalogueID) {
        points += catalogue.points
      }
      return max(commit.lastSeq, run.lowerBound) + 1
    }
  }
}
