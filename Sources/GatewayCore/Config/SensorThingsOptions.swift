/// How rows become Observations (OGC SensorThings API 1.1, OGC 18-088).
package struct SensorThingsOptions: Equatable, Sendable {
  /// What a window's `phenomenonTime` is.
  package enum WindowTime: Equatable, Sendable {
    /// Its end.
    case instant
    /// `start/end`; not every server takes it.
    case interval
  }

  /// What becomes of rows without a value: of a device that does not answer, or of a window with no good reading.
  package enum FailedRows: Equatable, Sendable {
    /// Nothing is sent; they count as delivered.
    case leave
    /// An Observation whose result is null, with the reason in its `resultQuality`; not every server takes it.
    case null
  }

  package var windowTime: WindowTime
  package var failedRows: FailedRows
  /// Whether the platform is asked for rows that may have arrived before they are sent again. Without it, a lost
  /// answer makes them there twice on every server that does not know `parameters.recordId`.
  package var looksUp: Bool

  package init(windowTime: WindowTime = .instant, failedRows: FailedRows = .leave, looksUp: Bool = true) {
    self.windowTime = windowTime
    self.failedRows = failedRows
    self.looksUp = looksUp
  }
}
