/// What the pipeline knows beside the rows, written behind the rows of each commit so that a power cut costs at
/// most the readings since the last one, inside windows as well.
///
/// Format 1, behind the last row: u8 version; varints acquired, ringDropped; u8 kind: 1 `checkpoint`, every open
/// window; 2 `journal`, the windowed readings since the commit before. A checkpoint is written where it fits the
/// padding anyway and at the start of each segment; else the journal, at a tenth of the bytes. Both: varint
/// count; a journal goes on with readings as `RowEncoder` writes them; a checkpoint, for each window, with
/// varint point; zigzag varint start (microseconds) and offset; u8 flags, quality, reason and time quality;
/// varints count, bad; then, if count > 0, last as u8 kind and 8 bytes, and mean, squares, min, max, sum, 8 bytes
/// each. Behind either, where anything was counted: varint count, and for each pulse total varint point and varint
/// pulses. (A version that knows no totals stops reading before them.)
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

  /// What a pulse point has counted, under its own description as the windows are.
  package struct PulseTotal: Equatable, Sendable {
    package var point: PointDescription
    package var pulses: UInt64

    package init(point: PointDescription, pulses: UInt64) {
      self.point = point
      self.pulses = pulses
    }
  }

  package var books: Books
  package var windows: [OpenWindow]
  package var totals: [PulseTotal]
  /// Whose boot times the windows have; nil: this boot's. Not stored here: it is the commit's.
  package var boot: BootID?

  package init(books: Books = Books(), windows: [OpenWindow] = [], totals: [PulseTotal] = []) {
    self.books = books
    self.windows = windows
    self.totals = totals
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
  enum Kind: UInt8 { case checkpoint = 1, journal }

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

  /// To be written last. `totals` are those of the catalogue's points that ever counted.
  package static func append(totals: [(point: PointIndex, pulses: UInt64)], to buffer: inout ByteBuffer) {
    guard !totals.isEmpty else { return }
    buffer.append(varint: UInt64(totals.count))
    for total in totals {
      buffer.append(varint: UInt64(total.point))
      buffer.append(varint: total.pulses)
    }
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

  static func isKnown(_ version: UInt8?) -> Bool { version == Self.version }
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
