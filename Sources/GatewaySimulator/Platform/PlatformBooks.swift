internal import GatewayCore
internal import GatewaySystem

/// What the platform has, deduplicated by (stream, seq). A value under the simulator's lock; its size depends on
/// the holes, not on the rows (but for those it was asked to keep).
struct PlatformBooks: Sendable {
  private struct Stream {
    var gateway: String
    var seen = IntervalSet()
    var rows: [PlatformRow] = []
  }

  private let keptRows: Int
  private var streams: [String: Stream] = [:]
  private(set) var counts = PlatformStats()
  private var series = SeriesBooks()

  init(keptRows: Int) { self.keptRows = keptRows }

  mutating func countRequest() { counts.requests += 1 }
  mutating func countRejected(_ reason: String) {
    counts.rejected += 1
    counts.lastRejection = reason
  }
  mutating func greet(_ client: String) { counts.lastClient = client }
  mutating func countFault() { counts.faults += 1 }

  /// Takes a batch in; returns its numbers that are new, ascending.
  mutating func take(_ batch: BatchSummary, bytes: Int) -> [ClosedRange<UInt64>] {
    counts.batches += 1
    counts.bytes += UInt64(bytes)
    return enter(batch.first...batch.last, of: batch.stream, batch.gateway)
  }

  private mutating func enter(
    _ numbers: ClosedRange<UInt64>, of name: String, _ gateway: String
  ) -> [ClosedRange<UInt64>] {
    var stream = streams.removeValue(forKey: name) ?? Stream(gateway: gateway)
    let rows = numbers.upperBound - numbers.lowerBound + 1
    let added = stream.seen.insert(numbers)
    let unique = added.reduce(0) { $0 + ($1.upperBound - $1.lowerBound + 1) }
    counts.rows += rows
    counts.unique += unique
    counts.duplicates += rows - unique
    streams[name] = stream
    return added
  }

  /// Takes points in that have a series and a time; how many were refused for the type of a field, and the last reason.
  mutating func take(_ points: [SeriesPoint], bytes: Int) -> (refused: Int, reason: String?) {
    counts.batches += 1
    counts.bytes += UInt64(bytes)
    var refused = 0
    var reason: String?
    for point in points {
      let conflict = point.types.compactMap { field, type in
        series.conflict(field, type).map { "\(field) is type \(type), already exists as type \($0)" }
      }
      if let first = conflict.first {
        (refused, reason) = (refused + 1, first)
      } else {
        take(point)
      }
    }
    return (refused, reason)
  }

  private mutating func take(_ point: SeriesPoint) {
    let entry = series.take(point.name, point.content)
    if entry == .overwriting { counts.overwritten += 1 }
    if let seq = point.seq {
      _ = enter(seq...seq, of: point.stream, point.gateway)
    } else if entry == .new {
      let next = (streams[point.stream]?.seen.ranges.last?.upperBound ?? 0) + 1
      _ = enter(next...next, of: point.stream, point.gateway)
    } else {
      counts.rows += 1
      counts.duplicates += 1
    }
  }

  /// Keeps the last rows of the stream; `lines` holds new ones.
  mutating func keep(_ lines: [PlatformRow], of stream: String) {
    guard keptRows > 0, !lines.isEmpty else { return }
    streams[stream]?.rows += lines
    // Trimmed at twice the size, so that it costs nothing per batch.
    guard let count = streams[stream]?.rows.count, count > 2 * keptRows else { return }
    streams[stream]?.rows.removeFirst(count - keptRows)
  }

  func rows(of stream: String) -> [PlatformRow] {
    (streams[stream]?.rows ?? []).sorted { $0.seq < $1.seq }
  }

  var stats: PlatformStats {
    var stats = counts
    stats.streams = streams.keys.sorted().compactMap { name in
      guard let stream = streams[name], let first = stream.seen.ranges.first?.lowerBound,
        let last = stream.seen.ranges.last?.upperBound
      else { return nil }
      return PlatformStats.Stream(
        stream: name, gateway: stream.gateway, first: first, last: last, unique: stream.seen.count,
        holes: stream.seen.holes)
    }
    stats.holes = stats.streams.reduce(0) { $0 + $1.holes }
    return stats
  }
}

/// One reading as the platform got it.
package struct PlatformRow: Equatable, Sendable {
  package var seq: UInt64
  /// The reading's JSON object.
  package var text: String
}
