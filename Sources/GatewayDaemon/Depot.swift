internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem
internal import GatewayUplink
internal import Synchronization

/// One store with its uplinks: a forwarder for each destination, which knows of no other store. One caller at a time
/// changes it; anybody may look.
final class Depot: Sendable {
  struct Uplink: Sendable {
    var name: String
    var forwarder: Forwarder
    var heartbeat: Heartbeat
  }

  /// Where forwarders look for secrets, and what those of all stores share.
  struct Secrets: Sendable {
    var credentialsDirectory: String?
    var configDirectory: String
    /// Where formats keep what they know of a platform.
    var stateDirectory: String?
    var recoveries = Recoveries()

    var files: SecretFiles {
      SecretFiles(credentialsDirectory: credentialsDirectory, configDirectory: configDirectory)
    }
  }

  let store: DurableStore
  private let secrets: Secrets
  private let current = Mutex<[Uplink]>([])

  init(_ store: DurableStore, _ secrets: Secrets) {
    self.store = store
    self.secrets = secrets
  }

  var uplinks: [Uplink] { current.withLock { $0 } }

  /// Uplinks for another configuration, not started. This may fail for want of descriptors.
  func makeUplinks(_ config: GatewayConfig) throws(SystemError) -> [Uplink] {
    var uplinks: [Uplink] = []
    for destination in config.destinations {
      let heartbeat = Heartbeat(name: "destination \(destination.name)")
      let queue = store.uplinkQueue(for: destination.name)
      let forwarder = try Forwarder(
        destination: destination, gateway: config.id, queue: queue, quarantine: queue,
        credentialsDirectory: secrets.credentialsDirectory, configDirectory: secrets.configDirectory,
        heartbeat: heartbeat, stateDirectory: secrets.stateDirectory, lastKnownTime: store.latestKnownTime,
        recovery: secrets.recoveries.of(destination.name))
      uplinks.append(Uplink(name: destination.name, forwarder: forwarder, heartbeat: heartbeat))
    }
    return uplinks
  }

  /// Starts uplinks whose destinations the store knows.
  func start(_ config: GatewayConfig, _ next: [Uplink]) throws(SystemError) {
    store.evict(by: config.store.evict)
    // They were made some time ago, perhaps.
    for uplink in next { uplink.heartbeat.beat() }
    current.withLock { $0 = next }
    do throws(SystemError) {
      for uplink in next { try uplink.forwarder.start() }
    } catch {
      stopUplinks()
      throw error
    }
  }

  /// Goes over to another configuration's destinations and policy, with the uplinks that were made for it.
  func adopt(_ config: GatewayConfig, _ next: [Uplink]) throws {
    stopUplinks()
    try store.setDestinations(config.destinations.map(\.name))
    try start(config, next)
  }

  func requestStop() { for uplink in uplinks { uplink.forwarder.requestStop() } }

  func stopUplinks() {
    requestStop()
    for uplink in uplinks { uplink.forwarder.join() }
  }

  func flush() { for uplink in uplinks { uplink.forwarder.flush() } }

  /// Every destination has every row, or nobody can have them any more.
  var isDrained: Bool { store.overallBooks.queued == 0 }
}
