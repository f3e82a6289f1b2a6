/// A meter's count and what it adds up to over wraps, resets and replacements. Counted in whole quanta (the point's
/// scale), so that nothing is lost to rounding: as long as there was no trouble, the total is the meter's own count.
///
/// `boot`, `time` and so on are for whoever stores it: made again from them and told by `resume` whether that was in
/// the same boot, it goes on.
package struct CounterState: BitwiseCopyable, Sendable {
  /// What a count without a scale is resolved to; a power of two, so that no double of usual size is changed by it.
  private static let finest = 0x1p-40
  private static let finestPlaces = 40
  /// More quanta than a meter counts: 2^64 of the coarsest fit, in the finest. Behind it is what a register in the
  /// wrong order of bytes says.
  private static let mostCount = 1 << 108 as Int128
  /// Where sums of counts end, far from what the type and the disk hold.
  private static let mostBase = 1 << 118 as Int128

  /// The meter's last count, in quanta.
  package var count: Int128 = 0
  /// What is to be added to it for the total.
  package var base: Int128 = 0
  /// In the point's unit; 0 before the first reading.
  package var quantum = 0.0
  /// Those of the last reading with a value.
  package var boot = BootTime(microseconds: 0)
  package var time = Timestamp(microseconds: 0)
  package var isSynced = false
  /// For how long before that the count had stood still, in microseconds.
  package var idle: Int64 = 0
  private var isSameBoot = true

  package init() {}

  /// What was stored.
  package init(
    count: Int128, base: Int128, quantum: Double, moment: Moment, isSynced: Bool, idle: Int64
  ) {
    (self.count, self.base, self.quantum) = (count, base, quantum)
    (boot, time, self.isSynced, self.idle) = (moment.boot, moment.time, isSynced, idle)
  }

  /// The total, in the point's unit.
  package var value: Double { total(as: .double(0)).asDouble }

  /// To be called behind a restart. In another boot the pause is known only where both clocks were right.
  package mutating func resume(inSameBoot isSame: Bool) { isSameBoot = isSameBoot && isSame }

  /// The reading with the running total, `uncertain` where the interval before it is doubtful; one that failed goes
  /// through, without a value. `quantum`: what the point's value is a multiple of, its scale; nil: whole numbers are
  /// whole, and others taken as they are. What no meter counts to is `notANumber`, and changes nothing.
  package mutating func take(
    _ reading: Reading, by config: CounterConfig, quantum scale: Double? = nil
  ) -> Reading {
    guard reading.quality != .bad, let value = reading.value else {
      return reading.with(nil)
    }
    let quantum = quantum(of: value, scale)
    guard let now = Self.whole(value, quantum) else {
      return Reading(
        point: reading.point, at: reading.moment, failed: .notANumber, timeQuality: reading.timeQuality)
    }
    var result = reading
    if scale == nil, quantum == Self.finest { refine() }
    if self.quantum == 0 {
      count = now
    } else if self.quantum != quantum {
      // Another scale than before: what was counted counts, what came since is not known.
      let total = (count + base).asDouble * self.quantum / quantum
      base = Self.bounded(total, Self.mostBase) - now
      (count, idle) = (now, 0)
      result.find(.uncertain, .counterGap)
    } else {
      let elapsed = elapsed(to: reading)
      let step = step(to: now, elapsed, config)
      result.find(step.doubt == .none ? .good : .uncertain, step.doubt)
      base += count - now + step.increment
      idle = now == count ? idle &+ (elapsed ?? 0) : 0
      count = now
    }
    base = min(max(base, -Self.mostBase), Self.mostBase)
    (self.quantum, boot, time) = (quantum, reading.boot, reading.time)
    (isSynced, isSameBoot) = (reading.timeQuality == .synced, true)
    return base == 0 ? result : result.with(total(as: value))
  }

  /// Microseconds since the last reading; nil where nobody knows.
  private func elapsed(to reading: Reading) -> Int64? {
    if isSameBoot, reading.boot >= boot { return reading.boot.microseconds - boot.microseconds }
    guard isSynced, reading.timeQuality == .synced, reading.time >= time else { return nil }
    return reading.time.microseconds - time.microseconds
  }

  /// What was counted in between, and why that is doubtful.
  private func step(
    to now: Int128, _ elapsed: Int64?, _ config: CounterConfig
  ) -> (increment: Int128, doubt: QualityReason) {
    let ahead = now - count
    let most = most(in: elapsed, config)
    let isGap =
      if let elapsed, let modulus = config.modulus, let rate = config.maximumRate {
        Double(elapsed) * rate > modulus * 1e6
      } else { false }
    if ahead >= 0 {
      if isGap { return (ahead, .counterGap) }
      return ahead.asDouble <= most ?? .infinity ? (ahead, .none) : (0, .meterReplaced)
    }
    let modulus = config.modulus.map { Self.bounded(($0 / quantum).rounded(), Self.mostBase) }
    let around = modulus.map { ahead + $0 } ?? 0
    if isGap, around > 0 { return (around, .counterGap) }
    if let modulus, around > 0, around.asDouble <= most ?? modulus.asDouble / 2 {
      // Behind a pause of unknown length it may have been more than one turn, or a reset.
      return (around, elapsed == nil ? .counterGap : .none)
    }
    // It has counted from 0, unless it has more than a reset explains.
    guard now.asDouble <= most ?? count.asDouble / 2 else {
      return (0, most == nil ? .counterReset : .meterReplaced)
    }
    return (max(now, 0), .counterReset)
  }

  /// Quanta that the meter can have counted; nil where that is not known. Since the count last changed, for registers
  /// are renewed in steps; and with a second and a quantum of grace.
  private func most(in elapsed: Int64?, _ config: CounterConfig) -> Double? {
    guard let elapsed, let rate = config.maximumRate else { return nil }
    return rate * (Double(elapsed &+ idle) / 1e6 + 1) / quantum + 1
  }

  /// A text may say 100 and 99.9 of the same meter: once it had a fraction, all is counted in the finest.
  private func quantum(of value: Value, _ scale: Double?) -> Double {
    if let scale { return abs(scale) }
    if case .double = value { return Self.finest }
    return quantum == Self.finest ? quantum : 1
  }

  /// From whole numbers to the finest; more than fits is another scale.
  private mutating func refine() {
    let most = Self.mostCount >> Self.finestPlaces
    guard quantum == 1, count.magnitude <= most, base.magnitude <= most else { return }
    (count, base, quantum) = (count << Self.finestPlaces, base << Self.finestPlaces, Self.finest)
  }

  /// nil for more than a meter counts, and for what is no number.
  private static func whole(_ value: Value, _ quantum: Double) -> Int128? {
    switch value {
    case .signed(let number) where quantum == 1: return Int128(number)
    case .unsigned(let number) where quantum == 1: return Int128(number)
    case .signed(let number) where quantum == finest: return Int128(number) << finestPlaces
    case .unsigned(let number) where quantum == finest: return Int128(number) << finestPlaces
    default:
      let quanta = (value.asDouble / quantum).rounded()
      // The same as a double: to make one of 128 bits for each reading costs more than all else here.
      return quanta.magnitude <= 0x1p108 ? bounded(quanta, mostCount) : nil
    }
  }

  /// A whole number, at most so far from 0.
  private static func bounded(_ quanta: Double, _ most: Int128) -> Int128 {
    if let number = Int64(exactly: quanta) { return Int128(number) }
    guard quanta.magnitude < Double(most) else { return quanta < 0 ? -most : most }
    return Int128(quanta)
  }

  private func total(as value: Value) -> Value {
    let total = count + base
    switch value {
    case .unsigned where quantum == 1:
      let low = UInt64(truncatingIfNeeded: total)
      if Int128(low) == total { return .unsigned(low) }
    case .signed where quantum == 1:
      let low = Int64(truncatingIfNeeded: total)
      if Int128(low) == total { return .signed(low) }
    default: break
    }
    let number = total.asDouble
    // Of 0.01, which is no double, the hundred is one: the total is rounded once only.
    let inverse = (1 / quantum).rounded()
    return .double(inverse >= 1 && 1 / inverse == quantum ? number / inverse : number * quantum)
  }
}

extension Int128 {
  /// The conversion of the library takes a hundred nanoseconds.
  fileprivate var asDouble: Double {
    let low = Int64(truncatingIfNeeded: self)
    return Int128(low) == self ? Double(low) : Double(self)
  }
}

extension Reading {
  /// The same with another value.
  package func with(_ value: Value?) -> Reading {
    Reading(
      point: point, at: moment, value: value, quality: quality, reason: reason, timeQuality: timeQuality)
  }
}

// MARK: - On disk

extension CounterState {
  /// Of count and of base the low and the high 8 bytes; quantum, boot time, time and idle, 8 bytes each; u8 1: synced,
  /// 2: no reading of the commit's own boot yet.
  func append(to buffer: inout ByteBuffer) {
    for number in [count, base] {
      buffer.append(fixed: UInt64(truncatingIfNeeded: number))
      buffer.append(fixed: Int64(truncatingIfNeeded: number >> 64))
    }
    buffer.append(fixed: quantum.bitPattern)
    for time in [boot.microseconds, time.microseconds, idle] { buffer.append(fixed: time) }
    buffer.append((isSynced ? 1 : 0) | (isSameBoot ? 0 : 2))
  }

  /// nil for what `append` does not write.
  init?(_ reader: inout ByteReader) {
    func number(_ reader: inout ByteReader) -> Int128? {
      guard let low = reader.fixed(UInt64.self), let high = reader.fixed(Int64.self), high.magnitude < 1 << 58
      else { return nil }
      return Int128(high) << 64 | Int128(low)
    }
    func time(_ reader: inout ByteReader) -> Int64? {
      reader.fixed(Int64.self).flatMap { $0.magnitude < 1 << 61 ? $0 : nil }
    }
    guard let count = number(&reader), let base = number(&reader), let quantum = reader.double(),
      let boot = time(&reader), let wall = time(&reader), let idle = time(&reader), let flags = reader.byte(),
      quantum.isFinite, quantum > 0
    else { return nil }
    self.init(
      count: count, base: base, quantum: quantum,
      moment: Moment(time: Timestamp(microseconds: wall), boot: BootTime(microseconds: boot)),
      isSynced: flags & 1 != 0, idle: idle)
    isSameBoot = flags & 2 == 0
  }
}
