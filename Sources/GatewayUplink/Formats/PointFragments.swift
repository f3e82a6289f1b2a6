internal import GatewayCore

/// What is the same in every row of a point, formatted once: `,"point":"…","time":"` and then
/// `,"unit":"…"`, the latter also with `,"quality":"good"}` behind it; of an alarm `,"alarm":"…","state":"`.
struct PointFragments: ~Copyable {
  private struct Place {
    var start: Int
    var nameEnd: Int
    var unitEnd: Int
    var end: Int
    var alarmEnd: Int
    var functions: WindowFunctions
  }

  private var text = ByteBuffer(capacity: 64)
  private let places: UnsafeMutableBufferPointer<Place>
  /// Bytes of the longest point's fragments.
  private(set) var longest = 0

  init(_ points: [PointDescription]) {
    places = .allocate(capacity: points.count)
    for (index, point) in points.enumerated() {
      let start = text.count
      text.append(",\"point\":")
      JSONWriter.append(string: point.name, to: &text)
      text.append(",\"time\":\"")
      let nameEnd = text.count
      if let unit = point.unit {
        text.append(",\"unit\":")
        JSONWriter.append(string: unit, to: &text)
      }
      let unitEnd = text.count
      text.append(",\"quality\":\"good\"}")
      let end = text.count
      if let alarm = point.alarm {
        text.append(",\"alarm\":")
        JSONWriter.append(string: alarm, to: &text)
        text.append(",\"state\":\"")
      }
      let place = Place(
        start: start, nameEnd: nameEnd, unitEnd: unitEnd, end: end, alarmEnd: text.count,
        functions: point.functions)
      places.initializeElement(at: index, to: place)
      longest = max(longest, text.count - start)
    }
  }

  deinit { places.deallocate() }

  var count: Int { places.count }

  // The callers have checked that `point` lies below `count`.
  borrowing func functions(_ point: PointIndex) -> WindowFunctions { places[Int(point)].functions }

  borrowing func appendName(_ point: PointIndex, to buffer: inout ByteBuffer) {
    let place = places[Int(point)]
    append(place.start, place.nameEnd, to: &buffer)
  }

  borrowing func appendUnit(_ point: PointIndex, to buffer: inout ByteBuffer) {
    let place = places[Int(point)]
    append(place.nameEnd, place.unitEnd, to: &buffer)
  }

  borrowing func appendUnitAndGood(_ point: PointIndex, to buffer: inout ByteBuffer) {
    let place = places[Int(point)]
    append(place.nameEnd, place.end, to: &buffer)
  }

  borrowing func appendAlarm(_ point: PointIndex, to buffer: inout ByteBuffer) {
    let place = places[Int(point)]
    append(place.end, place.alarmEnd, to: &buffer)
  }

  @inline(__always)
  private borrowing func append(_ start: Int, _ end: Int, to buffer: inout ByteBuffer) {
    text.withBytes { buffer.append(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
  }
}
