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
}

/// The statistics that a window's row carries. Stored on disk: never renumber.
package struct WindowFunctions: OptionSet, Hashable, BitwiseCopyable, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  package static let mean = WindowFunctions(rawValue: 1 << 0)
  package static let min = WindowFunctions(rawValue: 1 << 1)
  package static let max = WindowFunctions(rawValue: 1 << 2)
  package static let last = WindowFunctions(rawValue: 1 << 3)
  package static let count = WindowFunctions(rawValue: 1 << 4)
  package static let sum = WindowFunctions(rawValue: 1 << 5)
  package static let standardDeviation = WindowFunctions(rawValue: 1 << 6)

  /// The contract's default: `[mean, min, max, last, count]`.
  package static let standard: WindowFunctions = [.mean, .min, .max, .last, .count]

  /// The configuration's words, and the keys of the native batch, in their order there.
  package static let words: [(word: StaticString, function: WindowFunctions)] = [
    ("mean", .mean), ("min", .min), ("max", .max), ("last", .last), ("count", .count), ("sum", .sum),
    ("stddev", .standardDeviation),
  ]
}
