package import GatewayCore
internal import Synchronization

// What `gatewayctl store` looks at. Memory only: the medium is not asked.

extension DurableStore {
  package struct Inspection: Equatable, Sendable {
    package var segments: StoreReport.Segments
    /// By name; `DeliveryLedger.nobody` when none is configured.
    package var destinations: [StoreReport.Destination]
  }

  package var inspection: Inspection {
    shared.withLock { shared in
      Inspection(
        segments: Self.segments(shared, slotBytes: layout.slotSize, limit: slotLimit),
        destinations: shared.ledger.entries.sorted { $0.key < $1.key }.map { name, entry in
          Self.destination(name, entry, shared)
        })
    }
  }

  private static func segments(_ shared: Shared, slotBytes: Int, limit: Int) -> StoreReport.Segments {
    let stored = shared.ledger.storedThrough
    let places = shared.map.segments.indices.map { shared.map.place(at: $0, storedThrough: stored) }
    // The newest holds the state that the next start begins with, whoever has its rows.
    let used = Set(
      places.filter { place in
        place.isNewest || !shared.ledger.isSettled(place.segment.firstSeq...place.lastSeq)
      }.map(\.segment.slot))
    let failed = shared.map.failedSlots.subtracting(used).filter { $0 < limit }
    // After the capacity was made smaller, more may be in use than it allows.
    return StoreReport.Segments(
      slotBytes: slotBytes, total: limit, used: used.count,
      free: max(limit - used.count - failed.count, 0), failed: failed.count)
  }

  private static func destination(
    _ name: String, _ entry: DeliveryLedger.Entry, _ shared: Shared
  ) -> StoreReport.Destination {
    let stored = shared.ledger.storedThrough
    let pending = RangeSet(1..<stored + 1).subtracting(entry.settled)
    let runs = pending.ranges.map { ClosedRange($0) }
    let oldest = runs.first.flatMap { run -> Timestamp? in
      guard let place = shared.map.place(of: run.lowerBound, storedThrough: stored) else { return nil }
      guard place.isNewest else { return place.segment.header.time }
      return shared.newest.commit(atOrBehind: run.lowerBound)?.time
    }
    return StoreReport.Destination(name: name, queued: stored - entry.count, oldest: oldest, runs: runs)
  }
}

extension DurableStore {
  /// The latest time at which something was stored; nil while nothing is.
  package var latestTime: Timestamp? {
    shared.withLock { shared in
      (shared.map.segments.map(\.header.time) + shared.newest.commits.map(\.time)).max()
    }
  }
}
