import GatewayCore
import GatewaySystem
import GatewayUplink

/// A forwarder over an in-memory queue, stopped when the test ends.
final class Bench {
  let queue: MemoryQueue
  let heartbeat = Heartbeat(name: "uplink")
  let forwarder: Forwarder

  init(
    _ url: String, queue: MemoryQueue = MemoryQueue(), credentials: String? = nil,
    recovery: Recovery = Recovery(), _ change: (inout DestinationConfig) -> Void = { _ in }
  ) throws {
    self.queue = queue
    var destination = DestinationConfig(
      name: "platform", url: url, linger: .milliseconds(1), timeout: .seconds(5),
      retryInitial: .milliseconds(20), retryMaximum: .milliseconds(50))
    change(&destination)
    forwarder = try Forwarder(
      destination: destination, gateway: "cabinet-0417", queue: queue, quarantine: MemoryQuarantine(),
      credentialsDirectory: credentials, configDirectory: "/nonexistent", heartbeat: heartbeat,
      recovery: recovery)
    try forwarder.start()
  }

  /// Waits for the first failure.
  func failure() -> Forwarder.Status { status { $0.lastError != nil } }

  /// Waits until the status is as wanted; as it was last after ten seconds.
  func status(where isWanted: (Forwarder.Status) -> Bool) -> Forwarder.Status {
    for _ in 0..<1000 {
      if isWanted(forwarder.status) { break }
      Self.wait(.milliseconds(10))
    }
    return forwarder.status
  }

  static func wait(_ duration: Duration) { _ = try? EventSignal().wait(timeout: duration) }

  deinit {
    forwarder.requestStop()
    forwarder.join()
  }
}
