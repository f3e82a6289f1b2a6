/// Rebuilds the pipeline's state from the commits of the newest segment, in their order.
package struct PipelineReplay: Sendable {
  private var books = PipelineState.Books()
  private var catalogue: Catalogue?
  private var aggregator: WindowAggregator?
  private var totals: [PipelineState.PulseTotal] = []
  private var counters: [PipelineState.CounterTotal] = []
  private var waiting: [PipelineState.WaitingReading] = []
  /// Of the commit that is being applied.
  private var boot = BootID(high: 0, low: 0)

  package init() {}

  package var state: PipelineState {
    var state = PipelineState(books: books, totals: totals)
    (state.counters, state.waiting) = (counters, waiting)
    guard let catalogue, let aggregator else { return state }
    state.windows = aggregator.openPanes.map {
      PipelineState.OpenWindow(point: catalogue.points[Int($0.base.point)], window: $0)
    }
    return state
  }

  /// Applies one commit. What cannot be understood is skipped: it costs the readings of that commit in windows.
  package mutating func apply(_ commit: StoredCommit, catalogue: Catalogue?) {
    guard let catalogue else { return }
    adopt(catalogue)
    boot = commit.boot
    commit.payload.withUnsafeBytes { payload in
      var decoder = RowDecoder(payload, rowCount: commit.rowCount)
      var closing: [Row] = []
      while true {
        guard let next = try? decoder.next() else { break }
        if case .window = next.body { closing.append(next) }
      }
      applyState(decoder.rest)
      for row in closing { aggregator?.close(storedAs: row) }
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
    guard let version = reader.byte(), PipelineStateEncoder.isKnown(version), let acquired = reader.varint(),
      let dropped = reader.varint(), let kind = reader.byte().flatMap(PipelineStateEncoder.Kind.init),
      let count = reader.varint().flatMap(Int.init(exactly:)), count <= bytes.count
    else { return }
    // Sums of them are far from overflowing.
    guard max(acquired, dropped) < 1 << 62 else { return }
    (books.acquired, books.ringDropped) = (acquired, dropped)
    let rest = UnsafeRawBufferPointer(rebasing: bytes[reader.index...])
    let behind =
      switch kind {
      case .checkpoint: applyCheckpoint(rest, count: count, version)
      case .journal: applyJournal(rest, count: count)
      }
    if let behind { applyTotals(behind) }
  }

  /// Returns what stands behind the windows; nil where they cannot be understood.
  private mutating func applyCheckpoint(
    _ bytes: UnsafeRawBufferPointer, count: Int, _ version: UInt8
  ) -> UnsafeRawBufferPointer? {
    guard let catalogue else { return nil }
    var fresh = WindowAggregator(points: catalogue.points, startedAt: Timestamp(microseconds: .min))
    var reader = ByteReader(bytes)
    for _ in 0..<count {
      guard let window = reader.pane(version), window.base.point < catalogue.points.count else { return nil }
      fresh.restore(window, goesOn: true)
    }
    aggregator = fresh
    return UnsafeRawBufferPointer(rebasing: bytes[reader.index...])
  }

  /// All of them or none. A commit of a configuration that counts nothing leaves them as they are.
  private mutating func applyTotals(_ bytes: UnsafeRawBufferPointer) {
    guard let catalogue else { return }
    var reader = ByteReader(bytes)
    guard let count = reader.varint(), count <= catalogue.points.count else { return }
    var found: [PipelineState.PulseTotal] = []
    for _ in 0..<count {
      guard let point = reader.varint().flatMap(PointIndex.init(exactly:)), point < catalogue.points.count,
        let pulses = reader.varint()
      else { return }
      found.append(PipelineState.PulseTotal(point: catalogue.points[Int(point)], pulses: pulses))
    }
    if count > 0 { totals = found }
    waiting = []
    while let tag = reader.byte(), let length = reader.varint(), let section = reader.bytes(length) {
      apply(section: tag, section)
    }
  }

  private mutating func apply(section tag: UInt8, _ bytes: UnsafeRawBufferPointer) {
    var reader = ByteReader(bytes)
    switch tag {
    case PipelineStateEncoder.Section.keptBack:
      guard let suppressed = reader.varint(), let unchanged = reader.varint(),
        max(suppressed, unchanged) < 1 << 62
      else { return }
      (books.suppressed, books.unchanged) = (suppressed, unchanged)
    case PipelineStateEncoder.Section.counters: applyCounters(&reader)
    case PipelineStateEncoder.Section.waiting: applyWaiting(&reader)
    default: break
    }
  }

  /// All of them or none.
  private mutating func applyCounters(_ reader: inout ByteReader) {
    guard let catalogue else { return }
    var found: [PipelineState.CounterTotal] = []
    while !reader.isAtEnd {
      guard let point = reader.varint().flatMap(PointIndex.init(exactly:)), point < catalogue.points.count,
        let counter = CounterState(&reader)
      else { return }
      found.append(
        PipelineState.CounterTotal(point: catalogue.points[Int(point)], counter: counter, boot: boot))
    }
    counters = found
  }

  private mutating func applyWaiting(_ reader: inout ByteReader) {
    guard let catalogue, let count = reader.varint().flatMap(Int.init(exactly:)) else { return }
    var decoder = RowDecoder(reader.rest, rowCount: count)
    while let row = try? decoder.next() {
      guard row.point < catalogue.points.count, let reading = Reading(row), reading.isPossible
      else { continue }
      waiting.append(
        PipelineState.WaitingReading(point: catalogue.points[Int(row.point)], reading: reading))
    }
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
    guard let reading = Reading(row), reading.isPossible, row.point < catalogue?.points.count ?? 0,
      aggregator?.isWindowed(row.point) == true
    else { return }
    // The rows of windows that end here were stored by the commit itself.
    aggregator?.add(reading) { _ in }
  }
}

extension ByteReader {
  fileprivate mutating func pane(_ version: UInt8) -> WindowAggregator.Pane? {
    guard let point = varint().flatMap(PointIndex.init(exactly:)), let start = varint(),
      let offset = varint(), let flags = byte(), let quality = byte().flatMap(Quality.init),
      let reason = byte().flatMap(QualityReason.init), let timeQuality = byte().flatMap(TimeQuality.init),
      let count = varint(), let bad = varint()
    else { return nil }
    typealias Flag = PipelineStateEncoder.Flag
    var window = WindowAggregator.Accumulator(
      point: point, start: Timestamp(microseconds: RowCodec.unzigzag(start)),
      isPartial: flags & Flag.partial != 0)
    window.offset = RowCodec.unzigzag(offset)
    (window.quality, window.reason, window.timeQuality) = (quality, reason, timeQuality)
    (window.count, window.bad) = (count, bad)
    if count > 0, !statistics(of: &window, version) { return nil }
    var pane = WindowAggregator.Pane(window)
    guard let role = WindowAggregator.Role(rawValue: flags >> Flag.roleShift) else { return nil }
    pane.role = role
    if flags & Flag.extras != 0 {
      guard let extras = WindowAggregator.Extras(&self) else { return nil }
      pane.extras = extras
    }
    if flags & Flag.sketch != 0 {
      guard let sketch = QuantileSketch(&self) else { return nil }
      pane.sketch = sketch
    }
    return pane
  }

  private mutating func statistics(of window: inout WindowAggregator.Accumulator, _ version: UInt8) -> Bool {
    if version > 1 {
      guard let uncertain = varint(), uncertain <= window.count else { return false }
      window.uncertain = uncertain
    }
    guard let last = value(), let mean = double(), let squares = double(), let min = double(),
      let max = double(),
      let sum = double(), let compensation = version > 1 ? double() : 0
    else { return false }
    (window.last, window.mean, window.squares) = (last, mean, squares)
    (window.min, window.max, window.sum, window.compensation) = (min, max, sum, compensation)
    return true
  }

  /// u8 kind and 8 bytes.
  mutating func value() -> Value? {
    guard let kind = byte(), let bits = fixed(UInt64.self) else { return nil }
    switch kind {
    case 0: return .double(Double(bitPattern: bits))
    case 1: return .signed(Int64(bitPattern: bits))
    default: return .unsigned(bits)
    }
  }

  mutating func double() -> Double? { fixed(UInt64.self).map(Double.init(bitPattern:)) }
}

extension Reading {
  /// What came from a medium may be anything: times that sums would overflow, numbers that no source gives.
  fileprivate var isPossible: Bool {
    time.microseconds.magnitude < 1 << 61 && boot.microseconds.magnitude < 1 << 61
      && (value?.asDouble.isFinite ?? true)
  }
}
