internal import GatewayCore
internal import Glibc

/// How a simulated value moves: a pure function of time and seed.
package enum Waveform: Equatable, Sendable {
  case constant(Double)
  case sine(mean: Double, swing: Double, period: Duration)
  /// `mean + swing` for half a period, then `mean - swing`.
  case square(mean: Double, swing: Double, period: Duration)
  /// Rises by `step` each second.
  case ramp(from: Double, step: Double)
  /// Another value in the range each second.
  case random(ClosedRange<Double>)
  /// Whole counts, so many a second, from 0.
  case counter(perSecond: Double)

  package var isMoving: Bool { if case .constant = self { false } else { true } }

  /// `seconds` since the field started.
  package func value(at seconds: Double, seed: UInt64) -> Double {
    switch self {
    case .constant(let value): value
    case .sine(let mean, let swing, let period):
      mean + swing * sin((seconds / Self.length(period) + Self.fraction(seed)) * 2 * .pi)
    case .square(let mean, let swing, let period):
      (seconds / Self.length(period) + Self.fraction(seed)).truncatingRemainder(dividingBy: 1) < 0.5
        ? mean + swing : mean - swing
    case .ramp(let from, let step): from + step * seconds.rounded(.down)
    case .random(let range):
      range.lowerBound + (range.upperBound - range.lowerBound)
        * Self.fraction(seed ^ SplitMix.mix(UInt64(max(seconds, 0))))
    case .counter(let perSecond): (perSecond * seconds).rounded(.down)
    }
  }

  private static func length(_ period: Duration) -> Double {
    let (seconds, attoseconds) = period.components
    return max(Double(seconds) + Double(attoseconds) * 1e-18, 1e-3)
  }

  /// 0 ..< 1, so that devices of one kind do not move in step.
  private static func fraction(_ seed: UInt64) -> Double { Double(SplitMix.mix(seed) >> 11) * 0x1p-53 }
}
