/// Which bytes of what came are the answer to a request. Pure: the caller brings the bytes and says when the line
/// fell silent.
///
/// Promises: nothing is taken for the answer whose unit, function, length and, where there is one, transaction are
/// not the request's, or whose check is wrong; what is not the answer is passed over frame by frame, so that the
/// answer is found behind foreign frames, a local echo and noise. A late answer on a serial line may look like the
/// right one: `OwedAnswers` knows when.
package enum ModbusAnswer: Equatable, Sendable {
  /// The data bytes, as a range of the given bytes.
  case data(Range<Int>)
  /// The device refused with this code.
  case exception(UInt8, length: Int)
  /// So many bytes more, at least, are needed to tell.
  case incomplete(missing: Int)
  /// The first `length` bytes are not the answer. `unit` is that of a whole foreign frame.
  case other(BusErrorKind, length: Int, unit: UInt8?)
  /// Our own request, heard by the adapter that sent it.
  case echo(length: Int)
  /// TCP only: the stream is out of step, and there is no way back but a new connection.
  case outOfStep

  // MARK: - RTU

  /// Looks at the start of `bytes`. `isSilent`: nothing came for so long that no frame goes on.
  package static func rtu(
    _ bytes: UnsafeRawBufferPointer, to request: ModbusRequest, isSilent: Bool
  ) -> ModbusAnswer {
    var missing = Int.max
    if beginsLikeOwn(bytes, request) {
      if bytes.count >= ModbusRequest.rtuLength { return .echo(length: ModbusRequest.rtuLength) }
      if !isSilent { return .incomplete(missing: ModbusRequest.rtuLength - bytes.count) }
    }
    // What it may be: the answer, an exception to the request, a foreign answer, a foreign request or an echo.
    let lengths = rtuLengths(bytes)
    for place in lengths.indices {
      let length = lengths[place]
      guard bytes.count >= length else {
        missing = min(missing, length - bytes.count)
        continue
      }
      let frame = UnsafeRawBufferPointer(rebasing: bytes[..<length])
      guard ModbusCRC.holds(frame) else { continue }
      // A check whose last byte is 0 holds without it too: of two registers' answers every 256th would be taken for
      // a request of another master just before its last byte comes.
      if missing < ModbusRequest.longestFrame, !isSilent, wasMeantForUs(bytes, request) { continue }
      return judge(frame, request)
    }
    if missing < ModbusRequest.longestFrame, !isSilent { return .incomplete(missing: missing) }
    if bytes.count < 2, !isSilent || bytes.isEmpty { return .incomplete(missing: 2 - bytes.count) }
    return .other(wasMeantForUs(bytes, request) ? .checksum : .noise, length: 1, unit: nil)
  }

  /// A length that never fits: none.
  private static let noLength = Int.max / 2

  /// The lengths that a frame beginning so can have, the likeliest first.
  private static func rtuLengths(_ bytes: UnsafeRawBufferPointer) -> InlineArray<2, Int> {
    guard bytes.count >= 2 else { return [noLength, noLength] }
    let function = bytes[1]
    if function & 0x80 != 0 { return [function & 0x7F == 0 ? noLength : 5, noLength] }
    // Writes and their answers are 8 bytes long (sections 6.5, 6.6, 6.12); others cannot be told.
    guard (1...4).contains(function) else {
      return [[5, 6, 15, 16].contains(function) ? 8 : noLength, noLength]
    }
    guard bytes.count >= 3 else { return [6, noLength] }
    let answer = bytes[2] == 0 || bytes[2] > 250 ? noLength : 5 + Int(bytes[2])
    // Or a request: that of another master, or the echo of ours.
    return [answer, 8]
  }

  /// Takes a whole frame with the right check.
  private static func judge(_ frame: UnsafeRawBufferPointer, _ request: ModbusRequest) -> ModbusAnswer {
    let (unit, function) = (frame[0], frame[1])
    let isAnswer = (1...4).contains(function) && frame.count == 5 + Int(frame[2])
    if unit == request.unit, function == request.function, isAnswer, Int(frame[2]) == request.dataBytes {
      return .data(3..<3 + request.dataBytes)
    }
    if unit == request.unit, function == request.function | 0x80, frame.count == 5 {
      return .exception(frame[2], length: 5)
    }
    return .other(kind(unit: unit, function: function, request), length: frame.count, unit: unit)
  }

  /// Some adapters hear themselves. From the sixth byte on, where something could be taken for an answer; no answer
  /// is equal to its own request but one that repeats its address, count and check.
  private static func beginsLikeOwn(_ bytes: UnsafeRawBufferPointer, _ request: ModbusRequest) -> Bool {
    guard bytes.count >= 6, bytes[0] == request.unit, bytes[1] == request.function,
      bytes[2] == UInt8(request.address >> 8), bytes[3] == UInt8(request.address & 0xFF)
    else { return false }
    return withUnsafeTemporaryAllocation(byteCount: ModbusRequest.rtuLength, alignment: 2) { own in
      _ = request.encodeRTU(into: own)
      return zip(own, bytes).allSatisfy(==)
    }
  }

  /// Whether what has no right check began as the answer to the request does.
  private static func wasMeantForUs(_ bytes: UnsafeRawBufferPointer, _ request: ModbusRequest) -> Bool {
    guard bytes.count >= 3, bytes[0] == request.unit else { return false }
    return bytes[1] == request.function && Int(bytes[2]) == request.dataBytes
      || bytes[1] == request.function | 0x80
  }

  private static func kind(unit: UInt8, function: UInt8, _ request: ModbusRequest) -> BusErrorKind {
    if unit != request.unit { return .foreignUnit }
    return function & 0x7F != request.function ? .wrongFunction : .wrongLength
  }

  // MARK: - TCP

  /// Transactions of the recent past: whatever answers them is late, not foreign.
  private static let oldestAnswer: UInt16 = 64

  package static func tcp(
    _ bytes: UnsafeRawBufferPointer, to request: ModbusRequest, transaction: UInt16
  ) -> ModbusAnswer {
    guard bytes.count >= 6 else { return .incomplete(missing: 6 - bytes.count) }
    func word(_ offset: Int) -> Int { Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) }
    let length = word(4)
    guard word(2) == 0, length >= 3, length + 6 <= ModbusRequest.longestFrame else { return .outOfStep }
    guard bytes.count >= length + 6 else { return .incomplete(missing: length + 6 - bytes.count) }
    let (unit, function) = (bytes[6], bytes[7])
    guard word(0) == Int(transaction) else {
      let age = transaction &- UInt16(word(0))
      return .other(age < Self.oldestAnswer ? .late : .wrongTransaction, length: length + 6, unit: unit)
    }
    if unit == request.unit, function == request.function | 0x80 {
      return .exception(bytes[8], length: length + 6)
    }
    guard unit == request.unit, function == request.function, Int(bytes[8]) == request.dataBytes,
      length == 3 + request.dataBytes
    else {
      return .other(kind(unit: unit, function: function, request), length: length + 6, unit: unit)
    }
    return .data(9..<9 + request.dataBytes)
  }
}
