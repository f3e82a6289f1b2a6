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
