internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// Rows on their way from the pipeline to the disk, with both forms of the state; the writer knows which the
/// segment needs.
final class PendingCommit: @unchecked Sendable {
  // Sendable: handed from the pipeline to the writer, never shared.
  private(set) var payload: ByteBuffer
  /// What the rows take of the payload; the state follows.
  let rowBytes: Int
  let journal: ByteBuffer
  let checkpoint: ByteBuffer
  let rowCount: Int
  let catalogue: Catalogue
  let time: Timestamp
  /// The first of its pipeline: what went before does not say which windows are open now.
  let beginsPipeline: Bool
  /// Its state says what earlier runs counted too: without that it is nothing for the disk.
  let knowsPast: Bool
  /// Whose boot times its rows have; nil: this boot's.
  let rowsBoot: BootID?

  init(
    payload: consuming ByteBuffer, journal: consuming ByteBuffer, checkpoint: consuming ByteBuffer,
    rowCount: Int, catalogue: Catalogue, time: Timestamp, beginsPipeline: Bool,
    knowsPast: Bool = true, rowsBoot: BootID? = nil
  ) {
    rowBytes = payload.count
    self.payload = payload
    self.journal = journal
    self.checkpoint = checkpoint
    self.rowCount = rowCount
    self.catalogue = catalogue
    self.time = time
    self.beginsPipeline = beginsPipeline
    self.knowsPast = knowsPast
    self.rowsBoot = rowsBoot
  }

  /// Puts one of the two forms of the state behind the rows.
  func setState(usesCheckpoint: Bool) {
    payload.truncate(to: rowBytes)
    if usesCheckpoint {
      checkpoint.withBytes { payload.append($0) }
    } else {
      journal.withBytes { payload.append($0) }
    }
  }

  /// The rows without the state, in pieces of at most `limit` bytes each.
  func rowsInPieces(ofAtMost limit: Int) throws(RowCodecError) -> [(bytes: [UInt8], rowCount: Int)] {
    payload.truncate(to: rowBytes)
    if rowBytes <= limit { return [(payload.copyBytes(), rowCount)] }
    return try payload.withBytes { bytes throws(RowCodecError) in
      var pieces: [(bytes: [UInt8], rowCount: Int)] = []
      var decoder = RowDecoder(bytes, rowCount: rowCount)
      var encoder = RowEncoder()
      while let row = try decoder.next() {
        encoder.append(row)
        guard encoder.bytes.count > limit - RowEncoder.longestRow else { continue }
        pieces.append((encoder.bytes.copyBytes(), encoder.rowCount))
        encoder.removeAll()
      }
      if encoder.rowCount > 0 { pieces.append((encoder.bytes.copyBytes(), encoder.rowCount)) }
      return pieces
    }
  }

  /// Memory held, whichever state is behind the rows.
  var bytes: Int { rowBytes + journal.count + checkpoint.count }
}

/// The box between pipeline and writer. A disk that stalls fills it up to `limit`; then the pipeline leaves the
/// readings in their rings, and what these refuse is counted there: one place for loss.
final class CommitQueue: Sendable {
  private struct State {
    var commits: [PendingCommit] = []
    var bytes = 0
    var isClosed = false
  }

  private static let limit = 8 << 20
  private let state = Mutex(State())
  private let filled: EventSignal
  /// Raised when room came back.
  let drained: EventSignal

  init(drained: EventSignal) throws(SystemError) {
    filled = try EventSignal()
    self.drained = drained
  }

  var bytes: Int { state.withLock { $0.bytes } }
  var isFull: Bool { bytes >= Self.limit }

  /// The disk is slower than commits come: so more of what is read goes into each.
  var isBehind: Bool { state.withLock { $0.commits.count > 1 } }

  var rowCount: Int { state.withLock { $0.commits.reduce(0) { $0 + $1.rowCount } } }

  func push(_ commit: PendingCommit) {
    state.withLock {
      $0.commits.append(commit)
      $0.bytes += commit.bytes
    }
    filled.raise()
  }

  /// The oldest commit, which stays queued until `removeFirst`; waits up to `timeout` for one.
  func first(timeout: Duration) -> PendingCommit? {
    if let commit = state.withLock({ $0.commits.first }) { return commit }
    filled.wait(timeout: timeout)
    return state.withLock { $0.commits.first }
  }

  func removeFirst() {
    let wasFull = state.withLock { state in
      let wasFull = state.bytes >= Self.limit
      let first = state.commits.removeFirst()
      state.bytes -= first.bytes
      return wasFull
    }
    if wasFull { drained.raise() }
  }

  /// No more commits will come.
  func close() {
    state.withLock { $0.isClosed = true }
    filled.raise()
  }

  var isFinished: Bool { state.withLock { $0.isClosed && $0.commits.isEmpty } }
}
