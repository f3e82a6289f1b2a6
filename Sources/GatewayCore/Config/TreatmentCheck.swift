/// What a point's keys say about the treatment of its readings.
struct TreatmentCheck {
  let log: ProblemLog

  /// `point`: what is known of it already.
  func treatment(_ keys: inout MappingReader, of point: PointConfig) -> PointTreatment {
    var treatment = PointTreatment()
    privacy(&keys, point.window, &treatment)
    return treatment
  }
}
