internal import GatewayCore

extension DestinationConfig {
  /// Of an answer's body. A format whose rows are answered one by one gets more.
  var answerLimit: Int {
    switch format {
    case .sensorThings: CurlExchange.answerLimit + min(maximumReadings, 16_384) * 256
    default: CurlExchange.answerLimit
    }
  }
}

/// What is still to be sent of a body that is sent once. Read by curl's callback, on the transport's thread.
final class BodyReader {
  var rest = UnsafeRawBufferPointer(start: nil, count: 0)

  static func at(_ context: UnsafeMutableRawPointer?) -> BodyReader {
    Unmanaged<BodyReader>.fromOpaque(context!).takeUnretainedValue()
  }

  func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
    let part = rest.prefix(room.count)
    room.copyBytes(from: part)
    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
    return part.count
  }
}
