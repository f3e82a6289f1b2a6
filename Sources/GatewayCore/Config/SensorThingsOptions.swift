/// How rows become Observations (OGC SensorThings API 1.1, OGC 18-088).
package struct SensorThingsOptions: Equatable, Sendable {
  /// What a window's `phenomenonTime` is.
  package enum WindowTime: Equatable, Sendable {
    /// Its end.
    case instant
    /// `start/end`; not every server takes it.
    case interval
  }

  package var windowTime: WindowTime
  /// Whether the platform is asked for rows that may have arrived before they are sent again. Without it, a lost
  /// answer makes them there twice on every server that does not know `parameters.recordId`.
  package var looksUp: Bool

  package init(windowTime: WindowTime = .instant, looksUp: Bool = true) {
    self.windowTime = windowTime
    self.looksUp = looksUp
  }
}
