/// What the pipeline knows beside the rows, written behind the rows of each commit so that a power cut costs at
/// most the readings since the last one, inside windows as well.
///
/// Format 1, behind the last row: u8 version; varints acquired, ringDropped; u8 kind: 1 `checkpoint`, every open
/// window; 2 `journal`, the windowed readings since the commit before. A checkpoint is written where it fits the
/// padding anyway and at the start of each segment; else the journal, at a tenth of the bytes. Both: varint
/// count; a journal goes on with readings as `RowEncoder` writes them; a checkpoint, for each window, with
/// varint point; zigzag varint start (microseconds) and offset; u8 flags, quality, reason and time quality;
/// varints count, bad; then, if count > 0, last as u8 kind and 8 bytes, and mean, squares, min, max, sum, 8 bytes
/// each.
package struct PipelineState: Equatable, Sendable {
  package struct Books: Equatable, Sendable {
    /// Readings made since the stream began, the dropped ones included.
    package var acquired: UInt64 = 0
    package var ringDropped: UInt64 = 0

    package init(acquired: UInt64 = 0, ringDropped: UInt64 = 0) {
      self.acquired = acquired
      self.ringDropped = ringDropped
    }
  }

  /// An open window under its point's own description, so that it survives a change of the configuration.
  package struct OpenWindow: Equatable, Sendable {
    package var point: PointDescription
    package var window: WindowAggregator.Accumulator

    package init(point: PointDescription, window: WindowAggregator.Accumulator) {
      self.point = point
      self.window = window
    }

    /// The row that closes it early, for the point's place in another catalogue.
    package func closingRow(point place: PointIndex) -> Row? {
      guard case .tumbling(let seconds) = point.window else { return nil }
      var closing = window
      closing.point = place
      closing.isPartial = true
      return WindowAggregator.row(closing, length: Int64(seconds) * 1_000_000)
    }
  }

  package var books: Books
  package var windows: [OpenWindow]

  package init(books: Books = Books(), windows: [OpenWindow] = []) {
    self.books = books
    self.windows = windows
  }

  /// Gives the windows to an aggregator of possibly another configuration; a point that is gone, or whose
  /// window or unit changed, is returned: its window can only be closed.
  package func restore(into aggregator: inout WindowAggregator, points: [PointDescription]) -> [OpenWindow] {
    let places = Dictionary(
      points.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
    return windows.filter { open in
      guard let place = places[open.point.name], points[place].window == open.point.window,
        points[place].unit == open.point.unit
      else { return true }
      var window = open.window
      window.point = PointIndex(place)
      aggregator.restore(window)
      return false
    }
  }
}

/// Writes the state behind the rows.
package enum PipelineStateEncoder {
  private static let version: UInt8 = 1
  fileprivate enum Kind: UInt8 { case checkpoint = 1, journal }

  package static func append(
    books: PipelineState.Books, checkpoint windows: [WindowAggregator.Accumulator],
    to buffer: inout ByteBuffer
  ) {
    appendHead(books, .checkpoint, count: windows.count, to: &buffer)
    for window in windows { append(window, to: &buffer) }
  }

  package static func append(
    books: PipelineState.Books, journal: borrowing RowEncoder, to buffer: inout ByteBuffer
  ) {
    appendHead(books, .journal, count: journal.rowCount, to: &buffer)
    journal.bytes.withBytes { buffer.append($0) }
  }

  /// What one window costs in a checkpoint, at most; an estimate before encoding.
  package static let bytesPerWindow = 90

  private static func appendHead(
    _ books: PipelineState.Books, _ kind: Kind, count: Int, to buffer: inout ByteBuffer
  ) {
    buffer.append(version)
    buffer.append(varint: books.acquired)
    buffer.append(varint: books.ringDropped)
    buffer.append(kind.rawValue)
    buffer.append(varint: UInt64(count))
  }

  private static func append(_ window: WindowAggregator.Accumulator, to buffer: inout ByteBuffer) {
    buffer.append(varint: UInt64(window.point))
    buffer.append(varint: RowCodec.zigzag(window.start.microseconds))
    buffer.append(varint: RowCodec.zigzag(window.offset))
    buffer.append(window.isPartial ? 1 : 0)
    buffer.append(window.quality.rawValue)
    buffer.append(window.reason.rawValue)
    buffer.append(window.timeQuality.rawValue)
    buffer.append(varint: window.count)
    buffer.append(varint: window.bad)
    guard window.count > 0 else { return }
    switch window.last {
    case .double(let number): append(0, number.bitPattern, to: &buffer)
    case .signed(let number): append(1, UInt64(bitPattern: number), to: &buffer)
    case .unsigned(let number): append(2, number, to: &buffer)
    }
    for number in [window.mean, window.squares, window.min, window.max, window.sum] {
      buffer.append(fixed: number.bitPattern)
    }
  }

  private static func append(_ kind: UInt8, _ bits: UInt64, to buffer: inout ByteBuffer) {
    buffer.append(kind)
    buffer.append(fixed: bits)
  }

  fileprivate static func isKnown(_ version: UInt8?) -> Bool { version == Self.version }
}

/// Rebuilds the pipeline's state from the commits of the newest segment, in their order.
package struct PipelineReplay: Sendable {
  private var books = PipelineState.Books()
  private var catalogue: Catalogue?
  private var aggregator: WindowAggregator?

  package init() {}

  package var state: PipelineState {
    guard let catalogue, let aggregator else { return PipelineState(books: books) }
    return PipelineState(
      books: books,
      windows: aggregator.openWindows.map {
        PipelineState.OpenWindow(point: catalogue.points[Int($0.point)], window: $0)
      })
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
    switch kind {
    case .checkpoint: applyCheckpoint(rest, count: count)
    case .journal: applyJournal(rest, count: count)
    }
  }

  private mutating func applyCheckpoint(_ bytes: UnsafeRawBufferPointer, count: Int) {
    guard let catalogue else { return }
    var fresh = WindowAggregator(points: catalogue.points, startedAt: Timestamp(microseconds: .min))
    var reader = ByteReader(bytes)
    for _ in 0..<count {
      guard let window = reader.openWindow(), window.point < catalogue.points.count else { return }
      fresh.restore(window)
    }
    aggregator = fresh
  }

  private mutating func applyJournal(_ bytes: UnsafeRawBufferPointer, count: Int) {
    var decoder = RowDecoder(bytes, rowCount: count)
    while let row = try? decoder.next() {
      guard case .reading(let value) = row.body, row.point < catalogue?.points.count ?? 0,
        aggregator?.isWindowed(row.point) == true
      else { continue }
      let reading = Reading(
        point: row.point, at: Moment(time: row.time, boot: row.boot), value: value, quality: row.quality,
        reason: row.reason, timeQuality: row.timeQuality)
      // The rows of windows that end here were stored by the commit itself.
      aggregator?.add(reading) { _ in }
    }
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

extension ByteBuffer {
  /// LEB128.
  package mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }
}
