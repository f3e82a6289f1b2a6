/// How fast a backlog begins after an outage or a start, when ten thousand cabinets may have come back together: first
/// a batch for every two lingers, so that all of them add half of what they send anyway; then faster with each batch
/// that the platform takes, and slower again where it says that it has too much to do. Pure.
struct BacklogPace: Equatable, Sendable {
  /// What each batch that is taken leaves of the gap; less cautious until the platform has complained.
  private static let (hurry, caution) = (0.85, 0.97)
  /// What a complaint makes of it, up to so many times the first one.
  private static let (brake, longest) = (1.25, 10.0)
  /// Seconds that are nothing.
  private static let none = 0.02

  private let first: Double
  private var shrinkage = Self.hurry
  /// Seconds between two batches, on average.
  private(set) var gap = 0.0

  init(linger: Duration) { first = 2 * linger.seconds }

  mutating func begin() { (gap, shrinkage) = (first, Self.hurry) }

  /// A batch was taken.
  mutating func speedUp() {
    gap *= shrinkage
    if gap < Self.none { gap = 0 }
  }

  /// 429 or 503.
  mutating func slowDown() {
    shrinkage = Self.caution
    gap = min(max(Self.brake * gap, first), Self.longest * first)
  }
}
