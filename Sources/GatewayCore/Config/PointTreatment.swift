/// What is done with a point's readings between its source and the store.
package struct PointTreatment: Equatable, Sendable {
  /// `qc:`
  package var tests = QualityTests()
  /// `counter:`; nil where readings are taken as they are.
  package var counter: CounterConfig?
  /// What the point's values are multiples of, where it has a scale.
  package var quantum: Double?
  /// How long a reading may wait for its successor, microseconds.
  package var patience: Int64 = 2_000_000
  /// `report:`; nil where each reading is sent.
  package var report: ReportConfig?
  /// `alarm:` or `alarms:`
  package var alarms: [AlarmConfig] = []
  /// `publish: aggregate`: no reading leaves the window stage.
  package var publishesOnlyAggregates = false
  /// `min-count:`: windows of fewer readings are suppressed, and counted.
  package var minimumCount: UInt64 = 0

  package init() {}

  /// Neither its readings nor what an open window knows of them is stored.
  package var staysInMemory: Bool { publishesOnlyAggregates || minimumCount > 0 }
}

/// Tests of each reading where the sensor is: QARTOD (U.S. IOOS, Manual for Real-Time Quality Control of In-situ
/// Data). nil: not asked for.
package struct QualityTests: Equatable, BitwiseCopyable, Sendable {
  /// Two limits: beyond the first a reading is uncertain, beyond the second bad.
  package struct Limits<Limit: Equatable & BitwiseCopyable & Sendable>: Equatable, BitwiseCopyable, Sendable {
    package var suspect: Limit?
    package var bad: Limit?

    package init(suspect: Limit?, bad: Limit?) { (self.suspect, self.bad) = (suspect, bad) }
  }

  package struct Span: Equatable, BitwiseCopyable, Sendable {
    package var least: Double
    package var most: Double

    package init(least: Double, most: Double) { (self.least, self.most) = (least, most) }
  }

  /// Hardly moving: within `tolerance` for so many microseconds.
  package struct FlatLine: Equatable, BitwiseCopyable, Sendable {
    package var tolerance: Double
    package var times: Limits<Int64>

    package init(tolerance: Double, times: Limits<Int64>) {
      (self.tolerance, self.times) = (tolerance, times)
    }
  }

  /// Varying too little: the range or the standard deviation over `period` microseconds is below a limit.
  package struct Attenuation: Equatable, BitwiseCopyable, Sendable {
    package var usesRange: Bool
    package var limits: Limits<Double>
    package var period: Int64

    package init(usesRange: Bool, limits: Limits<Double>, period: Int64) {
      (self.usesRange, self.limits, self.period) = (usesRange, limits, period)
    }
  }

  /// Gross range: outside `bad` the reading is bad, outside `suspect` uncertain.
  package var range: Limits<Span>?
  /// Change per second.
  package var rate: Double?
  /// Distance from the mean of the neighbours.
  package var spike: Limits<Double>?
  package var flat: FlatLine?
  package var attenuation: Attenuation?

  package init() {}

  package var isEmpty: Bool { self == QualityTests() }
}

/// How a meter counts. In the point's unit, behind scale and offset.
package struct CounterConfig: Equatable, BitwiseCopyable, Sendable {
  /// Where it goes on from 0; nil: it does not wrap.
  package var modulus: Double?
  /// The most that it can count in a second; nil: not known.
  package var maximumRate: Double?

  package init(modulus: Double? = nil, maximumRate: Double? = nil) {
    (self.modulus, self.maximumRate) = (modulus, maximumRate)
  }
}

/// Which readings are worth sending: those that differ from what was sent last, and one each `heartbeat`.
package struct ReportConfig: Equatable, BitwiseCopyable, Sendable {
  package enum Change: Equatable, BitwiseCopyable, Sendable {
    /// Any other value.
    case any
    /// By more than this, in the point's unit.
    case absolute(Double)
    /// By more than this part of what was sent last.
    case relative(Double)
  }

  package var change: Change
  /// Microseconds; nil: never.
  package var heartbeat: Int64?

  package init(change: Change, heartbeat: Int64? = nil) {
    (self.change, self.heartbeat) = (change, heartbeat)
  }
}

/// One alarm of a point.
package struct AlarmConfig: Equatable, Sendable {
  package enum Condition: Equatable, BitwiseCopyable, Sendable {
    case above(Double)
    case below(Double)
    case equals(Double)
    /// No good reading for so many microseconds.
    case stale(Int64)
    /// A change of more than this in a second, up or down.
    case rate(Double)
  }

  /// The contract's names; unique among the point's alarms.
  package var name: String
  package var condition: Condition
  /// How long the condition must hold before the alarm is raised, microseconds.
  package var delay: Int64
  /// How far back inside the value must come before it is cleared, in the point's unit.
  package var hysteresis: Double

  package init(name: String, condition: Condition, delay: Int64 = 0, hysteresis: Double = 0) {
    (self.name, self.condition, self.delay, self.hysteresis) = (name, condition, delay, hysteresis)
  }
}
