/// What a row of a point needs to be understood on its own: stored with the rows, so that rows written under
/// an older configuration are delivered under the names they were measured with.
package struct PointDescription: Hashable, Sendable {
  /// `device.point`
  package var name: String
  /// UN/CEFACT Recommendation 20 common code.
  package var unit: String?
  package var kind: PointKind
  package var window: Window
  package var functions: WindowFunctions
  /// The name of an alarm of this point; nil: no alarm.
  package var alarm: String?

  package init(
    name: String, unit: String?, kind: PointKind, window: Window, functions: WindowFunctions,
    alarm: String? = nil
  ) {
    self.name = name
    self.unit = unit
    self.kind = kind
    self.window = window
    self.functions = functions
    self.alarm = alarm
  }
}

/// Stored on disk: never renumber.
package enum PointKind: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  case gauge = 0
  case counter = 1
  case state = 2
  /// Degrees of a circle: its mean is that of the vectors.
  case direction = 3
  /// An alarm of a point: it is raised and cleared.
  case alarm = 4
}

/// Whether a point's readings leave one by one or as statistics of wall-clock-aligned windows.
package enum Window: Hashable, BitwiseCopyable, Sendable {
  case raw
  /// Length in whole seconds, 1 … 86,400; window k covers [k·length, (k+1)·length) of POSIX time.
  case tumbling(seconds: UInt32)
  /// The latest `seconds`, each `slide` seconds of POSIX time. `seconds` is a multiple of `slide`, up to 60 times it.
  case sliding(seconds: UInt32, slide: UInt32)

  /// Microseconds that a row covers; 0: raw.
  package var length: Int64 {
    switch self {
    case .raw: 0
    case .tumbling(let seconds), .sliding(let seconds, _): Int64(seconds) * 1_000_000
    }
  }

  /// Microseconds from row to row; 0: raw.
  package var step: Int64 {
    switch self {
    case .raw: 0
    case .tumbling(let seconds), .sliding(_, let seconds): Int64(seconds) * 1_000_000
    }
  }
}

/// The statistics that a window's row carries. Stored on disk: never renumber.
package struct WindowFunctions: OptionSet, Hashable, BitwiseCopyable, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let mean = WindowFunctions(rawValue: 1 << 0)
  package static let min = WindowFunctions(rawValue: 1 << 1)
  package static let max = WindowFunctions(rawValue: 1 << 2)
  package static let last = WindowFunctions(rawValue: 1 << 3)
  package static let count = WindowFunctions(rawValue: 1 << 4)
  package static let sum = WindowFunctions(rawValue: 1 << 5)
  /// Of the sample.
  package static let standardDeviation = WindowFunctions(rawValue: 1 << 6)
  package static let first = WindowFunctions(rawValue: 1 << 7)
  /// max - min
  package static let range = WindowFunctions(rawValue: 1 << 8)
  /// The mean over time: each reading counts for as long as it held.
  package static let timeWeightedMean = WindowFunctions(rawValue: 1 << 9)
  /// Percentiles, right to `QuantileSketch.error` of their value.
  package static let p50 = WindowFunctions(rawValue: 1 << 10)
  package static let p90 = WindowFunctions(rawValue: 1 << 11)
  package static let p99 = WindowFunctions(rawValue: 1 << 12)
  /// How often the value changed.
  package static let transitions = WindowFunctions(rawValue: 1 << 13)
  /// Seconds in each state.
  package static let durations = WindowFunctions(rawValue: 1 << 14)
  /// Of directions in degrees: that of the sum of their unit vectors, 0 ..< 360.
  package static let vectorMean = WindowFunctions(rawValue: 1 << 15)
  /// What a counter counted since the last reading of the window before.
  package static let increase = WindowFunctions(rawValue: 1 << 16)
  /// The same a second.
  package static let rate = WindowFunctions(rawValue: 1 << 17)
  /// The share of good readings, 0 … 1. Carried by every window in which it is below 1.
  package static let good = WindowFunctions(rawValue: 1 << 18)

  /// The contract's default: `[mean, min, max, last, count]`.
  package static let standard: WindowFunctions = [.mean, .min, .max, .last, .count]
  package static let percentiles: WindowFunctions = [.p50, .p90, .p99]
  /// Those of `WindowSummary.extras`.
  package static let extras: WindowFunctions = [
    .first, .timeWeightedMean, .p50, .p90, .p99, .transitions, .durations, .vectorMean, .increase, .rate,
    .good,
  ]

  /// The configuration's words, and the keys of the native batch, in their order there.
  package static let words: [(word: StaticString, function: WindowFunctions)] = [
    ("mean", .mean), ("min", .min), ("max", .max), ("last", .last), ("count", .count), ("sum", .sum),
    ("stddev", .standardDeviation), ("first", .first), ("range", .range), ("twmean", .timeWeightedMean),
    ("p50", .p50), ("p90", .p90), ("p99", .p99), ("transitions", .transitions), ("durations", .durations),
    ("vmean", .vectorMean), ("increase", .increase), ("rate", .rate), ("good", .good),
  ]
}
