/// What came back so far. Written by curl's callbacks, on the transport's thread.
final class AnswerRoom {
  private(set) var body: [UInt8] = []
  private var headerBytes = 0
  /// More came than is taken; the transfer was stopped there.
  private(set) var isOverfull = false
  /// Bytes of a body, at most.
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  static func at(_ context: UnsafeMutableRawPointer?) -> AnswerRoom {
    Unmanaged<AnswerRoom>.fromOpaque(context!).takeUnretainedValue()
  }

  func removeAll() {
    body.removeAll(keepingCapacity: body.capacity <= 4096)
    headerBytes = 0
    isOverfull = false
  }

  /// How many bytes were taken: fewer than were offered stop the transfer.
  func take(body bytes: UnsafeRawBufferPointer) -> Int {
    let part = bytes.prefix(limit - body.count)
    body.append(contentsOf: part)
    if part.count < bytes.count { isOverfull = true }
    return part.count
  }

  func take(headerBytes count: Int) -> Int {
    headerBytes += count
    if headerBytes > CurlExchange.answerLimit { isOverfull = true }
    return isOverfull ? 0 : count
  }
}
