package import GatewayCore
package import GatewaySystem
internal import Synchronization

// What the gateway says of itself, over all of its lanes.

extension Gateway {
  /// The stores of what is measured, and those of alarms where there are any.
  var lanes: [Stores] { [stores] + [alarmLane?.stores].compactMap(\.self) }

  /// Every worker's sign of life, for the watchdog.
  package var heartbeats: [Heartbeat] {
    [writerHeartbeat] + [alarmLane?.heartbeat].compactMap(\.self) + acquisition.heartbeats
      + lanes.flatMap(\.heartbeats)
  }

  package var status: StatusSnapshot {
    let running = running.withLock { $0 }
    let lane = alarmLane
    var rows = Stores.summary(of: lanes)
    rows.store.fault = rows.store.fault ?? writer.fault ?? lane?.fault
    let acquired = running.acquisition.pipeline.currentBooks
    var accounting = StatusSnapshot.Accounting()
    (accounting.acquired, accounting.ringDropped) = (acquired.acquired, acquired.ringDropped)
    (accounting.unchanged, accounting.suppressed) = (acquired.unchanged, acquired.suppressed)
    let books = rows.books
    (accounting.stored, accounting.delivered, accounting.queued) = (
      books.stored, books.delivered, books.queued
    )
    (accounting.evicted, accounting.damaged) = (books.evicted, books.damaged)
    (accounting.quarantined, accounting.thinned) = (books.quarantined, books.thinned)
    accounting.pending = UInt64(queue.rowCount + (lane?.queue.rowCount ?? 0)) + rows.held
    return StatusBoard.snapshot(
      StatusBoard.Inputs(
        config: running.config, startedAt: startedAt, acquisition: running.acquisition, store: rows.store,
        accounting: accounting, lostSinceStart: rows.lostSinceStart, inMemory: rows.inMemory,
        destinations: rows.destinations, flash: flash.life, alarms: lane?.reports ?? [],
        clockChanges: clock.changes,
        notes: [running.remark, slowDisk].compactMap { $0 } + running.notes))
  }

  private static let patienceWithDisk = Duration.seconds(3)

  /// What a power cut would cost is more than was promised while the disk takes long.
  private var slowDisk: String? {
    guard let busy = writer.busy, busy > Self.patienceWithDisk else { return nil }
    return
      "store: the disk has not taken a commit for \(Int(busy.seconds)) s; what was read since is in memory only"
  }

  /// Asks every forwarder to send now; returns the rows that are queued.
  package func flush() -> UInt64 {
    let lanes = lanes
    for stores in lanes { _ = stores.flush() }
    return Stores.summary(of: lanes).books.queued
  }

  /// Begins every uplink anew, with what formats know of their platforms by now.
  func restartUplinks() throws { for stores in lanes { try stores.restartUplinks() } }

  /// The rows of every lane, for somebody who carries them out by hand: alarms first.
  func carriedQueues(of destinations: [String]) -> [Stores.CarriedQueue] {
    var alarms = alarmLane?.stores.queues(of: destinations) ?? []
    for place in alarms.indices { alarms[place].isApart = true }
    return alarms + stores.queues(of: destinations)
  }
}
