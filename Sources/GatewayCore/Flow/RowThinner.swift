/// Makes few rows of many that keep the shape of the whole: readings become windows, windows wider ones,
/// aligned to the clock as `WindowAggregator` aligns them.
///
/// Promises: count, bad, min, max, sum and last of what went in; each reading counts in exactly one row. What
/// stands alone in its window stays as it is, and what lies in no window whole. A window of which a part may
/// be elsewhere says `partial`, with its true count; two of them may be of the same window.
/// Rows of sliding windows stay as they are: they say the same reading more than once.
///
/// A counter's total is exact: in the order of their times, its rows say how it counted. Where it goes back a
/// row ends, so that the one before ends with the peak and the one behind has a `min` below it. So a row of a
/// counter covers one piece of time without a hole, and a partial one says which: that of its `seconds`
/// before its time.
///
/// An alarm's row stays as it is.
///
/// Pure. Relies on rows in the order of their time; where the clock went back, more rows come out, partial
/// ones.
package struct RowThinner {
  /// How coarse the result is.
  package struct Grain: Equatable, Sendable {
    /// Readings become windows of so many seconds, and so do narrower windows.
    package var seconds: UInt32
    /// What is as wide already goes up to the next width of the ladder.
    package var widens: Bool
    /// A counter's row may have holes, where there is no room for a row for each piece: better than to lose
    /// the oldest.
    package var bridgesHoles = false
  }

  package static let ladder: [UInt32] = [60, 600, 3600, 86_400]
  /// From fine to coarse. Wider windows are older ones: they go up before the readings do.
  package static let grains: [Grain] =
    ladder.flatMap { seconds in
      [Grain(seconds: seconds, widens: false), Grain(seconds: seconds, widens: true)]
    } + [Grain(seconds: 86_400, widens: true, bridgesHoles: true)]

  package struct Result {
    /// By time.
    package var rows: [Row]
    package var catalogue: Catalogue
  }

  private struct Source: Hashable {
    var catalogue: UInt32
    var point: PointIndex
    var seconds: UInt32
  }

  /// The windows of one point and width, one after the other.
  private struct Track {
    var point: PointDescription
    /// Microseconds.
    var length: Int64
    var open: Window?
    /// A reading came before, and nothing is missing since.
    var isUnbroken = false

    var isCounter: Bool { point.kind == .counter }
  }

  fileprivate struct Window {
    var accumulator: WindowAggregator.Accumulator
    var extras = ExtrasMerger()
    var first: Row
    var firstCatalogue: Catalogue
    var sources = 0
    var readings = 0
    /// What is missing may belong here.
    var isBroken: Bool
    /// The time that is covered without a hole.
    var from: Int64
    var through: Int64
    var hasGap = false

    var isOfReadings: Bool { readings == sources }
  }

  private let grain: Grain
  private var tracks: [Track] = []
  /// Where rows of a source go; nil: they stay as they are.
  private var places: [Source: Int?] = [:]
  private var tracksByPoint: [PointDescription: Int] = [:]
  private var points: [PointDescription] = []
  private var pointPlaces: [PointDescription: PointIndex] = [:]
  /// The result so far, in no order.
  package private(set) var rows: [Row] = []
  /// The time of the latest row.
  package private(set) var newest = Timestamp(microseconds: .min)

  package init(grain: Grain) { self.grain = grain }

  /// A point that the catalogue does not have is left out: nobody can name it.
  package mutating func add(_ row: Row, of catalogue: Catalogue) {
    guard row.point < catalogue.points.count else { return }
    newest = max(newest, row.time)
    if case .alarm = row.body { return emit(row, catalogue.points[Int(row.point)]) }
    let seconds: UInt32 = if case .window(let summary) = row.body { summary.seconds } else { 0 }
    let source = Source(catalogue: catalogue.id, point: row.point, seconds: seconds)
    let known = places[source]
    let place = known ?? track(for: catalogue.points[Int(row.point)], seconds)
    if known == nil { places[source] = .some(place) }
    guard let place, let start = start(of: row, seconds, length: tracks[place].length) else {
      return emit(row, catalogue.points[Int(row.point)])
    }
    begin(start, with: row, of: catalogue, at: place)
    tracks[place].open!.add(row, seconds)
    if seconds == 0 { tracks[place].isUnbroken = true }
  }

  /// Rows between the last one and the next are missing here.
  package mutating func interrupt() {
    for place in tracks.indices {
      tracks[place].isUnbroken = false
      tracks[place].open?.isBroken = true
      if tracks[place].isCounter, !grain.bridgesHoles, tracks[place].open?.isOfReadings == true {
        close(place)
      }
    }
  }

  package mutating func finish() -> Result {
    interrupt()
    for place in tracks.indices { close(place) }
    // In place and stable: there may be more rows than memory has room for twice.
    rows.sort { $0.time < $1.time }
    let result = Result(rows: rows, catalogue: Catalogue(points: points))
    rows = []
    return result
  }

  /// nil for what is wider than any window.
  private mutating func track(for point: PointDescription, _ seconds: UInt32) -> Int? {
    guard let widest = Self.ladder.last, seconds <= widest else { return nil }
    // Windows that lie over each other would count twice.
    if case .sliding = point.window { return nil }
    let next = grain.widens && seconds > 0 ? Self.ladder.first { $0 > seconds } ?? seconds : seconds
    var width = max(grain.seconds, next)
    if point.kind == .counter { width = Self.ladder.first { $0 >= width } ?? width }
    var wide = point
    wide.window = .tumbling(seconds: width)
    // What says how much a partial window stands for; a reading had its value, whatever its point would say
    // of windows.
    wide.functions.formUnion(seconds == 0 ? .standard : .count)
    // 350 and 10 degrees have no mean, and their readings no vectors any more.
    if point.kind == .direction, seconds == 0 { wide.functions = [.last, .count] }
    if let known = tracksByPoint[wide] { return known }
    tracks.append(Track(point: wide, length: Int64(width) * 1_000_000))
    tracksByPoint[wide] = tracks.count - 1
    return tracks.count - 1
  }

  /// Where the window of `row` starts; nil when it lies in no window whole, or at no time that can be.
  private func start(of row: Row, _ seconds: UInt32, length: Int64) -> Int64? {
    let time = row.time.microseconds
    guard time.magnitude < 1 << 62 else { return nil }
    let start = WindowAggregator.start(of: time - Int64(seconds) * 1_000_000, length: length)
    return time - start <= length ? start : nil
  }

  private mutating func begin(_ start: Int64, with row: Row, of catalogue: Catalogue, at place: Int) {
    if let open = tracks[place].open {
      let isNew = tracks[place].isCounter && !row.continues(open, bridgingHoles: grain.bridgesHoles)
      if open.accumulator.start.microseconds == start && !isNew { return }
      if isNew || start < open.accumulator.start.microseconds {
        tracks[place].open!.isBroken = true
        tracks[place].isUnbroken = false
      } else if open.isOfReadings && tracks[place].isUnbroken {
        tracks[place].open!.through = open.accumulator.start.microseconds + tracks[place].length
      }
      close(place)
    }
    let from = tracks[place].isUnbroken ? start : max(start, row.from)
    tracks[place].open = Window(
      accumulator: WindowAggregator.Accumulator(
        point: 0, start: Timestamp(microseconds: start), isPartial: false),
      first: row, firstCatalogue: catalogue, isBroken: !tracks[place].isUnbroken, from: from, through: from)
  }

  private mutating func close(_ place: Int) {
    guard var window = tracks[place].open else { return }
    let track = tracks[place]
    tracks[place].open = nil
    guard window.sources > 1 else {
      return emit(window.first, window.firstCatalogue.points[Int(window.first.point)])
    }
    let start = window.accumulator.start.microseconds
    let isFilled = !window.hasGap && window.from == start && window.through == start + track.length
    var length = track.length
    if track.isCounter && !isFilled {
      // The piece that it covers, in whole seconds.
      length = (window.through - window.from + 999_999) / 1_000_000 * 1_000_000
      window.accumulator.start = Timestamp(microseconds: window.through - length)
    }
    let isWhole = window.readings == 0 ? isFilled : window.isOfReadings && !window.isBroken
    if !isWhole || track.isCounter && !isFilled { window.accumulator.isPartial = true }
    emit(
      WindowAggregator.row(window.accumulator, length: length, extras: window.extras.result), track.point)
  }

  private mutating func emit(_ row: Row, _ point: PointDescription) {
    var row = row
    if let known = pointPlaces[point] {
      row.point = known
    } else {
      row.point = PointIndex(points.count)
      points.append(point)
      pointPlaces[point] = row.point
    }
    rows.append(row)
  }
}

extension RowThinner.Window {
  fileprivate mutating func add(_ row: Row, _ seconds: UInt32) {
    sources += 1
    if row.from > through { hasGap = true }
    switch row.body {
    case .reading(let value):
      readings += 1
      through = max(through, row.from + 1_000_000)
      accumulator.add(
        Reading(
          point: row.point, at: Moment(time: row.time, boot: row.boot), value: value, quality: row.quality,
          reason: row.reason, timeQuality: row.timeQuality))
      extras.add(isGood: value != nil && row.quality == .good)
    case .window(let summary):
      through = max(through, row.time.microseconds)
      accumulator.add(summary, of: row)
      extras.add(summary)
    case .alarm: break
    }
  }
}

extension Row {
  /// Where the time begins that it speaks of: that of a reading is its second.
  fileprivate var from: Int64 {
    if case .window(let summary) = body { return time.microseconds - Int64(summary.seconds) * 1_000_000 }
    return WindowAggregator.start(of: time.microseconds, length: 1_000_000)
  }

  /// Whether a counter had come as far as `window` says and went on from there, with nothing missing between.
  fileprivate func continues(_ window: RowThinner.Window, bridgingHoles: Bool) -> Bool {
    switch body {
    case .reading(let value):
      return (bridgingHoles || window.isOfReadings)
        && !(value.map { $0.isBelow(window.accumulator) } ?? false)
    case .window(let summary):
      return (bridgingHoles || window.readings == 0 && from <= window.through)
        && !(summary.count > 0 && window.accumulator.count > 0
          && summary.min < window.accumulator.last.asDouble)
    case .alarm: return false
    }
  }
}

extension Value {
  fileprivate func isBelow(_ window: WindowAggregator.Accumulator) -> Bool {
    guard window.count > 0 else { return false }
    switch (self, window.last) {
    case (.unsigned(let value), .unsigned(let last)): return value < last
    case (.signed(let value), .signed(let last)): return value < last
    default: return asDouble < window.last.asDouble
    }
  }
}
