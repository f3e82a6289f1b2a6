internal import GatewayControl
internal import GatewayCore
internal import GatewayUplink
internal import Synchronization

/// What a destination would be sent, for `gatewayctl preview`: a few rows in its format. Settles nothing and asks nobody.
/// Reads on a thread of its own, as the disk may be slow.
final class PreviewDraft: PreviewedRows, Carrying {
  /// Rows that are shown.
  private static let mostRows = 20
  /// Rows that are looked at for those of the points that are asked for.
  private static let mostSeen: UInt64 = 200_000

  private struct State {
    var preview: Preview?
    var isCancelled = false
    var hasEnded = false
  }

  private let destination: DestinationConfig
  private let gateway: String
  private let stateDirectory: String?
  private let points: WatchedPoints
  private let queues: [any DeliveryQueue]
  private let present: PresentQueue
  private let state = Mutex(State())

  /// `queues`: one for each store. `stateDirectory`: where formats keep what they know of a platform.
  init(
    _ destination: DestinationConfig, gateway: String, stateDirectory: String?, points: WatchedPoints,
    queues: [any DeliveryQueue], present: PresentQueue
  ) {
    self.destination = destination
    self.gateway = gateway
    self.stateDirectory = stateDirectory
    self.points = points
    self.queues = queues
    self.present = present
  }

  var preview: Preview? { state.withLock { $0.preview } }
  func cancel() { state.withLock { $0.isCancelled = true } }
  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  func run() {
    let found = pending() ?? stored() ?? build(present, 1...max(present.storedThrough, 1), .present)
    state.withLock { state in
      state.preview = found ?? Preview(source: .nothing, requests: [])
      state.hasEnded = true
    }
  }

  private func pending() -> Preview? {
    for queue in queues {
      var next: UInt64 = 1
      var left = Self.mostSeen
      while left > 0, let run = queue.pending(from: next) {
        let last = min(run.upperBound, run.lowerBound + left - 1)
        if let preview = build(queue, run.lowerBound...last, .pending) { return preview }
        left -= last - run.lowerBound + 1
        next = last + 1
      }
    }
    return nil
  }

  /// The newest ones that show something; they may have made room by now.
  private func stored() -> Preview? {
    for queue in queues where queue.storedThrough > 0 {
      let last = queue.storedThrough
      for count in [UInt64(Self.mostRows), 200, 2000, Self.mostSeen] {
        let first = last > count ? last - count + 1 : 1
        if let preview = build(queue, first...last, .stored) { return preview }
      }
    }
    return nil
  }

  /// Of the first batch of these rows that holds anything; where old rows are sent another way, of that as well.
  private func build(
    _ queue: any DeliveryQueue, _ rows: ClosedRange<UInt64>, _ source: Preview.Source
  ) -> Preview? {
    let lanes: [ForwarderState.Lane] = destination.format.hasHistory ? [.live, .backlog] : [.live]
    let shown = lanes.flatMap { requests($0, queue, rows) }
    return shown.isEmpty ? nil : Preview(source: source, requests: shown)
  }

  private func requests(
    _ lane: ForwarderState.Lane, _ queue: any DeliveryQueue, _ rows: ClosedRange<UInt64>
  ) -> [PreviewedRequest] {
    var plain = destination
    plain.usesGzip = false
    let format = SomePoints(
      of: destination.makeFormat(for: lane, gateway: gateway, state: stateDirectory), points,
      atMost: Self.mostRows)
    var builder = BatchBuilder(plain, gateway: gateway, queue: queue, from: rows.lowerBound, format: format)
    var batch = SealedBatch()
    var next = rows.lowerBound
    while next <= rows.upperBound, !state.withLock({ $0.isCancelled }) {
      builder.fill(rowLimit: rows.count, through: rows.upperBound, isEnd: true)
      if builder.rows != nil {
        builder.seal(into: &batch)
        if !batch.isEmpty { return requests(of: batch) }
        next = batch.rows.upperBound + 1
      } else if let lost = builder.lost {
        builder.skipLost()
        next = lost.upperBound + 1
      } else {
        return []
      }
    }
    return []
  }

  private func requests(of batch: borrowing SealedBatch) -> [PreviewedRequest] {
    var requests: [PreviewedRequest] = []
    for index in 0..<batch.requestCount {
      let head = batch.head(of: index)
      let credentials = [destination.maskedCredentials].compactMap { $0 }
      requests.append(
        PreviewedRequest(
          line: "POST \(destination.url)\(head.path)",
          headers: destination.openHeaders(of: head) + credentials,
          body: batch.withBody(of: index) { String(decoding: $0, as: UTF8.self) }))
    }
    return requests
  }
}

/// A format that is given some rows only, and has no place for the others.
private final class SomePoints: BatchFormat {
  private let format: any BatchFormat
  private let points: WatchedPoints
  private let limit: Int
  private var isWanted: [Bool] = []
  private var written = 0

  init(of format: any BatchFormat, _ points: WatchedPoints, atMost limit: Int) {
    self.format = format
    self.points = points
    self.limit = limit
  }

  var stream: StreamID {
    get { format.stream }
    set { format.stream = newValue }
  }
  var longestRow: Int { format.longestRow }

  func use(_ catalogue: Catalogue) {
    isWanted = catalogue.points.map { points.covers($0.name) }
    format.use(catalogue)
  }

  func begin(_ buffer: inout ByteBuffer) {
    written = 0
    format.begin(&buffer)
  }

  func append(_ row: Row, seq: UInt64, to buffer: inout ByteBuffer) -> RowFate {
    guard Int(row.point) < isWanted.count else { return .unknown }
    guard isWanted[Int(row.point)] else { return .left }
    if written == limit { return .next }
    let fate = format.append(row, seq: seq, to: &buffer)
    if fate == .written { written += 1 }
    return fate
  }

  func finish(_ buffer: inout ByteBuffer, rows: ClosedRange<UInt64>) -> FinishedRequest {
    format.finish(&buffer, rows: rows)
  }
}
