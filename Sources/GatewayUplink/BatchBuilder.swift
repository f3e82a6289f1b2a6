package import GatewayCore
internal import GatewayGzip

/// A batch ready to travel, byte for byte as often as it takes.
package struct SealedBatch: ~Copyable, Sendable {
  fileprivate var buffer = ByteBuffer(capacity: 64)
  fileprivate var parts = [Part(bytes: 0..<0, head: RequestHead())]
  package fileprivate(set) var rows: ClosedRange<UInt64> = 0...0
  package fileprivate(set) var stream = StreamID(bits: 0)
  /// See `FinishedRequest.items`.
  package fileprivate(set) var items: [BatchItem] = []
  /// See `FinishedRequest.lookups`.
  package fileprivate(set) var lookups: [Lookup] = []
  fileprivate var isHistory = false
  /// The format has no place for any of the rows: there is nothing to send.
  package fileprivate(set) var isEmpty = false
  /// Of what was known of clocks, the part that its times came of; nil where all of them were right from the start.
  package fileprivate(set) var clockVersion: UInt64?

  /// One request of those that the batch takes.
  fileprivate struct Part {
    var bytes: Range<Int>
    var head: RequestHead
  }

  package init() {}

  /// Of all requests' bodies.
  package var byteCount: Int { parts.reduce(0) { $0 + $1.bytes.count } }

  package var request: DeliveryRequest {
    DeliveryRequest(rows: rows, stream: stream, items: items, isHistory: isHistory)
  }

  /// At least one; they are sent in their order.
  package var requestCount: Int { parts.count }

  package func head(of request: Int) -> RequestHead { parts[request].head }

  /// Of the first.
  package var head: RequestHead { parts[0].head }

  /// The bytes stay where they are until the batch is sealed anew.
  package borrowing func withBody<Result>(
    of request: Int = 0, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result {
    buffer.withBytes { body(UnsafeRawBufferPointer(rebasing: $0[parts[request].bytes])) }
  }
}

/// Turns stored commits into one batch at a time: consecutive rows of one stream, up to the limits of rows and
/// bytes and up to the row that the caller says. Reads the queue forwards from `next` and settles nothing. Its buffers are reused; they grow to the
/// largest batch and no further. Owned by the forwarder's thread.
package struct BatchBuilder: ~Copyable {
  private let queue: any DeliveryQueue
  private let maximumBytes: Int
  private let format: any BatchFormat
  private var gzip: GzipEncoder?
  private var body = ByteBuffer(capacity: 4096)
  private var commit = CommitCursor()
  private var catalogueID: UInt32?
  /// The first row that is not in the draft.
  package private(set) var next: UInt64
  /// The last row that may be in it.
  private var last: UInt64 = 0
  private var count = 0
  /// How many of them have something to send.
  private var written = 0
  /// See `SealedBatch.clockVersion`.
  package private(set) var clockVersion: UInt64?

  /// The draft is full, or rows that cannot be read or that are another stream's lie behind it.
  package private(set) var isComplete = false
  /// Rows right behind the draft that the store cannot give back.
  package private(set) var lost: ClosedRange<UInt64>?

  /// `format`: another than the destination's own.
  package init(
    _ destination: DestinationConfig, gateway: String, queue: any DeliveryQueue, from seq: UInt64 = 1,
    state: String? = nil, format: (any BatchFormat)? = nil
  ) {
    self.queue = queue
    maximumBytes = destination.maximumBytes
    self.format = format ?? destination.makeFormat(gateway: gateway, state: state)
    gzip = destination.usesGzip ? GzipEncoder() : nil
    next = seq
    self.format.begin(&body)
  }

  /// The rows of the draft; nil while it is empty.
  package var rows: ClosedRange<UInt64>? { count > 0 ? next - UInt64(count)...next - 1 : nil }

  /// Throws the draft away and goes on with row `seq`.
  package mutating func restart(at seq: UInt64) {
    if seq != next { commit.close() }
    next = seq
    lost = nil
    begin()
  }

  private mutating func begin() {
    count = 0
    written = 0
    clockVersion = nil
    isComplete = false
    format.begin(&body)
  }

  /// Goes on behind the lost rows; the caller has settled them.
  package mutating func skipLost() {
    if let lost { restart(at: lost.upperBound + 1) }
  }

  /// Extends the draft by what is stored up to row `last`. `isEnd`: rows behind that one never follow on.
  package mutating func fill(rowLimit: Int, through last: UInt64, isEnd: Bool) {
    self.last = last
    while !isComplete && lost == nil && next <= last {
      if commit.isAtEnd && !open() { return }
      appendRows(rowLimit)
    }
    if isEnd && count > 0 && next > last { isComplete = true }
  }

  /// Opens the commit that holds `next`; false when there is none, which may be because rows are lost.
  private mutating func open() -> Bool {
    switch queue.read(at: next) {
    case .end: return false
    case .gap(let through): lose(through: through)
    case .commit(let found):
      if found.firstSeq > next { lose(through: found.firstSeq - 1) }
      guard found.firstSeq <= next, found.rowCount > 0, found.lastSeq >= next else { return false }
      if found.stream != format.stream {
        // One batch, one stream: rows of before and after a power cut may be numbered under different ones.
        isComplete = count > 0
        if isComplete { return false }
        format.stream = found.stream
      }
      if catalogueID != found.catalogueID {
        guard let catalogue = queue.catalogue(found.catalogueID) else {
          lose(through: found.lastSeq)
          return false
        }
        format.use(catalogue)
        catalogueID = found.catalogueID
      }
      if commit.open(found, at: next) { return true }
      lose(through: found.lastSeq)
    }
    return false
  }

  private mutating func lose(through seq: UInt64) {
    guard min(seq, last) >= next else { return }
    lost = next...min(seq, last)
    isComplete = count > 0
    commit.close()
  }

  private mutating func appendRows(_ rowLimit: Int) {
    let byteLimit = maximumBytes - format.longestRow - 2
    while !commit.isAtEnd && next <= last {
      if count >= rowLimit || (count > 0 && body.count > byteLimit) {
        isComplete = true
        return
      }
      guard let stored = commit.next() else { return lose(through: commit.lastSeq) }
      switch format.append(healed(stored), seq: next, to: &body) {
      case .written: written += 1
      case .left: break
      case .next:
        precondition(count > 0, "BUG: a format that takes no row")
        commit.putBack(stored)
        isComplete = true
        return
      case .unknown: return lose(through: commit.lastSeq)
      }
      next += 1
      count += 1
    }
    if count >= rowLimit || body.count > byteLimit { isComplete = true }
  }

  /// With the time that is known of it by now.
  private mutating func healed(_ row: Row) -> Row {
    guard row.timeQuality != .synced, let clocks = queue.clocks else { return row }
    // Read first: what changes behind it is noticed.
    let version = clocks.version
    if clockVersion == nil { clockVersion = version }
    return clocks.healing(of: commit.boot).healed(row)
  }

  /// Moves the draft into `batch`, whose old bytes are dropped, and begins the next one.
  package mutating func seal(into batch: inout SealedBatch) {
    guard let rows else { preconditionFailure("BUG: sealing an empty draft") }
    batch.rows = rows
    batch.stream = format.stream
    batch.isEmpty = written == 0
    batch.clockVersion = clockVersion
    let request = format.finish(&body, rows: rows)
    batch.items = request.items
    batch.parts = Self.parts(of: request, end: body.count)
    batch.lookups = request.lookups
    batch.isHistory = request.isHistory
    if gzip != nil {
      compress(into: &batch)
    } else {
      swap(&body, &batch.buffer)
    }
    begin()
  }

  private static func parts(of request: FinishedRequest, end: Int) -> [SealedBatch.Part] {
    let ends = request.further.map(\.start) + [end]
    return zip([RequestStart(request.start, request.head)] + request.further, ends).map { part, end in
      SealedBatch.Part(bytes: part.start..<end, head: part.head)
    }
  }

  private mutating func compress(into batch: inout SealedBatch) {
    batch.buffer.removeAll()
    for index in batch.parts.indices {
      let start = batch.buffer.count
      body.withBytes { bytes in
        let plain = UnsafeRawBufferPointer(rebasing: bytes[batch.parts[index].bytes])
        gzip!.append(plain, to: &batch.buffer)
      }
      batch.parts[index].bytes = start..<batch.buffer.count
    }
  }
}

/// The rows of one commit that are still to be read, with the memory they lie in.
private struct CommitCursor: ~Copyable {
  private var payload = ByteBuffer(capacity: 4096)
  private var decoder = RowDecoder(UnsafeRawBufferPointer(start: nil, count: 0), rowCount: 0)
  private var remaining = 0
  private var held: Row?
  private(set) var lastSeq: UInt64 = 0
  /// Whose boot times the rows have.
  private(set) var boot = BootID(high: 0, low: 0)

  init() {}

  var isAtEnd: Bool { remaining == 0 }

  mutating func close() {
    remaining = 0
    held = nil
  }

  /// Stands before row `seq` of `commit`; false when the rows before it cannot be decoded.
  mutating func open(_ commit: StoredCommit, at seq: UInt64) -> Bool {
    payload.removeAll()
    payload.append(commit.payload)
    // The bytes stay where they are until the next `open`, which replaces the decoder too.
    decoder = RowDecoder(payload.withBytes { $0 }, rowCount: commit.rowCount)
    remaining = commit.rowCount
    held = nil
    lastSeq = commit.lastSeq
    boot = commit.boot
    for _ in commit.firstSeq..<seq {
      guard next() != nil else { return false }
    }
    return true
  }

  /// nil where the payload is not what the encoder writes.
  mutating func next() -> Row? {
    if let row = held.take() {
      remaining -= 1
      return row
    }
    guard let row = try? decoder.next() else {
      remaining = 0
      return nil
    }
    remaining -= 1
    return row
  }

  /// The row that was given last comes again.
  mutating func putBack(_ row: Row) {
    held = row
    remaining += 1
  }
}
