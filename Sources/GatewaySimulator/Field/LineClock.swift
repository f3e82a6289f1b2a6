internal import GatewayCore

/// The times of one serial line: when what the master wrote has arrived, where a frame ends, when each byte of an
/// answer may leave. A value without clock and descriptor; `now` never goes back. Without a pace everything takes
/// no time, and frames are told apart by their function.
struct LineClock {
  let pace: LinePace?
  /// Whether requests must keep away from what was before, as Modbus demands.
  private let wantsSilence: Bool
  /// When the last byte on the line, of either side, is over; nil while none has been.
  private var busyUntil: BootTime?
  private var input: [UInt8] = []
  /// When the last byte of `input` has arrived.
  private var inputEnd = BootTime(microseconds: .min)
  /// What is on its way to the master without a pause since `outputStart`.
  private var output: [UInt8] = []
  private var outputStart = BootTime(microseconds: .min)
  private var outputSent = 0

  /// More than a frame holds is no frame, however much more it is.
  private static let inputLimit = 2 * RTUFrame.maximumLength
  /// What talks faster than its line loses bytes.
  private static let outputLimit = 16384
  /// Without a pace: the rest of a frame comes within this time or never.
  private static let patience = Duration.milliseconds(100)
  /// The clock's resolution.
  private static let tick = Duration.microseconds(1)

  init(pace: LinePace?, wantsSilence: Bool = true) {
    self.pace = pace
    self.wantsSilence = wantsSilence
  }

  private func time(_ characters: Int) -> Duration { pace?.time(ofCharacters: characters) ?? .zero }

  // MARK: - From the master

  /// Notes what the master wrote; it reached us `now`. Call `takeFrame` before.
  mutating func arrive(_ bytes: UnsafeRawBufferPointer, now: BootTime, _ stats: inout FieldStats.Line) {
    stats.bytesIn += UInt64(bytes.count)
    if pace == nil, !input.isEmpty, inputEnd.advanced(by: Self.patience) < now {
      stats.damaged += 1
      input.removeAll()
    }
    if input.isEmpty, wantsSilence, let pace, let busyUntil,
      now.advanced(by: Self.tick) < busyUntil.advanced(by: pace.silence)
    {
      stats.silenceViolations += 1
    }
    // A port sends what it is given without pauses: later pieces queue behind the first.
    inputEnd = (input.isEmpty ? now : max(now, inputEnd)).advanced(by: time(bytes.count))
    stats.busy += time(bytes.count)
    busyUntil = max(busyUntil ?? inputEnd, inputEnd)
    input.append(contentsOf: bytes.prefix(Self.inputLimit - input.count))
  }

  /// The frame that has ended by now, and when that was seen.
  mutating func takeFrame(now: BootTime, _ stats: inout FieldStats.Line) -> (bytes: [UInt8], end: BootTime)? {
    guard !input.isEmpty else { return nil }
    var length = input.count
    var end = inputEnd
    if let pace {
      end = inputEnd.advanced(by: pace.silence)
      guard end <= now else { return nil }
    } else {
      guard let whole = input.withUnsafeBytes({ RTUFrame.requestLength(in: $0) }) else { return nil }
      length = whole
    }
    let frame = Array(input.prefix(length))
    if frame.withUnsafeBytes({ RTUFrame.isSound($0) }) {
      input.removeFirst(length)
      return (frame, end)
    }
    // Out of step: a real slave finds its way back at the next silence.
    stats.damaged += 1
    input.removeAll()
    return nil
  }

  /// Plain input, each byte with the time of its arrival.
  mutating func takeBytes() -> [(byte: UInt8, time: BootTime)] {
    let first = inputEnd.advanced(by: .zero - time(input.count))
    defer { input.removeAll(keepingCapacity: true) }
    return input.enumerated().map { place, byte in (byte, first.advanced(by: time(place + 1))) }
  }

  // MARK: - To the master

  /// Sends `bytes` from `due` on, or as soon as what is under way has left.
  mutating func send(_ bytes: [UInt8], due: BootTime, _ stats: inout FieldStats.Line) {
    guard !bytes.isEmpty, output.count + bytes.count <= Self.outputLimit else { return }
    // Two do not talk at once here: who is late waits for the end of the other.
    if output.isEmpty { outputStart = max(due, busyUntil ?? due) }
    output += bytes
    stats.busy += time(bytes.count)
    let end = outputStart.advanced(by: time(output.count))
    busyUntil = max(busyUntil ?? end, end)
  }

  /// What is over on the line by now and was not taken before.
  mutating func takeOutput(now: BootTime, _ stats: inout FieldStats.Line) -> [UInt8] {
    guard !output.isEmpty, outputStart <= now else { return [] }
    let over =
      pace.map { min($0.characters(in: outputStart.duration(to: now)), output.count) } ?? output.count
    guard over > outputSent else { return [] }
    let bytes = Array(output[outputSent..<over])
    stats.bytesOut += UInt64(bytes.count)
    outputSent = over
    if over == output.count {
      output.removeAll(keepingCapacity: true)
      outputSent = 0
    }
    return bytes
  }

  /// Bytes that have still to leave.
  var backlog: Int { output.count - outputSent }

  /// When a frame ends or a byte is over; nil: nothing is under way.
  var nextDue: BootTime? {
    var due: BootTime?
    if let pace, !input.isEmpty { due = inputEnd.advanced(by: pace.silence) }
    guard !output.isEmpty else { return due }
    let byte = outputStart.advanced(by: time(outputSent + 1))
    return min(due ?? byte, byte)
  }
}
