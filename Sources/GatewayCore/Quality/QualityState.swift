/// What the tests of `qc:` remember of one point. The tests are QARTOD's, as ioos_qc has them; each looks at the
/// readings by itself, and the worst finding counts: bad before uncertain; among equals what the source said, then
/// range, rate, flat line, attenuation, spike. A reading that is found bad keeps its value.
///
/// Time is the boot's, which no correction of the clock moves; in a later boot everything begins anew.
/// Where a test lacks what it needs (the first reading, one beside a failed one), it finds nothing.
package struct QualityState: BitwiseCopyable, Sendable {
  /// Longer than this without a value, and the look back begins anew, in microseconds; milliseconds in 32 bits
  /// tell twice as much apart.
  static let longestLookBack: Int64 = (1 << 31) * 1000

  /// A reading with all findings but that of the spike test, which needs its successor.
  private var held: Reading?
  /// The boot time of the last reading with a value, microseconds.
  private var last: Int64 = 0
  private var value = 0.0
  private var valueBefore = 0.0
  /// How many readings with a value came since the last without one; 2 stands for more.
  private var run: UInt8 = 0
  private var isFresh = true
  private var flatLine = FlatLineState()
  private var attenuation = AttenuationState()

  package init() {}

  /// What waits for its successor.
  package var waiting: Reading? { held }

  /// Gives out what is judged, in the order of coming: none, one or two readings. With the spike test a reading waits
  /// for its successor. A reading without a value goes through as it is, behind the one that waited.
  /// The value must be finite; NaN does not come here.
  @inline(__always)
  package mutating func judge(_ reading: Reading, by tests: QualityTests, _ emit: (Reading) -> Void) {
    guard let number = reading.value?.asDouble else {
      flush(emit)
      run = 0
      return emit(reading)
    }
    let elapsed = reading.boot.microseconds &- last
    if isFresh || elapsed < 0 || elapsed > Self.longestLookBack { begin(emit) }
    var judged = reading
    judged.findRange(number, tests)
    if let rate = tests.rate, run > 0, abs(number - value) / (Double(elapsed) / 1e6) > rate {
      judged.find(.uncertain, .rateOfChange)
    }
    look(at: number, elapsed, tests, &judged)
    if let spike = tests.spike {
      if var middle = held.take() {
        if run > 1 { middle.findSpike(value, (valueBefore + number) / 2, spike) }
        emit(middle)
      }
      held = judged
    } else {
      emit(judged)
    }
    (valueBefore, value, last) = (value, number, reading.boot.microseconds)
    run = min(run + 1, 2)
  }

  /// Gives out what waits for its successor, without the spike test. To be called when none will come.
  @inline(__always)
  package mutating func flush(_ emit: (Reading) -> Void) {
    if let reading = held.take() { emit(reading) }
  }

  private mutating func begin(_ emit: (Reading) -> Void) {
    flush(emit)
    self = QualityState()
    isFresh = false
  }

  /// The tests that look back.
  @inline(__always)
  private mutating func look(
    at number: Double, _ elapsed: Int64, _ tests: QualityTests, _ judged: inout Reading
  ) {
    guard tests.flat != nil || tests.attenuation != nil else { return }
    let now = UInt32(truncatingIfNeeded: judged.boot.microseconds / 1000)
    if let flat = tests.flat {
      let before = UInt32(truncatingIfNeeded: last / 1000)
      let longest = UInt32(clamping: min(max(flat.times.bad ?? 0, flat.times.suspect ?? 0) / 1000, 1 << 31))
      let duration =
        Int64(
          flatLine.add(number, at: now, after: before, within: flat.tolerance, longest: longest)) * 1000
      if let bad = flat.times.bad, duration > bad {
        judged.find(.bad, .flatLine)
      } else if let suspect = flat.times.suspect, duration > suspect {
        judged.find(.uncertain, .flatLine)
      }
    }
    if let test = tests.attenuation {
      if elapsed > test.period { attenuation = AttenuationState() }
      attenuation.add(number, at: now, test)
      if let bad = test.limits.bad, attenuation.isBelow(bad, test) {
        judged.find(.bad, .attenuated)
      } else if let suspect = test.limits.suspect, attenuation.isBelow(suspect, test) {
        judged.find(.uncertain, .attenuated)
      }
    }
  }
}

extension Reading {
  /// The worst finding counts.
  @inline(__always)
  mutating func find(_ quality: Quality, _ reason: QualityReason) {
    guard quality.rawValue > self.quality.rawValue else { return }
    (self.quality, self.reason) = (quality, reason)
  }

  @inline(__always)
  fileprivate mutating func findRange(_ number: Double, _ tests: QualityTests) {
    guard let range = tests.range else { return }
    if let span = range.bad, number < span.least || number > span.most {
      find(.bad, .outOfRange)
    } else if let span = range.suspect, number < span.least || number > span.most {
      find(.uncertain, .suspectRange)
    }
  }

  @inline(__always)
  fileprivate mutating func findSpike(
    _ number: Double, _ between: Double, _ limits: QualityTests.Limits<Double>
  ) {
    let distance = abs(number - between)
    if let bad = limits.bad, distance > bad {
      find(.bad, .spike)
    } else if let suspect = limits.suspect, distance > suspect {
      find(.uncertain, .spike)
    }
  }
}
