/// How much the readings of a period vary: their range, or their standard deviation (of the sample), as ioos_qc has it
/// with `test_period`; it finds nothing before a whole period has been seen. After a period without a value it begins
/// anew.
///
/// The period is kept in twelfths, each from its first reading on. A twelfth goes when its first reading is a period
/// old: what is looked at are all readings since one that is less than a period and more than eleven twelfths of it old.
/// That is the period itself where readings are a twelfth apart or more.
struct AttenuationState: BitwiseCopyable, Sendable {
  private static let parts: UInt32 = 12

  /// Those before the current one, the oldest first.
  private var closed = InlineArray<11, Variation.Packed>(repeating: Variation.Packed())
  private var starts = InlineArray<11, UInt32>(repeating: 0)
  private var head = 0 as UInt8
  private var count = 0 as UInt8
  private var isWhole = false
  private var isEmpty = true
  /// When the first reading of all came, as long as not `isWhole`.
  private var first: UInt32 = 0
  private var currentStart: UInt32 = 0
  private var current = Variation()
  /// All of `closed` together.
  private var earlier = Variation()

  /// `now`: milliseconds, modulo 2^32; a reading is never further than 2^31 behind its predecessor.
  @inline(__always)
  mutating func add(_ value: Double, at now: UInt32, _ test: QualityTests.Attenuation) {
    let period = UInt32(clamping: test.period / 1000)
    if isEmpty {
      (isEmpty, first, currentStart) = (false, now, now)
    } else {
      if !isWhole { isWhole = now &- first >= period }
      // Rounded up, so that there are never more than twelve.
      if now &- currentStart >= (period + Self.parts - 1) / Self.parts { close(at: now, test) }
      if count > 0, now &- starts[Int(head)] >= period { forget(now, period, test) }
    }
    if test.usesRange { current.widen(value) } else { current.add(value) }
  }

  @inline(__always)
  func isBelow(_ limit: Double, _ test: QualityTests.Attenuation) -> Bool {
    guard isWhole else { return false }
    return test.usesRange
      ? current.range(with: earlier) < limit : current.isDeviation(with: earlier, below: limit)
  }

  private func place(_ index: UInt8) -> Int { Int(head &+ index) % 11 }

  private mutating func close(at now: UInt32, _ test: QualityTests.Attenuation) {
    if count == 11 { (head, count) = ((head + 1) % 11, 10) }
    closed[place(count)] = current.packed(test.usesRange)
    starts[place(count)] = currentStart
    count += 1
    (current, currentStart) = (Variation(), now)
    join(test)
  }

  private mutating func forget(_ now: UInt32, _ period: UInt32, _ test: QualityTests.Attenuation) {
    while count > 0, now &- starts[Int(head)] >= period { (head, count) = ((head + 1) % 11, count - 1) }
    join(test)
  }

  private mutating func join(_ test: QualityTests.Attenuation) {
    earlier = Variation()
    for index in 0..<count { earlier.join(closed[place(index)], test.usesRange) }
  }
}

/// Of some readings: number, mean and sum of squares around it (Welford), or number, greatest and least.
private struct Variation: BitwiseCopyable, Sendable {
  /// For the range only whether it is 0 counts.
  private var count = 0.0
  private var meanOrMost = 0.0
  private var squaresOrLeast = 0.0

  @inline(__always)
  mutating func add(_ value: Double) {
    count += 1
    let delta = value - meanOrMost
    meanOrMost += delta / count
    squaresOrLeast += delta * (value - meanOrMost)
  }

  @inline(__always)
  mutating func widen(_ value: Double) {
    (meanOrMost, squaresOrLeast) =
      count == 0 ? (value, value) : (max(meanOrMost, value), min(squaresOrLeast, value))
    count += 1
  }

  /// Infinite for fewer than two readings, which say nothing.
  @inline(__always)
  func range(with other: Variation) -> Double {
    guard count + other.count > 1 else { return .infinity }
    guard other.count > 0 else { return meanOrMost - squaresOrLeast }
    return max(meanOrMost, other.meanOrMost) - min(squaresOrLeast, other.squaresOrLeast)
  }

  /// Squares are compared, which spares a root and a division.
  @inline(__always)
  func isDeviation(with other: Variation, below limit: Double) -> Bool {
    let total = count + other.count
    guard total > 1 else { return false }
    let delta = meanOrMost - other.meanOrMost
    let squares =
      squaresOrLeast + other.squaresOrLeast
      + (other.count == 0 ? 0 : delta * delta * count * other.count / total)
    return squares < limit * limit * (total - 1)
  }

  mutating func join(_ part: Packed, _ usesRange: Bool) {
    guard !usesRange else {
      let (most, least) = (part.meanOrMost, Double(bitPattern: part.rest))
      (meanOrMost, squaresOrLeast) =
        count == 0 ? (most, least) : (max(meanOrMost, most), min(squaresOrLeast, least))
      count += 1
      return
    }
    let other = Double(UInt32(truncatingIfNeeded: part.rest))
    let squares = Double(Float(bitPattern: UInt32(truncatingIfNeeded: part.rest >> 32)))
    let (total, delta) = (count + other, part.meanOrMost - meanOrMost)
    meanOrMost += delta * other / total
    squaresOrLeast += squares + delta * delta * count * other / total
    count = total
  }

  func packed(_ usesRange: Bool) -> Packed {
    let rest =
      usesRange
      ? squaresOrLeast.bitPattern : UInt64(Float(squaresOrLeast).bitPattern) << 32 | UInt64(UInt32(count))
    return Packed(meanOrMost: meanOrMost, rest: rest)
  }

  /// 16 bytes: the least, or the squares in single precision (seven digits of a threshold's square) and the number.
  struct Packed: BitwiseCopyable, Sendable {
    var meanOrMost = 0.0
    var rest: UInt64 = 0
  }
}
