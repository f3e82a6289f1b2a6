/// Rebuilds the pipeline's state from the commits of the newest segment, in their order.
package struct PipelineReplay: Sendable {
  private var books = PipelineState.Books()
  private var catalogue: Catalogue?
  private var aggregator: WindowAggregator?
  private var totals: [PipelineState.PulseTotal] = []

  package init() {}

  package var state: PipelineState {
    guard let catalogue, let aggregator else { return PipelineState(books: books, totals: totals) }
    return PipelineState(
      books: books,
      windows: aggregator.openWindows.map {
        PipelineState.OpenWindow(point: catalogue.points[Int($0.point)], window: $0)
      }, totals: totals)
  }

  /// Applies one commit. What cannot be understood is skipped: it costs the readings of that commit in windows.
  package mutating func apply(_ commit: StoredCommit, catalogue: Catalogue?) {
    guard let catalogue else { return }
    adopt(catalogue)
    commit.payload.withUnsafeBytes { payload in
      var decoder = RowDecoder(payload, rowCount: commit.rowCount)
      var closing: [Row] = []
      while true {
        guard let next = try? decoder.next() else { break }
        if case .window = next.body { closing.append(next) }
      }
      applyState(decoder.rest)
      for row in closing { aggregator?.drop(closedBy: row) }
    }
  }

  private mutating func adopt(_ next: Catalogue) {
    guard next.id != catalogue?.id else { return }
    let before = state
    // Windows of a restored aggregator are partial anyway, whenever it started.
    var fresh = WindowAggregator(points: next.points, startedAt: Timestamp(microseconds: .min))
    _ = before.restore(into: &fresh, points: next.points)
    (catalogue, aggregator) = (next, fresh)
  }

  private mutating func applyState(_ bytes: UnsafeRawBufferPointer) {
    var reader = ByteReader(bytes)
    guard PipelineStateEncoder.isKnown(reader.byte()), let acquired = reader.varint(),
      let dropped = reader.varint(), let kind = reader.byte().flatMap(PipelineStateEncoder.Kind.init),
      let count = reader.varint().flatMap(Int.init(exactly:)), count <= bytes.count
    else { return }
    books = PipelineState.Books(acquired: acquired, ringDropped: dropped)
    let rest = UnsafeRawBufferPointer(rebasing: bytes[reader.index...])
    let behind =
      switch kind {
      case .checkpoint: applyCheckpoint(rest, count: count)
      case .journal: applyJournal(rest, count: count)
      }
    if let behind { applyTotals(behind) }
  }

  /// Returns what stands behind the windows; nil where they cannot be understood.
  private mutating func applyCheckpoint(
    _ bytes: UnsafeRawBufferPointer, count: Int
  ) -> UnsafeRawBufferPointer? {
    guard let catalogue else { return nil }
    var fresh = WindowAggregator(points: catalogue.points, startedAt: Timestamp(microseconds: .min))
    var reader = ByteReader(bytes)
    for _ in 0..<count {
      guard let window = reader.openWindow(), window.point < catalogue.points.count else { return nil }
      fresh.restore(window)
    }
    aggregator = fresh
    return UnsafeRawBufferPointer(rebasing: bytes[reader.index...])
  }

  /// All of them or none. A commit of a configuration that counts nothing leaves them as they are.
  private mutating func applyTotals(_ bytes: UnsafeRawBufferPointer) {
    guard let catalogue else { return }
    var reader = ByteReader(bytes)
    guard let count = reader.varint(), count > 0, count <= catalogue.points.count else { return }
    var found: [PipelineState.PulseTotal] = []
    for _ in 0..<count {
      guard let point = reader.varint().flatMap(PointIndex.init(exactly:)), point < catalogue.points.count,
        let pulses = reader.varint()
      else { return }
      found.append(PipelineState.PulseTotal(point: catalogue.points[Int(point)], pulses: pulses))
    }
    totals = found
  }

  /// Returns what stands behind the readings; nil where they cannot be understood.
  private mutating func applyJournal(
    _ bytes: UnsafeRawBufferPointer, count: Int
  ) -> UnsafeRawBufferPointer? {
    var decoder = RowDecoder(bytes, rowCount: count)
    do {
      while let row = try decoder.next() { applyJournalled(row) }
      return decoder.rest
    } catch {
      return nil
    }
  }

  private mutating func applyJournalled(_ row: Row) {
    guard case .reading(let value) = row.body, row.point < catalogue?.points.count ?? 0,
      aggregator?.isWindowed(row.point) == true
    else { return }
    let reading = Reading(
      point: row.point, at: Moment(time: row.time, boot: row.boot), value: value, quality: row.quality,
      reason: row.reason, timeQuality: row.timeQuality)
    // The rows of windows that end here were stored by the commit itself.
    aggregator?.add(reading) { _ in }
  }
}

extension ByteReader {
  fileprivate mutating func openWindow() -> WindowAggregator.Accumulator? {
    guard let point = varint().flatMap(PointIndex.init(exactly:)), let start = varint(),
      let offset = varint(),
      let flags = byte(), let quality = byte().flatMap(Quality.init),
      let reason = byte().flatMap(QualityReason.init), let timeQuality = byte().flatMap(TimeQuality.init),
      let count = varint(), let bad = varint()
    else { return nil }
    var window = WindowAggregator.Accumulator(
      point: point, start: Timestamp(microseconds: RowCodec.unzigzag(start)), isPartial: flags & 1 == 1)
    window.offset = RowCodec.unzigzag(offset)
    (window.quality, window.reason, window.timeQuality) = (quality, reason, timeQuality)
    (window.count, window.bad) = (count, bad)
    guard count > 0 else { return window }
    guard let kind = byte(), let bits = fixed(UInt64.self), let mean = double(), let squares = double(),
      let min = double(), let max = double(), let sum = double()
    else { return nil }
    switch kind {
    case 0: window.last = .double(Double(bitPattern: bits))
    case 1: window.last = .signed(Int64(bitPattern: bits))
    default: window.last = .unsigned(bits)
    }
    (window.mean, window.squares, window.min, window.max, window.sum) = (mean, squares, min, max, sum)
    return window
  }

  private mutating func double() -> Double? { fixed(UInt64.self).map(Double.init(bitPattern:)) }
}
