internal import GatewayCore
internal import GatewaySystem

/// What came over one link and was not yet passed over, with the last answer at its start. One thread.
///
/// Promises: whatever is passed over is counted with its kind, noise once for each question; room for the longest
/// frame even behind an answer. Allocates nothing while all goes well.
struct ReceiveBuffer: ~Copyable {
  /// Room for four of the longest frames.
  private static let size = 1024
  private static let mostHeard = 16

  private let isRTU: Bool
  private let meter: BusMeter
  private let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
  private(set) var filled = 0
  /// How many of the bytes are the last answer, and where its data lie.
  private var used = 0
  private var answer = 0..<0
  /// Units whose frames came unasked, since the source last looked.
  private var heard: [UInt8] = []
  private var hasNotedNoise = false

  init(isRTU: Bool, meter: BusMeter) {
    self.isRTU = isRTU
    self.meter = meter
  }

  deinit { bytes.deallocate() }

  var received: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<filled]) }

  /// The data of the last answer.
  var data: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[answer]) }

  mutating func takeHeard() -> [UInt8] {
    guard !heard.isEmpty else { return [] }
    defer { heard.removeAll(keepingCapacity: true) }
    return heard
  }

  // MARK: - Filling

  mutating func beginQuestion() { hasNotedNoise = false }

  /// Takes what has come; whether anything has.
  mutating func take(from link: inout ModbusLink, _ owed: borrowing OwedAnswers) throws(ModbusFailure) -> Bool
  {
    if filled == bytes.count {
      note(.overflow)
      discard(.noise, length: bytes.count / 2, unit: nil, owed)
    }
    let count = try link.receive(into: UnsafeMutableRawBufferPointer(rebasing: bytes[filled...]))
    filled += count
    return count > 0
  }

  // MARK: - Emptying

  /// The first `length` bytes stay until `forgetAnswer`.
  mutating func keepAnswer(length: Int, data: Range<Int> = 0..<0) { (used, answer) = (length, data) }

  mutating func forgetAnswer() {
    remove(used)
    (used, answer) = (0, 0..<0)
  }

  mutating func empty() { (filled, used, answer) = (0, 0, 0..<0) }

  mutating func remove(_ length: Int) {
    guard length > 0 else { return }
    filled -= length
    if filled > 0 { bytes.baseAddress!.copyMemory(from: bytes.baseAddress! + length, byteCount: filled) }
  }

  /// All that is in the buffer came before the request: whole frames are answers to earlier ones.
  mutating func passOver(before request: ModbusRequest, _ owed: borrowing OwedAnswers) {
    while filled > 0 {
      switch ModbusAnswer.rtu(received, to: request, isSilent: true) {
      case .data(let range): discard(.late, length: range.upperBound + 2, unit: request.unit, owed)
      case .exception(_, let length): discard(.late, length: length, unit: request.unit, owed)
      case .other(_, let length, .some(let unit)): discard(.late, length: length, unit: unit, owed)
      case .other(let kind, let length, nil): discard(kind, length: length, unit: nil, owed)
      case .echo(let length): remove(length)
      case .incomplete, .outOfStep: filled = 0
      }
    }
  }

  /// Passes over the first bytes; a whole frame of a unit that owes one is called late.
  /// Returns the kind that was noted.
  @discardableResult
  mutating func discard(
    _ kind: BusErrorKind, length: Int, unit: UInt8?, _ owed: borrowing OwedAnswers
  ) -> BusErrorKind {
    var kind = kind
    if let unit {
      if isAnswer(length), owed.owes(unit: unit, function: bytes[1] & 0x7F) { kind = .late }
      note(kind)
      if heard.count < Self.mostHeard { heard.append(unit) }
    } else if !hasNotedNoise {
      // Once for a question, not for each byte of it.
      hasNotedNoise = true
      note(kind)
    }
    remove(length)
    return kind
  }

  /// Whether a whole RTU frame has the form of an answer to one of the reading functions.
  private func isAnswer(_ length: Int) -> Bool {
    isRTU && (bytes[1] & 0x80 != 0 || length == 5 + Int(bytes[2]))
  }

  func note(_ kind: BusErrorKind) { meter.record(kind, frame: received, at: SystemClock.moment) }
}
