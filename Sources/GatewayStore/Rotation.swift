package import GatewayCore
internal import GatewaySystem
internal import Synchronization

// Room for the next segment, and putting the ledger on record. Promises that no slot is written over before
// the medium's ledger says that nobody needs its rows.

extension DurableStore {
  /// A slot whose rows nobody needs any more, on record; at worst the oldest rows are evicted for it.
  /// In one append that happens once: what is stored is worth more than finding a slot that works.
  func takeSlot(
    _ tried: Set<Int>, _ mayEvict: inout Bool, _ writer: inout Writer
  ) throws(StoreError) -> Int {
    if let slot = try freeSlot(tried, allowingFailed: false, &writer) { return slot }
    if extendByOneSlot(), let slot = try freeSlot(tried, allowingFailed: false, &writer) { return slot }
    if let slot = try freeSlot(tried, allowingFailed: true, &writer) { return slot }
    // One eviction frees a slot, unless the capacity became smaller and the oldest rows lie beyond it.
    while mayEvict, try evictOldest(&writer) {
      guard let slot = try freeSlot(tried, allowingFailed: true, &writer) else { continue }
      mayEvict = false
      return slot
    }
    let fault = shared.withLock { $0.writeFault ?? $0.spaceFault }
    throw .write(fault ?? "cannot write store \"\(device.name)\": no slot takes a write")
  }

  func freeSlot(
    _ tried: Set<Int>, allowingFailed: Bool, _ writer: inout Writer
  ) throws(StoreError) -> Int? {
    let found = shared.withLock {
      $0.freeSlot(writer.ledger.durable, limit: slotLimit, tried: tried, allowingFailed: allowingFailed)
    }
    guard let found else { return nil }
    if let rows = found.freed, !writer.ledger.durable.isSettled(rows) {
      // Otherwise a power cut would leave a ledger that calls these rows queued, and no rows.
      try writeDurably(ledgerToWrite(), &writer)
      guard writer.ledger.durable.isSettled(rows) else { return nil }
    }
    shared.withLock { $0.map.vacate(found.slot) }
    return found.slot
  }

  /// Gives the oldest segment's rows up; false when there is none to give. Its ledger is durable before its
  /// slot is written over.
  func evictOldest(_ writer: inout Writer) throws(StoreError) -> Bool {
    let oldest = shared.withLock { shared in
      shared.map.segments.count < 2
        ? nil : shared.map.place(at: 0, storedThrough: shared.ledger.storedThrough)
    }
    guard let oldest else { return false }
    var ledger = ledgerToWrite()
    ledger.evict(through: oldest.lastSeq)
    try writeDurably(ledger, &writer)
    shared.withLock { shared in
      shared.ledger.evict(through: oldest.lastSeq)
      if oldest.segment.slot >= slotLimit { shared.map.vacate(oldest.segment.slot) }
    }
    return true
  }

  func writeDurably(
    _ ledger: DeliveryLedger, isClosed: Bool = false, _ writer: inout Writer
  ) throws(StoreError) {
    shared.withLock { $0.bytesWritten += UInt64(StoreFormat.block) }
    let result = writer.ledger.writeDurably(block(ledger, writer.nextSegment, isClosed: isClosed))
    guard case .failure(let error) = result else {
      writer.owesLedger = false
      return
    }
    shared.withLock { $0.ledgerIsDirty = true }
    throw .write(
      "cannot write the ledger of store \"\(device.name)\": \(SystemError.text(error.code))")
  }

  /// Prepares one more slot, ahead of need; for when the writing thread has nothing to do. Two are enough:
  /// what was never used has to be searched at each start. Whether it did something.
  @discardableResult
  package func extendOneSlot() -> Bool {
    writer.withLock { _ in
      let isReady = shared.withLock { $0.map.unusedSlots(limit: slotLimit).count >= 2 }
      return isReady ? false : extendByOneSlot()
    }
  }

  /// Slots that there is room for: fewer than the capacity allows where somebody else has filled the medium.
  func slotsWithRoom(_ shared: Shared) -> Int {
    shared.spaceFault == nil ? slotLimit : min(slotLimit, shared.map.slotCount)
  }

  func extendByOneSlot() -> Bool {
    let slot = shared.withLock { $0.map.slotCount }
    guard slot < slotLimit else { return false }
    let offset = layout.offset(ofSlot: slot)
    let end = offset + layout.slotSize
    // All of it or nothing: half a slot would have to be filled up at the next start, on a medium that is full.
    let result = device.setAside(end).flatMap { device.zero(offset..<end) }.flatMap { device.synchronize() }
    return shared.withLock { shared in
      if case .success = result {
        shared.bytesWritten += UInt64(layout.slotSize)
        shared.bytesPrepared += UInt64(layout.slotSize)
      }
      if case .failure(let error) = result {
        shared.spaceFault =
          "cannot extend the store beyond \(offset >> 20) MiB: \(SystemError.text(error.code))"
        return false
      }
      shared.map.addSlot()
      shared.spaceFault = nil
      return true
    }
  }

  /// Puts acknowledgements on record while no commits come by that would take them along.
  package func writeLedgerIfDue(at time: Timestamp) {
    writer.withLock { writer in
      guard writeLedgerIfDue(time, &writer) else { return }
      let result = device.synchronize()
      shared.withLock { shared in
        shared.bytesWritten += UInt64(StoreFormat.block)
        if case .failure = result { shared.ledgerIsDirty = true }
      }
      guard case .success = result else { return }
      writer.ledger.confirm()
      writer.lastLedger = time
    }
  }

  /// Puts the acknowledgements so far on record, and waits for the medium.
  package func recordLedger() throws(StoreError) {
    try writer.withLock { (writer) throws(StoreError) in
      guard shared.withLock({ $0.ledgerIsDirty }) else { return }
      try writeDurably(ledgerToWrite(), &writer)
    }
  }

  /// Puts the ledger on record, and that the store ended here. Nothing may be appended afterwards.
  package func close() throws(StoreError) {
    try writer.withLock { (writer) throws(StoreError) in
      try writeDurably(ledgerToWrite(), isClosed: true, &writer)
    }
  }
}

extension DurableStore.Shared {
  /// By what the medium's ledger has room to remember: a slot must not be given away by more than that.
  func freeSlot(
    _ durable: DeliveryLedger, limit: Int, tried: Set<Int> = [], allowingFailed: Bool
  ) -> (slot: Int, freed: ClosedRange<UInt64>?)? {
    map.freeSlot(
      ledger: LedgerBlock.fitting(ledger, after: durable), limit: limit, tried: tried,
      allowingFailed: allowingFailed)
  }
}
