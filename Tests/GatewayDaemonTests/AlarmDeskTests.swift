import GatewayCore
import GatewaySystem
import Testing

@testable import GatewayDaemon

/// Alarms on their way to a disk that takes nothing: the lane's writer is never started.
@Suite struct AlarmDeskTests {
  private static func lane(in directory: String) throws -> AlarmLane {
    var options = DaemonOptions { _ in nil }
    options.stateDirectory = directory
    var point = PointConfig(
      name: "p", table: .coil, address: 0, layout: RegisterLayout(type: .bool), window: .raw)
    point.treatment.alarms = [AlarmConfig(name: "open", condition: .equals(1))]
    let config = GatewayConfig(
      id: "cabinet", store: StoreConfig(capacity: 8 << 20), buses: [],
      devices: [DeviceConfig(name: "d", bus: "b", unit: 1, points: [point])], destinations: [])
    let secrets = Depot.Secrets(credentialsDirectory: nil, configDirectory: directory)
    return try #require(
      try AlarmLane.make(options, config, secrets: secrets, clock: ClockState(), wake: EventSignal()))
  }

  @Test(
    "an alarm that flaps while the disk hangs makes few commits, is shown as it is, and no change is lost")
  func flappingGathers() throws {
    let cabinet = try Cabinet()
    let lane = try Self.lane(in: cabinet.directory)
    var desk = lane.makeDesk()
    let start = SystemClock.moment
    for number in 1...2001 {
      let now = Moment(
        time: start.time.advanced(by: .milliseconds(Int64(number) * 100)),
        boot: start.boot.advanced(by: .milliseconds(Int64(number) * 100)))
      desk.take(
        Reading(
          point: 0, at: now, value: .unsigned(UInt64(number % 2)), quality: .good, reason: .none))
      desk.turn(at: now, isDrained: true)
      #expect(lane.reports.first?.isRaised == (number % 2 == 1))
    }
    #expect(lane.reports.first?.raisings == 1001)
    desk.finish(at: start)
    #expect(lane.queue.rowCount == 2001)
    var commits = 0
    while lane.queue.first(timeout: .zero) != nil {
      lane.queue.removeFirst()
      commits += 1
    }
    #expect(commits < 20, "\(commits) commits")
  }
}
