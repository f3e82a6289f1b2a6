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
  /// What the newest commit with rows says of the boot that it is of: `through`, the boot ran that long, as windows
  /// speak for the time at which they began; `offset`, what time less boot time was under a clock that was right.
  package var newestRows: (boot: BootID, through: BootTime, offset: Int64?)? {
    let last = storedThrough
    guard last > 0, case .commit(let commit) = read(at: last) else { return nil }
    return commit.payload.withUnsafeBytes { payload in
      var decoder = RowDecoder(payload, rowCount: commit.rowCount)
      var through = BootTime(microseconds: 0)
      var offset: Int64?
      while let row = try? decoder.next() {
        var length = Duration.zero
        if case .window(let summary) = row.body { length = .seconds(Int64(summary.seconds)) }
        through = max(through, row.boot.advanced(by: .zero - length))
        if row.timeQuality == .synced { offset = Moment(time: row.time, boot: row.boot).offset }
      }
      return (commit.boot, through, offset)
    }
  }

  /// It is later than this: by the clocks that were right, and where none ever was by the latest time at which something
  /// was stored. nil while nothing is known.
  package var latestKnownTime: Timestamp? {
    let table = clocks.current
    return table.boots.contains { $0.offset != nil } ? table.latestKnown : latestTime
  }

  private var latestTime: Timestamp? {
    shared.withLock { shared in
      (shared.map.segments.map(\.header.time) + shared.newest.commits.map(\.time)).max()
    }
  }
}
