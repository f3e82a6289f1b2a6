internal import GatewayCore
internal import Synchronization

/// The latest reading of each point, for the eyes of people: written by the pipeline, read by the control socket.
final class LiveTable: Sendable {
  let points: [PointDescription]
  private let latest: Mutex<[Reading?]>

  init(points: [PointDescription]) {
    self.points = points
    latest = Mutex(Array(repeating: nil, count: points.count))
  }

  func record(_ readings: UnsafeBufferPointer<Reading>) {
    latest.withLock { latest in
      for reading in readings { latest[Int(reading.point)] = reading }
    }
  }

  var snapshot: [StatusSnapshot.Point] {
    let readings = latest.withLock { $0 }
    return zip(points, readings).map { point, reading in
      StatusSnapshot.Point(
        name: point.name, value: reading?.value, unit: point.unit, time: reading?.time,
        quality: reading?.quality ?? .bad, reason: reading?.reason ?? .none)
    }
  }
}
