internal import Glibc

extension WindowAggregator {
  /// What one point's window knows beside `Accumulator`, where its functions ask for it. A part of it is carried from
  /// window to window: the value that holds until the next reading, and where a counter stood.
  package struct Extras: Equatable, BitwiseCopyable, Sendable {
    /// A state and how long it held, microseconds.
    package struct Stay: Equatable, BitwiseCopyable, Sendable {
      package var state = Double.nan
      package var time: Int64 = 0
    }

    static let unknownBoot = Int64.min

    /// States that are told apart in one window; the time in others is added up.
    package static let mostStates = 6

    // Carried over.
    /// Holds from `front` (boot time, microseconds) on; meaningless unless `isHeld`.
    var held = 0.0
    var front: Int64 = 0
    var isHeld = false
    /// The last good value and its time; meaningless unless `hasPrevious`.
    var previous = 0.0
    var previousTime: Int64 = 0
    /// Its boot time; `unknownBoot` where it is of another boot. Not stored.
    var previousBoot = unknownBoot
    var hasPrevious = false

    // Of this window.
    package var first = Value.double(0)
    package var hasFirst = false
    /// Value times microseconds, and those microseconds.
    package var integral = 0.0
    package var covered: Int64 = 0
    package var transitions: UInt64 = 0
    package var sine = 0.0
    package var cosine = 0.0
    package var increase = 0.0
    /// The microseconds in which that was counted.
    package var countedFor: Int64 = 0
    package var stays = (Stay(), Stay(), Stay(), Stay(), Stay(), Stay())
    /// In other states.
    package var elsewhere: Int64 = 0

    package init() {}

    package static func == (left: Self, right: Self) -> Bool {
      left.listed == right.listed && left.first == right.first && left.hasFirst == right.hasFirst
        && left.isHeld == right.isHeld && left.hasPrevious == right.hasPrevious
    }

    private var listed: [UInt64] {
      [held, previous, integral, sine, cosine, increase].map(\.bitPattern)
        + [front, previousTime, covered, countedFor, elsewhere].map { UInt64(bitPattern: $0) } + [transitions]
        + allStays.flatMap { [$0.state.bitPattern, UInt64(bitPattern: $0.time)] }
    }

    var allStays: [Stay] { [stays.0, stays.1, stays.2, stays.3, stays.4, stays.5] }
  }
}

extension WindowAggregator.Extras {
  /// `start` of the window that it lies in, `end` behind it, by the reading's clock.
  @inline(__always)
  mutating func add(_ reading: Reading, from start: Int64, _ functions: WindowFunctions) {
    let boot = reading.boot.microseconds
    // What held before a window that nobody opened does not count in this one.
    let startBoot = boot &- (reading.time.microseconds &- start)
    if front < startBoot { front = startBoot }
    hold(until: boot, functions)
    guard let value = reading.value, reading.quality != .bad else {
      isHeld = false
      return
    }
    let number = value.asDouble
    if !hasFirst { (first, hasFirst) = (value, true) }
    if hasPrevious {
      if number != previous { transitions &+= 1 }
      if number > previous { increase += number - previous }
      countedFor &+= max(0, sincePrevious(reading))
    }
    if functions.contains(.vectorMean) {
      let angle = number * (.pi / 180)
      sine += Glibc.sin(angle)
      cosine += Glibc.cos(angle)
    }
    (previous, previousTime, previousBoot) = (number, reading.time.microseconds, boot)
    hasPrevious = true
    (held, front, isHeld) = (number, boot, true)
  }

  /// Microseconds; 0 where that is not known. The boot clock is never set.
  private func sincePrevious(_ reading: Reading) -> Int64 {
    if previousBoot != Self.unknownBoot { return reading.boot.microseconds &- previousBoot }
    return reading.timeQuality == .synced ? reading.time.microseconds &- previousTime : 0
  }

  /// The value that holds counts up to `boot`, the end of the window at the latest.
  @inline(__always)
  mutating func hold(until boot: Int64, _ functions: WindowFunctions) {
    defer { front = max(front, boot) }
    guard isHeld, boot > front else { return }
    let time = boot &- front
    integral += held * Double(time)
    covered &+= time
    if functions.contains(.durations) { stay(in: held, time) }
  }

  private mutating func stay(in state: Double, _ time: Int64) {
    let isKept = withUnsafeMutableBytes(of: &stays) { bytes in
      let stays = bytes.bindMemory(to: Stay.self)
      for place in stays.indices where stays[place].state == state || stays[place].state.isNaN {
        stays[place].state = state
        stays[place].time &+= time
        return true
      }
      return false
    }
    if !isKept { elsewhere &+= time }
  }

  /// Begins the next window: what is carried over stays.
  mutating func reset() {
    var next = Self()
    (next.held, next.front, next.isHeld) = (held, front, isHeld)
    (next.previous, next.previousTime, next.previousBoot) = (previous, previousTime, previousBoot)
    next.hasPrevious = hasPrevious
    self = next
  }

  /// Adds a part of the same window, of later readings.
  mutating func add(_ part: Self) {
    if !hasFirst { (first, hasFirst) = (part.first, part.hasFirst) }
    integral += part.integral
    covered &+= part.covered
    transitions &+= part.transitions
    sine += part.sine
    cosine += part.cosine
    increase += part.increase
    countedFor &+= part.countedFor
    for stay in part.allStays where !stay.state.isNaN { self.stay(in: stay.state, stay.time) }
    elsewhere &+= part.elsewhere
  }

  /// What the point's functions ask for, but for percentiles and the share of good readings.
  func statistics(_ functions: WindowFunctions) -> [ExtraStatistic] {
    var found: [ExtraStatistic] = []
    func put(_ function: WindowFunctions, _ value: Value?) {
      if let value, functions.contains(function) { found.append(ExtraStatistic(function, value)) }
    }
    put(.first, hasFirst ? first : nil)
    put(.timeWeightedMean, covered > 0 ? .double(integral / Double(covered)) : nil)
    put(.transitions, hasFirst ? .unsigned(transitions) : nil)
    if functions.contains(.durations) { found += durations }
    put(.vectorMean, vectorMean.map(Value.double))
    put(.increase, hasFirst ? .double(increase) : nil)
    put(.rate, countedFor > 0 ? .double(increase / (Double(countedFor) / 1e6)) : nil)
    return found
  }

  private var durations: [ExtraStatistic] {
    allStays.filter { !$0.state.isNaN }.sorted { $0.state < $1.state }
      .map { ExtraStatistic(.durations, .double(Double($0.time) / 1e6), state: $0.state) }
      + (elsewhere > 0
        ? [ExtraStatistic(.durations, .double(Double(elsewhere) / 1e6), state: .infinity)] : [])
  }

  /// Degrees; nil where the vectors cancel out.
  private var vectorMean: Double? {
    guard Glibc.hypot(sine, cosine) > 1e-9 else { return nil }
    let degrees = Glibc.atan2(sine, cosine) * (180 / .pi)
    let positive = degrees < 0 ? degrees + 360 : degrees
    return positive >= 360 ? 0 : positive
  }
}

// MARK: - On disk

extension WindowAggregator.Extras {
  /// u8 flags (1 held, 2 previous, 4 first); held, front, previous and its time, integral, covered, sine, cosine,
  /// increase, its time and the time elsewhere, 8 bytes each; varint transitions; first as u8 kind and 8 bytes; u8 stays,
  /// for each state and time, 8 bytes each.
  func append(to buffer: inout ByteBuffer) {
    buffer.append((isHeld ? 1 : 0) | (hasPrevious ? 2 : 0) | (hasFirst ? 4 : 0))
    for bits in [
      held.bitPattern, UInt64(bitPattern: front), previous.bitPattern, UInt64(bitPattern: previousTime),
      integral.bitPattern, UInt64(bitPattern: covered), sine.bitPattern, cosine.bitPattern,
      increase.bitPattern,
      UInt64(bitPattern: countedFor), UInt64(bitPattern: elsewhere),
    ] { buffer.append(fixed: bits) }
    buffer.append(varint: transitions)
    PipelineStateEncoder.append(first, to: &buffer)
    let known = allStays.filter { !$0.state.isNaN }
    buffer.append(UInt8(known.count))
    for stay in known {
      buffer.append(fixed: stay.state.bitPattern)
      buffer.append(fixed: UInt64(bitPattern: stay.time))
    }
  }

  /// nil for what `append` does not write.
  init?(_ reader: inout ByteReader) {
    self.init()
    func time(_ reader: inout ByteReader) -> Int64? {
      reader.fixed(UInt64.self).map { Int64(bitPattern: $0) }.flatMap { $0.magnitude < 1 << 61 ? $0 : nil }
    }
    guard let flags = reader.byte(), let held = reader.double(), let front = time(&reader),
      let previous = reader.double(), let previousTime = time(&reader), let integral = reader.double(),
      let covered = time(&reader), let sine = reader.double(), let cosine = reader.double(),
      let increase = reader.double(), let countedFor = time(&reader), let elsewhere = time(&reader),
      let transitions = reader.varint(), let first = reader.value(), let known = reader.byte(),
      known <= Self.mostStates
    else { return nil }
    (isHeld, hasPrevious, hasFirst) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0)
    (self.held, self.front, self.previous, self.previousTime) = (held, front, previous, previousTime)
    (self.integral, self.covered, self.sine, self.cosine) = (integral, covered, sine, cosine)
    (self.increase, self.countedFor, self.elsewhere) = (increase, countedFor, elsewhere)
    (self.transitions, self.first) = (transitions, first)
    for _ in 0..<known {
      guard let state = reader.double(), let length = time(&reader), !state.isNaN else { return nil }
      stay(in: state, length)
    }
  }
}
