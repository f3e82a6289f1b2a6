/// What a point's keys say about the treatment of its readings.
struct TreatmentCheck {
  let log: ProblemLog

  /// `point`: what is known of it already.
  func treatment(_ keys: inout MappingReader, of point: PointConfig) -> PointTreatment {
    var treatment = PointTreatment()
    treatment.tests = tests(&keys, of: point)
    treatment.counter = counter(&keys, of: point)
    treatment.report = report(&keys, of: point)
    privacy(&keys, point, &treatment)
    treatment.alarms = alarms(&keys, of: point)
    return treatment
  }
}
