/// What the pipeline knows beside the rows, written behind the rows of each commit so that a power cut costs at
/// most the readings since the last one, inside windows as well.
///
/// Format 2, behind the last row: u8 version; varints acquired, ringDropped; u8 kind: 1 `checkpoint`, every open
/// window; 2 `journal`, the windowed readings since the commit before. A checkpoint is written where it fits the
/// padding anyway and at the start of each segment; else the journal, at a tenth of the bytes. Both: varint
/// count; a journal goes on with readings as `RowEncoder` writes them; a checkpoint, for each window, with
/// varint point; zigzag varint start (microseconds) and offset; u8 flags (1 partial, 2 with extras, 4 with a sketch,
/// 8 a closed pane of a sliding window, 16 what a point without an open window carries over), quality, reason and time quality; varints count, bad; then, if count > 0,
/// varint uncertain, last as u8 kind and 8 bytes, and mean, squares, min, max, sum, compensation, 8 bytes each; then
/// extras (`WindowExtras`) and sketch (`QuantileSketch`). Behind either: varint count, and for each pulse total varint
/// point and varint pulses; then sections, each u8 tag, varint length and so many bytes: 1 kept back (varints suppressed
/// and unchanged), 2 counters (each varint point, then `CounterState`), 3 readings that wait for their successor (varint
/// count, then as `RowEncoder` writes them). Unknown ones are left out.
///
/// Format 1 has no flags but partial, neither uncertain nor compensation, and no sections.
///
/// What is private (`publish: aggregate`) is in neither form.
package struct PipelineState: Sendable {
  package struct Books: Equatable, Sendable {
    /// Readings made since the stream began, the dropped ones included.
    package var acquired: UInt64 = 0
    package var ringDropped: UInt64 = 0
    /// Windows with fewer readings than `min-count`.
    package var suppressed: UInt64 = 0
    /// Readings that `report` kept back, because they said nothing new.
    package var unchanged: UInt64 = 0

    package init(acquired: UInt64 = 0, ringDropped: UInt64 = 0, suppressed: UInt64 = 0, unchanged: UInt64 = 0)
    {
      (self.acquired, self.ringDropped) = (acquired, ringDropped)
      (self.suppressed, self.unchanged) = (suppressed, unchanged)
    }
  }

  /// An open window under its point's own description, so that it survives a change of the configuration.
  package struct OpenWindow: Equatable, Sendable {
    package var point: PointDescription
    package var window: WindowAggregator.Pane

    package init(point: PointDescription, window: WindowAggregator.Pane) {
      self.point = point
      self.window = window
    }

    /// The row that closes it early, for the point's place in another catalogue.
    package func closingRow(point place: PointIndex) -> Row? {
      guard point.window != .raw, window.role == .open else { return nil }
      var closing = window
      closing.base.point = place
      closing.base.isPartial = true
      // Of a sliding window it is the last pane.
      return WindowAggregator.row(closing, length: point.window.step, point.functions)
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

  /// Where a counter stood, and in which boot.
  package struct CounterTotal: Sendable {
    package var point: PointDescription
    package var counter: CounterState
    package var boot: BootID

    package init(point: PointDescription, counter: CounterState, boot: BootID) {
      (self.point, self.counter, self.boot) = (point, counter, boot)
    }
  }

  /// A reading that was acquired and waits for its successor.
  package struct WaitingReading: Equatable, Sendable {
    package var point: PointDescription
    package var reading: Reading

    package init(point: PointDescription, reading: Reading) { (self.point, self.reading) = (point, reading) }
  }

  package var books: Books
  package var windows: [OpenWindow]
  package var totals: [PulseTotal]
  package var counters: [CounterTotal] = []
  package var waiting: [WaitingReading] = []
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
      window.base.point = PointIndex(place)
      aggregator.restore(window)
      return false
    }
  }
}

/// Writes the state behind the rows.
package enum PipelineStateEncoder {
  static let version: UInt8 = 2
  enum Kind: UInt8 { case checkpoint = 1, journal }

  package static func append(
    books: PipelineState.Books, checkpoint windows: [WindowAggregator.Pane],
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

  enum Section {
    static let keptBack: UInt8 = 1
    static let counters: UInt8 = 2
    static let waiting: UInt8 = 3
  }

  /// What stands behind windows or journal, whichever it is.
  package struct Rest {
    /// Those of the catalogue's points that ever counted.
    package var totals: [(point: PointIndex, pulses: UInt64)]
    package var counters: [(point: PointIndex, counter: CounterState)] = []
    package var waiting: [Reading] = []

    package init(totals: [(point: PointIndex, pulses: UInt64)]) { self.totals = totals }
  }

  /// To be written last.
  package static func append(_ rest: Rest, _ books: PipelineState.Books, to buffer: inout ByteBuffer) {
    buffer.append(varint: UInt64(rest.totals.count))
    for total in rest.totals {
      buffer.append(varint: UInt64(total.point))
      buffer.append(varint: total.pulses)
    }
    if books.suppressed > 0 || books.unchanged > 0 {
      append(section: Section.keptBack, to: &buffer) {
        $0.append(varint: books.suppressed)
        $0.append(varint: books.unchanged)
      }
    }
    if !rest.counters.isEmpty {
      append(section: Section.counters, to: &buffer) { content in
        for (point, counter) in rest.counters {
          content.append(varint: UInt64(point))
          counter.append(to: &content)
        }
      }
    }
    guard !rest.waiting.isEmpty else { return }
    append(section: Section.waiting, to: &buffer) { content in
      var readings = RowEncoder()
      for reading in rest.waiting { readings.append(reading) }
      content.append(varint: UInt64(readings.rowCount))
      readings.bytes.withBytes { content.append($0) }
    }
  }

  private static func append(
    section tag: UInt8, to buffer: inout ByteBuffer, _ write: (inout ByteBuffer) -> Void
  ) {
    var content = ByteBuffer(capacity: 64)
    write(&content)
    buffer.append(tag)
    buffer.append(varint: UInt64(content.count))
    content.withBytes { buffer.append($0) }
  }

  /// What one window costs in a checkpoint, at most; an estimate before encoding.
  package static let bytesPerWindow = 100

  private static func appendHead(
    _ books: PipelineState.Books, _ kind: Kind, count: Int, to buffer: inout ByteBuffer
  ) {
    buffer.append(version)
    buffer.append(varint: books.acquired)
    buffer.append(varint: books.ringDropped)
    buffer.append(kind.rawValue)
    buffer.append(varint: UInt64(count))
  }

  enum Flag {
    static let partial: UInt8 = 1
    static let extras: UInt8 = 2
    static let sketch: UInt8 = 4
    /// Two bits.
    static let roleShift: UInt8 = 3
  }

  private static func append(_ pane: WindowAggregator.Pane, to buffer: inout ByteBuffer) {
    let window = pane.base
    buffer.append(varint: UInt64(window.point))
    buffer.append(varint: RowCodec.zigzag(window.start.microseconds))
    buffer.append(varint: RowCodec.zigzag(window.offset))
    buffer.append(
      (window.isPartial ? Flag.partial : 0) | (pane.extras != nil ? Flag.extras : 0)
        | (pane.sketch != nil ? Flag.sketch : 0) | pane.role.rawValue << Flag.roleShift)
    buffer.append(window.quality.rawValue)
    buffer.append(window.reason.rawValue)
    buffer.append(window.timeQuality.rawValue)
    buffer.append(varint: window.count)
    buffer.append(varint: window.bad)
    if window.count > 0 {
      buffer.append(varint: window.uncertain)
      append(window.last, to: &buffer)
      for number in [window.mean, window.squares, window.min, window.max, window.sum, window.compensation] {
        buffer.append(fixed: number.bitPattern)
      }
    }
    pane.extras?.append(to: &buffer)
    pane.sketch?.append(to: &buffer)
  }

  static func append(_ value: Value, to buffer: inout ByteBuffer) {
    switch value {
    case .double(let number): append(0, number.bitPattern, to: &buffer)
    case .signed(let number): append(1, UInt64(bitPattern: number), to: &buffer)
    case .unsigned(let number): append(2, number, to: &buffer)
    }
  }

  private static func append(_ kind: UInt8, _ bits: UInt64, to buffer: inout ByteBuffer) {
    buffer.append(kind)
    buffer.append(fixed: bits)
  }

  static func isKnown(_ version: UInt8) -> Bool { 1...Self.version ~= version }
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
