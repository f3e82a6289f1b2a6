internal import GatewayCore

/// What the points say at present as if it were stored: one commit of a row for each point that has a reading. Settles
/// nothing, gets no more rows.
final class PresentQueue: DeliveryQueue {
  private let points: Catalogue
  private let commit: StoredCommit

  init(_ points: [PointDescription], _ readings: [StatusSnapshot.Point], _ stream: StreamID) {
    self.points = Catalogue(points: points)
    var encoder = RowEncoder()
    for (index, (point, reading)) in zip(points, readings).enumerated() {
      guard let time = reading.time else { continue }
      encoder.append(
        Row(
          point: PointIndex(index), time: time, boot: BootTime(microseconds: 0), quality: reading.quality,
          reason: reading.reason, timeQuality: .synced, body: Self.body(reading.value, point.window)))
    }
    commit = StoredCommit(
      firstSeq: 1, rowCount: encoder.rowCount, catalogueID: self.points.id, boot: BootID(high: 0, low: 0),
      payload: encoder.bytes.copyBytes(), stream: stream)
  }

  /// A window that holds this one reading.
  private static func body(_ value: Value?, _ window: Window) -> Row.Body {
    guard window != .raw else { return .reading(value) }
    let seconds = UInt32(window.length / 1_000_000)
    let number = value?.asDouble ?? 0
    return .window(
      WindowSummary(
        seconds: seconds, count: value == nil ? 0 : 1, bad: value == nil ? 1 : 0, isPartial: true,
        mean: number, min: number, max: number, sum: number, standardDeviation: 0, last: value ?? .double(0)))
  }

  var storedThrough: UInt64 { UInt64(commit.rowCount) }
  var settledThrough: UInt64 { 0 }
  func pending(from seq: UInt64) -> ClosedRange<UInt64>? { nil }
  func pending(through seq: UInt64) -> ClosedRange<UInt64>? { nil }

  func read(at seq: UInt64) -> DeliveryRead {
    seq >= 1 && seq <= storedThrough ? .commit(commit) : .end
  }

  func catalogue(_ id: UInt32) -> Catalogue? { points }
  func acknowledge(_ rows: ClosedRange<UInt64>, as settlement: Settlement) {}
  func onStored(_ raise: @escaping @Sendable () -> Void) {}
}
