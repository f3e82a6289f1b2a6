internal import GatewayCore
internal import Synchronization

/// The latest reading of each point, for the eyes of people: written by the pipeline, read by the control socket.
final class LiveTable: Sendable {
  let points: [PointDescription]
  private let isPrivate: [Bool]
  private let latest: Mutex<[Reading?]>

  /// Of points that are private it shows no value.
  init(points: [PointDescription], treatments: [PointTreatment] = []) {
    self.points = points
    isPrivate = points.indices.map { $0 < treatments.count && treatments[$0].publishesOnlyAggregates }
    latest = Mutex(Array(repeating: nil, count: points.count))
  }

  func record(_ readings: UnsafeBufferPointer<Reading>) {
    latest.withLock { latest in
      for reading in readings {
        let place = Int(reading.point)
        latest[place] = isPrivate[place] ? reading.with(nil) : reading
      }
    }
  }

  var snapshot: [StatusSnapshot.Point] {
    let readings = latest.withLock { $0 }
    // When somebody passed is nobody's business either.
    return zip(zip(points, isPrivate), readings).map { point, reading in
      let (point, isPrivate) = point
      return StatusSnapshot.Point(
        name: point.name, value: reading?.value, unit: point.unit, time: isPrivate ? nil : reading?.time,
        quality: reading?.quality ?? .bad, reason: reading?.reason ?? .none)
    }
  }
}
