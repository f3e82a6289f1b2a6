package import GatewayCore
internal import GatewaySystem
internal import Synchronization

// Appending: one write and one fdatasync a commit, and what happens when they fail. Relies on `Rotation` for
// room.

/// The writing thread's own state.
struct Writer: ~Copyable {
  var ledger: LedgerWriter
  var nextSegment: UInt64
  /// Where the newest segment goes on; nil when the next append begins a segment.
  var slot: Int?
  /// The newest segment was begun with a commit that is no checkpoint.
  var owesCheckpoint = false
  /// A segment was begun since the last look for some to pack.
  var mayPack = true
  /// Segments that packing would not make smaller, or that cannot be read.
  var unpackable: Set<UInt64> = []
  /// A segment was begun since the last look for rows to thin.
  var mayThin = true
  /// Rows from before this are too old to be kept in summaries either; set when some were last dropped for their age.
  var cutoff: Timestamp?
  /// How coarse the last summary was: a place in `RowThinner.grains`.
  var grain = 0
  /// A summary is newer than the medium's ledger.
  var owesLedger = false
  /// A synchronisation of a commit and the ledger failed, and the ledger's block may have been the cause:
  /// from then on it is synchronised alone, so that it cannot poison one segment after the other.
  var keepsLedgerApart = false
  var lastLedger: Timestamp?
  var buffer = ByteBuffer(capacity: 64 << 10)

  init(ledger: consuming LedgerWriter, nextSegment: UInt64, slot: Int?, owesLedger: Bool) {
    self.owesLedger = owesLedger
    self.ledger = ledger
    self.nextSegment = nextSegment
    self.slot = slot
  }
}

/// What one write brings.
struct NewCommit {
  var payload: UnsafeRawBufferPointer
  var firstSeq: UInt64
  var rowCount: Int
  var catalogue: Catalogue
  var time: Timestamp
  /// Whose boot times its rows have.
  var boot: BootID
  /// The rows whose place these take: then it is a summary.
  var supersedes: RangeSet<UInt64>?

  var nextSeq: UInt64 { firstSeq + UInt64(rowCount) }
}

extension DurableStore {
  /// What one commit's payload, and one encoded catalogue, may measure.
  package var maximumPayload: Int { layout.maximumPayload }

  /// An append tries this many slots before it gives up; a later one goes on with those that failed least, so
  /// that all get their turn without the caller being held for as long as all of them take to fail.
  private static let attempts = 4
  /// How often acknowledgements are put on record: a small cabinet writes one block a second, this adds a fifteenth.
  /// After a power cut so much is sent again, and known by its numbers.
  private static let ledgerPeriod = Duration.seconds(15)

  /// Whether the next append begins a segment or must otherwise bring all the state that a replay needs, if
  /// its payload is at most `bytes` long.
  package func nextAppendNeedsCheckpoint(payload bytes: Int, catalogue: Catalogue) -> Bool {
    writer.withLock { writer in
      writer.owesCheckpoint || writer.slot == nil || !fits(payload: bytes, catalogue)
    }
  }

  /// Makes rows durable: `payload` holds `rowCount` rows, which get the numbers behind `storedThrough`. Without
  /// rows it holds only state for `replayNewest`. Throws `write` when no slot took it: the caller keeps the rows
  /// and appends them again later. `rowsBoot`: whose boot times the rows have, where that is not the running one.
  package func append(
    payload: UnsafeRawBufferPointer, rowCount: Int, catalogue: Catalogue, time: Timestamp,
    rowsBoot: BootID? = nil
  ) throws(StoreError) {
    precondition(payload.count <= maximumPayload, "BUG: a commit was not split")
    precondition(rowCount >= 0, "BUG: a commit has no number of rows")
    guard catalogue.encoded.count <= maximumPayload else {
      throw .write(
        "cannot store rows: the description of \(catalogue.points.count) points is longer than"
          + " \(maximumPayload) bytes; use fewer points or shorter names")
    }
    let commit = NewCommit(
      payload: payload, firstSeq: storedThrough + 1, rowCount: rowCount, catalogue: catalogue, time: time,
      boot: rowsBoot ?? boot)
    remember(catalogue)
    do throws(StoreError) {
      try writer.withLock { (writer) throws(StoreError) in try append(commit, &writer) }
    } catch {
      shared.withLock { $0.writeFault = error.description }
      throw error
    }
    guard rowCount > 0 else { return }
    for raise in shared.withLock({ Array($0.listeners.values) }) { raise() }
  }

  private func append(_ commit: NewCommit, _ writer: inout Writer) throws(StoreError) {
    var tried: Set<Int> = []
    if let slot = writer.slot, fits(payload: commit.payload.count, commit.catalogue) {
      guard case .failure = write(commit, slot: slot, beginning: nil, &writer) else {
        writer.owesCheckpoint = false
        return
      }
      tried.insert(slot)
    }
    let isContinuation = !tried.isEmpty && !writer.owesCheckpoint
    var mayEvict = true
    writer.slot = nil
    if writer.owesLedger { try writeDurably(ledgerToWrite(), &writer) }
    while true {
      let slot = try takeSlot(tried, &mayEvict, &writer)
      let header = SegmentHeader(
        id: writer.nextSegment, firstSeq: commit.firstSeq, stream: stream, boot: boot, time: commit.time,
        isContinuation: isContinuation)
      writer.nextSegment += 1
      switch write(commit, slot: slot, beginning: header, &writer) {
      case .success:
        writer.slot = slot
        writer.mayPack = true
        writer.mayThin = true
        writer.owesCheckpoint = isContinuation
        return
      case .failure(let error):
        tried.insert(slot)
        guard tried.count < Self.attempts else {
          throw .write("cannot write store \"\(device.name)\": \(SystemError.text(error.code))")
        }
      }
    }
  }

  func fits(payload bytes: Int, _ catalogue: Catalogue) -> Bool {
    shared.withLock { shared in
      var needed = RecordHeader.footprint(payload: bytes)
      if !shared.newest.holds(catalogue: catalogue.id) {
        needed += 2 * RecordHeader.footprint(payload: catalogue.encoded.count)
      }
      return shared.newest.end + needed <= layout.slotSize
    }
  }

  /// One write and one fdatasync. A failure poisons the slot's segment: after it the kernel takes pages for
  /// clean that never reached the medium, and a second fdatasync would succeed (fsyncgate). It is never
  /// written again; what it holds already was synchronised before and stays.
  func write(
    _ commit: NewCommit, slot: Int, beginning header: SegmentHeader?, _ writer: inout Writer
  ) -> Result<Void, Errno> {
    let start = header == nil ? shared.withLock { $0.newest.end } : 0
    let records = encode(commit, beginning: header, from: start, into: &writer.buffer)
    let hasLedger = writeLedgerIfDue(commit.time, &writer)
    let result = writer.buffer.withBytes { device.write($0, at: layout.offset(ofSlot: slot) + start) }
      .flatMap { device.synchronize() }
    let rowBytes = writer.buffer.count
    let length = rowBytes + (hasLedger ? StoreFormat.block : 0)
    if case .failure = result, hasLedger { writer.keepsLedgerApart = true }
    if case .success = result {
      if header != nil { keepNewestIndex() }
      // Before anybody can see and send them.
      mark.write(StoredMark.Content(boot: boot, stream: stream, storedThrough: commit.nextSeq - 1))
    }
    shared.withLock { shared in
      shared.bytesWritten += UInt64(length)
      shared.bytesOfRows += UInt64(rowBytes)
      guard case .success = result else {
        if hasLedger { shared.ledgerIsDirty = true }
        shared.map.recordFailure(ofSlot: slot)
        return
      }
      if let header {
        shared.map.begin(SegmentMap.Segment(header: header, slot: slot, bytes: 0))
        shared.newest = SegmentIndex()
      }
      for (record, offset) in records { shared.newest.add(record, at: offset) }
      shared.map.setNewestBytes(shared.newest.end)
      if shared.writeFault != nil { shared.map.forgiveFailures() }
      shared.map.recordSuccess(ofSlot: slot)
      shared.ledger.store(through: commit.nextSeq - 1)
      if let rows = commit.supersedes, commit.rowCount > 0 {
        let supersession = Supersession(
          rows: rows, summary: commit.firstSeq...commit.nextSeq - 1, catalogueID: commit.catalogue.id)
        shared.newest.add(supersession)
        shared.ledger.supersede(rows, by: supersession.summary)
        shared.ledgerIsDirty = true
      }
      shared.commits += 1
      shared.writeFault = nil
    }
    if case .success = result, hasLedger {
      writer.ledger.confirm()
      writer.lastLedger = commit.time
    }
    return result
  }

  /// Keeps the index of the segment that is about to end for those who read it.
  private func keepNewestIndex() {
    let ending = shared.withLock { shared in shared.map.segments.last.map { ($0.id, shared.newest) } }
    if let (id, index) = ending { keep(index, of: id) }
  }

  /// Lays out what one commit writes from byte `start` of its slot on. A catalogue goes in front of the
  /// commit and behind it: damage at one place leaves the other.
  private func encode(
    _ commit: NewCommit, beginning header: SegmentHeader?, from start: Int, into buffer: inout ByteBuffer
  ) -> [(RecordHeader, Int)] {
    buffer.removeAll()
    header?.append(to: &buffer)
    let (segment, needsCatalogue) = shared.withLock { shared in
      (
        header?.id ?? shared.map.segments.last!.id,
        header != nil || !shared.newest.holds(catalogue: commit.catalogue.id)
      )
    }
    var record = RecordHeader(
      kind: .catalogue, length: commit.catalogue.encoded.count, segment: segment, firstSeq: commit.firstSeq,
      stream: stream, boot: commit.boot, time: commit.time, rowCount: 0, catalogueID: commit.catalogue.id)
    var records: [(RecordHeader, Int)] = []
    func add(_ record: RecordHeader, _ payload: UnsafeRawBufferPointer, _ buffer: inout ByteBuffer) {
      records.append((record, start + buffer.count))
      record.append(with: payload, at: start + buffer.count, to: &buffer)
    }
    if needsCatalogue { commit.catalogue.encoded.withUnsafeBytes { add(record, $0, &buffer) } }
    record.kind = commit.supersedes == nil ? .commit : .summary
    record.length = commit.payload.count
    record.rowCount = commit.rowCount
    add(record, commit.payload, &buffer)
    guard needsCatalogue else { return records }
    record.kind = .catalogue
    record.length = commit.catalogue.encoded.count
    record.rowCount = 0
    commit.catalogue.encoded.withUnsafeBytes { add(record, $0, &buffer) }
    return records
  }

  /// Writes the ledger, to be synchronised with what follows, when acknowledgements wait for it long enough.
  /// It does not count the commit that follows, which may not come through: it may lag, never lead.
  func writeLedgerIfDue(_ time: Timestamp, _ writer: inout Writer) -> Bool {
    let isDue =
      writer.lastLedger.map { time >= $0.advanced(by: Self.ledgerPeriod) || time < $0 } ?? true
    guard isDue, shared.withLock({ $0.ledgerIsDirty }) else { return false }
    let block = block(ledgerToWrite(), writer.nextSegment)
    if writer.keepsLedgerApart {
      if case .success = writer.ledger.writeDurably(block) {
        writer.lastLedger = time
      } else {
        shared.withLock { $0.ledgerIsDirty = true }
      }
      return false
    }
    if case .success = writer.ledger.write(block) { return true }
    shared.withLock { $0.ledgerIsDirty = true }
    return false
  }

  /// The ledger as of now; later acknowledgements make it dirty again.
  func ledgerToWrite() -> DeliveryLedger {
    shared.withLock { shared in
      shared.ledgerIsDirty = false
      return shared.ledger
    }
  }

  func block(_ ledger: DeliveryLedger, _ nextSegment: UInt64, isClosed: Bool = false) -> LedgerBlock {
    LedgerBlock(
      generation: 0, stream: stream, boot: boot, nextSegment: nextSegment, isClosed: isClosed, ledger: ledger)
  }
}
