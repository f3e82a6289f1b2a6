internal import GatewayCore

/// Where a source's readings go one behind the other, and what time it is while they do.
struct ReadingRoom {
  private let room: UnsafeMutableBufferPointer<Reading>
  private let timeQuality: TimeQuality
  private(set) var count = 0
  /// To be read again behind whatever took time, and behind the events that are to be compared with it.
  var clocks: ClockReading

  init(_ room: UnsafeMutableBufferPointer<Reading>, clocks: ClockReading, timeQuality: TimeQuality) {
    self.room = room
    self.clocks = clocks
    self.timeQuality = timeQuality
  }

  var now: MonotonicTime { clocks.monotonic }

  mutating func append(
    _ point: PointIndex, at time: MonotonicTime, value: Value?, quality: Quality = .good,
    reason: QualityReason = .none
  ) {
    room[count] = Reading(
      point: point, at: clocks.moment(of: time), value: value, quality: quality, reason: reason,
      timeQuality: timeQuality)
    count += 1
  }
}
