package import GatewayCore
internal import GatewaySystem
internal import Synchronization

// Room without giving the oldest rows up: they are summarised. Promises:
//
// * A summary is one commit that says which rows it stands for, and counts from the moment it is durable: a
//   cut leaves the rows queued, or the summary queued and the rows evicted.
// * Rows are summarised only with rows of which each destination has as much: all or none. Whoever has them
//   all has the summary too.
// * It goes behind the newest segment's rows and needs no slot of its own. No segment is begun behind a
//   summary before the ledger knows of it, so a start looks for such ones in the newest segment only.
// * A summary that the medium refused is given up, and its numbers with it.
//
// * Rows of a boot that did not know the time are summarised among themselves, with its boot times: they get their time
//   later all the same.
//
// What cannot be made small enough is left to `evictOldest`.

extension DurableStore {
  /// What a summary may take of a slot; so much less is left for what is new.
  private static let share = 4
  /// Bytes: while it is made, its rows take some fifteen times as much memory.
  private static let longest = 600 << 10

  /// Rows of several boots have nobody's boot times, and right times.
  private static let noBoot = BootID(high: 0, low: 0)

  /// Which rows have to go when capacity runs out, from the next segment on. Waits for no medium.
  package func evict(by policy: EvictionPolicy) { shared.withLock { $0.eviction = policy } }

  /// Call on the writing thread after each commit: packs, and thins if the policy says so, as far as slots run short.
  package func makeRoom() {
    packOldSegments()
    thinOldRows()
  }

  /// Summarises the oldest rows when no slot is left for the next segment, if the policy says so. Call on the
  /// writing thread after each commit, behind `packOldSegments`, which costs nobody anything. Whether it did
  /// something.
  @discardableResult
  func thinOldRows() -> Bool {
    let before = storedThrough
    writer.withLock { writer in
      guard writer.mayThin, shared.withLock({ $0.eviction == .thin }) else { return }
      writer.mayThin = false
      while !hasRoomForASegment(writer.ledger.durable), !extendByOneSlot(), thinOldest(&writer) {
        writer.mayPack = true
      }
    }
    guard storedThrough > before else { return false }
    for raise in shared.withLock({ Array($0.listeners.values) }) { raise() }
    return true
  }

  private func hasRoomForASegment(_ durable: DeliveryLedger) -> Bool {
    shared.withLock {
      $0.map.slotCount < slotsWithRoom($0)
        || $0.freeSlot(durable, limit: slotLimit, allowingFailed: false) != nil
    }
  }

  /// False when no slot was freed.
  private func thinOldest(_ writer: inout Writer) -> Bool {
    let refused = refusedReads.load(ordering: .acquiring)
    var stretch = oldestStretch()
    stretch.expired = writer.cutoff.flatMap { Self.clockWasSet < $0 ? Self.clockWasSet..<$0 : nil }
    // Whoever has some of the rows must be known to have them: the summary counts by that.
    guard !stretch.segments.isEmpty, (try? writeDurably(ledgerToWrite(), &writer)) != nil else {
      return false
    }
    for (clock, rows) in writer.ledger.durable.groups(of: stretch.rows).flatMap(stretch.byClock) {
      guard summarise(rows, of: stretch, clock, unless: refused, &writer) else { break }
    }
    guard writer.owesLedger || shared.withLock({ $0.ledgerIsDirty }) else { return false }
    guard (try? writeDurably(ledgerToWrite(), &writer)) != nil else { return false }
    return vacate(stretch, writer.ledger.durable)
  }

  private func vacate(_ stretch: Stretch, _ durable: DeliveryLedger) -> Bool {
    shared.withLock { shared in
      var wasFreed = false
      for segment in stretch.segments {
        guard let place = shared.map.place(of: segment.firstSeq, storedThrough: shared.ledger.storedThrough),
          place.segment.id == segment.id, durable.isSettled(segment.firstSeq...place.lastSeq)
        else { continue }
        shared.map.vacate(segment.slot)
        wasFreed = true
      }
      return wasFreed
    }
  }

  /// Puts a summary in the place of `rows`, as fine as there is room for; not when the medium refused to give some of
  /// them back, so that there were more than `refused` such reads. `clock`: see `Stretch.Part`.
  private func summarise(
    _ rows: RangeSet<UInt64>, of stretch: Stretch, _ clock: BootID?, unless refused: UInt64,
    _ writer: inout Writer
  ) -> Bool {
    let limit = min(layout.slotSize / Self.share, Self.longest)
    // What did for the last stretch mostly does for this one; a grain finer may do again.
    let first = max(writer.grain - 1, 0)
    for place in first..<RowThinner.grains.count {
      guard
        let (seen, result, time) = thin(
          rows, of: stretch, to: RowThinner.grains[place], atMost: limit)
      else { continue }
      guard let payload = payload(of: result, standingFor: seen.kept, atMost: limit) else { continue }
      guard refusedReads.load(ordering: .acquiring) == refused else { return false }
      evict(rows.intersection(seen.expired), byDamage: false)
      evict(rows.subtracting(seen.read), byDamage: true)
      writer.grain = place
      return result.rows.isEmpty
        || append(result, payload, standingFor: rows.intersection(seen.kept), at: time, of: clock, &writer)
    }
    return false
  }

  /// nil when it is more than `limit` on the medium, or twice that with its descriptions.
  private func payload(
    of result: RowThinner.Result, standingFor rows: RangeSet<UInt64>, atMost limit: Int
  ) -> ByteBuffer? {
    let catalogues = 2 * RecordHeader.footprint(payload: result.catalogue.encoded.count)
    var encoder = RowEncoder()
    for row in result.rows {
      encoder.append(row)
      guard encoder.bytes.count <= limit else { return nil }
    }
    guard rows.ranges.count <= Int(UInt16.max) else { return nil }
    var payload = encoder.takeBytes(reserving: 0)
    Supersession.append(rows, to: &payload)
    let bytes = RecordHeader.footprint(payload: payload.count)
    guard bytes <= limit, bytes + catalogues <= 2 * limit else { return nil }
    return payload
  }

  private func append(
    _ result: RowThinner.Result, _ payload: borrowing ByteBuffer, standingFor rows: RangeSet<UInt64>,
    at time: Timestamp, of clock: BootID?, _ writer: inout Writer
  ) -> Bool {
    remember(result.catalogue)
    return payload.withBytes { payload in
      let summary = NewCommit(
        payload: payload, firstSeq: storedThrough + 1, rowCount: result.rows.count,
        catalogue: result.catalogue,
        time: time, boot: clock ?? Self.noBoot, supersedes: rows)
      guard payload.count <= maximumPayload, let slot = writer.slot,
        fits(payload: payload.count, result.catalogue)
      else { return false }
      let result = write(summary, slot: slot, beginning: nil, &writer)
      writer.owesLedger = true
      guard case .failure = result else { return true }
      writer.slot = nil
      giveUp(summary.firstSeq...summary.nextSeq - 1)
      return false
    }
  }

  /// The medium refused a summary and may have it all the same. Its numbers must not name other rows then, so they go
  /// with it; what it stands for is still there. No segment is begun before the ledger says so.
  private func giveUp(_ summary: ClosedRange<UInt64>) {
    shared.withLock { shared in
      shared.ledger.store(through: summary.upperBound)
      shared.ledger.evict(summary, byDamage: true)
      shared.ledgerIsDirty = true
    }
  }

  private func evict(_ rows: RangeSet<UInt64>, byDamage: Bool) {
    shared.withLock { shared in
      for run in rows.ranges { shared.ledger.evict(ClosedRange(run), byDamage: byDamage) }
      if !rows.isEmpty { shared.ledgerIsDirty = true }
    }
  }
}
