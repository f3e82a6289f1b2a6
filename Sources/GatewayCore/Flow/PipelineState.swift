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
    /// It is not to be stored.
    package var staysInMemory: Bool

    package init(point: PointDescription, window: WindowAggregator.Pane, staysInMemory: Bool = false) {
      (self.point, self.window, self.staysInMemory) = (point, window, staysInMemory)
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
    package var staysInMemory: Bool

    package init(
      point: PointDescription, counter: CounterState, boot: BootID, staysInMemory: Bool = false
    ) {
      (self.point, self.counter, self.boot) = (point, counter, boot)
      self.staysInMemory = staysInMemory
    }
  }

  /// A reading that was acquired and waits for its successor.
  package struct WaitingReading: Equatable, Sendable {
    package var point: PointDescription
    package var reading: Reading
    package var staysInMemory: Bool

    package init(point: PointDescription, reading: Reading, staysInMemory: Bool = false) {
      (self.point, self.reading, self.staysInMemory) = (point, reading, staysInMemory)
    }
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
