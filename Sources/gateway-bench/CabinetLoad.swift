internal import GatewayCore

/// What a cabinet stores in each second of its life: windows of a minute of most points, readings of the others as
/// they come, and behind them what the pipeline keeps of open windows. One commit a second.
struct CabinetLoad: ~Copyable {
  /// 2026-09-21T14:13:00Z, where a minute begins.
  static let start = Timestamp(microseconds: 1_789_999_980_000_000)
  private static let minute = 60
  /// Seconds between two readings of a raw point.
  private static let rawPeriod = 10

  let catalogue: Catalogue
  private let windows: Int
  private let raw: Int
  private var rows = RowEncoder()
  private var payload = ByteBuffer(capacity: 64 << 10)
  /// What a second of readings costs beside the rows; the same bytes each time.
  private var state = ByteBuffer(capacity: 4096)

  init(windows: Int = 90, raw: Int = 10) {
    self.windows = windows
    self.raw = raw
    catalogue = Catalogue(
      points: (0..<windows + raw).map { point in
        PointDescription(
          name: "device-\(point / 10).point-\(point % 10)", unit: "CEL", kind: .gauge,
          window: point < windows ? .tumbling(seconds: UInt32(Self.minute)) : .raw, functions: .standard)
      })
    for point in 0..<windows { rows.append(Self.reading(point, second: 0)) }
    PipelineStateEncoder.append(books: PipelineState.Books(acquired: 1 << 24), journal: rows, to: &state)
  }

  /// Rows a second, on average.
  var rowsPerSecond: Double { Double(windows) / Double(Self.minute) + Double(raw) / Double(Self.rawPeriod) }

  /// Hands over the payload of one second's commit, with the number of its rows and its time.
  mutating func commit<Failure: Error>(
    second: Int, _ body: (UnsafeRawBufferPointer, Int, Timestamp) throws(Failure) -> Void
  ) throws(Failure) {
    rows.removeAll()
    if second % Self.rawPeriod == 0 {
      for point in windows..<windows + raw { rows.append(Self.reading(point, second: second)) }
    }
    // As the aggregator closes them, once no reading can be on its way any more.
    if second % Self.minute == 2 {
      for point in 0..<windows { rows.append(Self.window(point, endingAt: second - 2)) }
    }
    payload.removeAll()
    rows.bytes.withBytes { payload.append($0) }
    state.withBytes { payload.append($0) }
    let (count, time) = (rows.rowCount, Self.moment(second).time)
    try payload.withBytes { bytes throws(Failure) in try body(bytes, count, time) }
  }

  private static func moment(_ second: Int, delay: Int64 = 0) -> Moment {
    let micros = Int64(second) * 1_000_000 + delay
    return Moment(
      time: Timestamp(microseconds: start.microseconds + micros), boot: BootTime(microseconds: micros))
  }

  /// Tenths of a degree around 20.
  private static func value(_ point: Int, _ second: Int) -> Double {
    let tenths = 170 + (point * 37 + second / 7) % 61
    return Double(tenths) / 10
  }

  private static func reading(_ point: Int, second: Int) -> Reading {
    Reading(
      point: PointIndex(point), at: moment(second, delay: Int64(point / 10) * 400),
      value: .double(value(point, second)))
  }

  private static func window(_ point: Int, endingAt second: Int) -> Row {
    let last = value(point, second)
    let mean = last + Double((point + second) % 97) / 970
    let at = moment(second)
    return Row(
      point: PointIndex(point), time: at.time, boot: at.boot, quality: .good, reason: .none,
      timeQuality: .synced,
      body: .window(
        WindowSummary(
          seconds: UInt32(minute), count: UInt64(minute), bad: 0, isPartial: false, mean: mean,
          min: last - 0.3, max: last + 0.4, sum: mean * Double(minute),
          standardDeviation: Double(point % 13 + 1) / 37, last: .double(last))))
  }
}
