internal import GatewayCore

/// Tells a line that chatters (a broken sensor, an open input beside a motor cable) from one that is used, and
/// limits what it costs. A value.
///
/// Time goes by in slices: once a slice has brought its limit, the line is left alone until the slice's end, so
/// that no line takes more than its share of the processor. The storm is over after a whole slice below the limit.
struct StormGauge: Equatable, BitwiseCopyable, Sendable {
  static let slice = Duration.milliseconds(50)

  private let limit: Int
  private var sliceEnd = MonotonicTime(nanoseconds: .min)
  private var events = 0
  private(set) var isStorm = false

  /// A thousand pulses a second are 2000 edges: levels and edges may be twice as fast, counters ten times.
  init(_ mode: GPIOLine.Mode) { limit = mode == .pulse ? 1000 : 200 }

  /// Notes `count` events that were taken at `now`; whether a storm begins with them.
  mutating func take(_ count: Int, at now: MonotonicTime) -> Bool {
    advance(to: now)
    events += count
    guard events >= limit, !isStorm else { return false }
    isStorm = true
    return true
  }

  /// Ends a storm that is over.
  mutating func advance(to now: MonotonicTime) {
    guard now >= sliceEnd else { return }
    if events < limit { isStorm = false }
    // A slice in which nobody looked was one below the limit.
    if now >= sliceEnd.advanced(by: Self.slice) || sliceEnd.nanoseconds == .min { isStorm = false }
    events = 0
    sliceEnd = now.advanced(by: Self.slice)
  }

  /// The line is to be left alone until then; nil while it is not.
  var silentUntil: MonotonicTime? { events >= limit ? sliceEnd : nil }
}
