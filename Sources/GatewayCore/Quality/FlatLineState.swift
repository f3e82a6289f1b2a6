/// For how long all readings lie within less than a tolerance.
///
/// A reading is flat for a duration when it and all others that are at most so old, one other at least, lie within less
/// than the tolerance, and a whole duration has been seen. ioos_qc counts readings of an even series instead: that is
/// the same where they come evenly. Readings without a value are left out, as there.
///
/// Exact as long as the readings that no later one reached (nor those that no later one fell to) are eight or fewer;
/// where there are more, some are taken to have lasted until a later one that is nearer than a fifth of the tolerance:
/// then a line is found flat a little later, never earlier.
struct FlatLineState: BitwiseCopyable, Sendable {
  private var highs = Extremes()
  /// Of the negated values.
  private var lows = Extremes()
  /// When the last reading came that is too far from a later one.
  private var broken: UInt32 = 0

  /// Every duration below the result, in milliseconds, is one for which this reading is flat. `now`: milliseconds,
  /// modulo 2^32, as `previous`, which is when the reading before came. Readings are never further apart than 2^31.
  /// `longest`: no longer duration is asked for, so what is older is not looked at.
  @inline(__always)
  mutating func add(
    _ value: Double, at now: UInt32, after previous: UInt32, within tolerance: Double, longest: UInt32
  ) -> UInt32 {
    // Nothing lies within less than nothing.
    guard tolerance > 0 else { return 0 }
    // The whole duration itself is enough behind the first reading.
    if highs.isEmpty { broken = now &- 1 }
    highs.forget(now, longest)
    lows.forget(now, longest)
    highs.add(value, at: now, tolerance)
    lows.add(-value, at: now, tolerance)
    while highs.first + lows.first >= tolerance {
      // The older of the two goes; the newest reading itself stays.
      let isHighOlder =
        lows.isSingle || (!highs.isSingle && now &- highs.firstTime >= now &- lows.firstTime)
      broken = isHighOlder ? highs.removeFirst() : lows.removeFirst()
    }
    if now &- broken > 1 << 31 { broken = now &- 1 << 31 }
    return broken == previous ? 0 : now &- broken
  }
}

/// The readings that no later one reached, the highest first: a queue that falls.
private struct Extremes: BitwiseCopyable, Sendable {
  static let depth = 8

  private var values = InlineArray<8, Double>(repeating: 0)
  private var times = InlineArray<8, UInt32>(repeating: 0)
  private var head = 0 as UInt8
  private var count = 0 as UInt8

  var isEmpty: Bool { count == 0 }
  var isSingle: Bool { count == 1 }
  var first: Double { values[Int(head)] }
  var firstTime: UInt32 { times[Int(head)] }

  @inline(__always)
  private func place(_ index: UInt8) -> Int { Int((head &+ index) & 7) }

  @inline(__always)
  mutating func add(_ value: Double, at now: UInt32, _ tolerance: Double) {
    while count > 0, values[place(count &- 1)] <= value { count &-= 1 }
    if count == Self.depth { thin(tolerance / 5) }
    (values[place(count)], times[place(count)]) = (value, now)
    count &+= 1
  }

  /// Returns when it came.
  mutating func removeFirst() -> UInt32 {
    let time = firstTime
    head = (head &+ 1) & 7
    count &-= 1
    return time
  }

  @inline(__always)
  mutating func forget(_ now: UInt32, _ longest: UInt32) {
    while count > 1, now &- firstTime > longest { _ = removeFirst() }
  }

  /// Joins those that lie within `step`. All lie within five steps, so that five remain at most.
  private mutating func thin(_ step: Double) {
    var kept: UInt8 = 0
    for index in 1..<count {
      let (from, to) = (place(index), place(kept))
      if values[to] - values[from] <= step {
        times[to] = times[from]
      } else {
        kept &+= 1
        (values[place(kept)], times[place(kept)]) = (values[from], times[from])
      }
    }
    // Only another tolerance than before leaves so many.
    count = min(kept &+ 1, UInt8(Self.depth) - 1)
  }
}
