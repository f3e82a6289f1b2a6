import GatewayCore
import GatewaySystem
import GatewayUplink
import Synchronization
import Testing

/// What the two lanes of a destination, rows and alarms, know of each other.
@Suite struct RecoveryTests {
  @Test("a lane does not wait out its back-off when another lane's rows are taken after a failure")
  func aRecoveryEndsTheOtherLanesWait() throws {
    let isUp = Switch()
    // One server for each lane, as each serves one connection.
    let servers = try (0..<2).map { _ in try PlatformServer { _, _ in .answer(isUp.isOn ? 200 : 503) } }
    defer { for server in servers { server.stop() } }
    let recovery = Recovery()
    // Its own next attempt would be hours away.
    let slow = try Bench(servers[0].url, recovery: recovery, Self.waitsLong)
    let quick = try Bench(servers[1].url, recovery: recovery)
    slow.queue.store(3)
    #expect(slow.failure().state == .warning)
    quick.queue.store(5)
    #expect(quick.failure().state == .warning)
    #expect(slow.queue.now.delivered == 0)
    isUp.turnOn()
    #expect(quick.queue.waitUntilSettled(5))
    #expect(slow.queue.waitUntilSettled(3))
    #expect(slow.queue.now.delivered == 3 && slow.queue.now.violations == 0)
  }

  @Test("a lane that was never away says nothing to one that is refused: its back-off stands")
  func successesEndNoWait() throws {
    let servers = try [503, 200].map { status in try PlatformServer { _, _ in .answer(status) } }
    defer { for server in servers { server.stop() } }
    let recovery = Recovery()
    let refused = try Bench(servers[0].url, recovery: recovery, Self.waitsLong)
    refused.queue.store(10)
    #expect(refused.failure().state == .warning)
    let healthy = try Bench(servers[1].url, recovery: recovery)
    for count in 1...5 {
      healthy.queue.store(1)
      #expect(healthy.queue.waitUntilSettled(UInt64(count)))
    }
    #expect(servers[0].requests.count == 1 && refused.queue.now.delivered == 0)
  }

  private static func waitsLong(_ destination: inout DestinationConfig) {
    (destination.retryInitial, destination.retryMaximum) = (.seconds(86_400), .seconds(86_400))
  }

  private final class Switch: Sendable {
    private let state = Atomic<Bool>(false)
    var isOn: Bool { state.load(ordering: .acquiring) }
    func turnOn() { state.store(true, ordering: .releasing) }
  }
}
